"""What a digital input means, from edges and time alone: no pins, no threads, no clock.

    edge -> Debounce -> level        a level counts when it has held for `bounce_s`
         -> Chatter  -> on or off    more edges a minute than the part can honestly make
    level -> Stuck   -> on or off    active for longer than anybody stays

Rules that hold for every sequence of edges: told levels alternate, told moments never go back, and
an input that chatters says nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.records import Observation
from agent.sensors.states import States

MINUTE_S = 60.0
SET_BACK_S = 1.0
"""Time that goes back further than this is a clock that was set; less is two threads racing."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The input became active, or stopped being so."""

    at: float
    active: bool


@dataclass(slots=True)
class Debounce:
    """Believes a level after it has held for `bounce_s`, and stamps it with that later moment."""

    bounce_s: float
    active: bool = False
    _candidate: Edge | None = None

    def update(self, edge: Edge) -> Iterator[Edge]:
        """Levels that became certain up to and with this edge."""
        yield from self.advance(edge.at)
        if edge.active == self.active:
            self._candidate = None
        elif self._candidate is None:
            self._candidate = edge
        yield from self.advance(edge.at)

    def advance(self, at: float) -> Iterator[Edge]:
        """The level that has become certain by `at`, if one has."""
        if self._candidate is None or at < (sure := self._candidate.at + self.bounce_s):
            return
        self.active, self._candidate = self._candidate.active, None
        yield Edge(sure, self.active)

    def forget(self) -> None:
        self._candidate = None


@dataclass(slots=True)
class Chatter:
    """On while the last minute held more than `per_min` edges, until it holds half of that.

    Edges nearer than `apart_s` count as one, so a switch that bounces cleanly is not chatter and a
    loose contact in the wind is.
    """

    per_min: int
    apart_s: float
    on: bool = False
    _edges: deque[float] = field(init=False)

    def __post_init__(self) -> None:
        self._edges = deque(maxlen=self.per_min + 1)

    def update(self, at: float) -> None:
        if not self._edges or at - self._edges[-1] >= self.apart_s:
            self._edges.append(at)

    def advance(self, at: float) -> bool:
        while self._edges and self._edges[0] <= at - MINUTE_S:
            self._edges.popleft()
        self.on = len(self._edges) > (self.per_min // 2 if self.on else self.per_min)
        return self.on

    def forget(self) -> None:
        self._edges.clear()


@dataclass(slots=True)
class Stuck:
    """On while the level has been active for `after_s` without a break; never where that is none."""

    after_s: float | None
    _since: float | None = None

    def update(self, edge: Edge) -> None:
        if not edge.active:
            self._since = None
        elif self._since is None:
            self._since = edge.at

    def advance(self, at: float) -> bool:
        return self.after_s is not None and self._since is not None and at - self._since >= self.after_s

    def forget(self, at: float) -> None:
        self._since = None if self._since is None else at


@dataclass(slots=True)
class Contact:
    """One input as observations: `quantity` 0 or 1, and `chatter` and `stuck` when they change."""

    source: str
    quantity: str
    debounce: Debounce
    chatter: Chatter
    stuck: Stuck
    states: States
    raw: bool
    """The level of the latest edge, believed or not."""
    _last: float

    @classmethod
    def starting(
        cls,
        first: Edge,
        *,
        source: str,
        quantity: str,
        bounce_s: float,
        chatter_per_min: int,
        stuck_s: float | None,
    ) -> Contact:
        """An input whose level at the start is known and believed."""
        stuck = Stuck(stuck_s)
        stuck.update(first)
        debounce, chatter = Debounce(bounce_s, first.active), Chatter(chatter_per_min, bounce_s)
        return cls(source, quantity, debounce, chatter, stuck, States(source), first.active, first.at)

    def update(self, edge: Edge) -> Iterator[Observation]:
        """What an edge makes certain."""
        at = self._steady(edge.at)
        self.raw = edge.active
        self.chatter.update(at)
        yield from self._levels(self.debounce.update(Edge(at, edge.active)), at)

    def read(self, at: float) -> Iterator[Observation]:
        """What has become certain by `at`, the states that changed, and the level as it stands."""
        at = self._steady(at)
        yield from self._levels(self.debounce.advance(at), at)
        yield from self.states.tell("chatter", at, on=self.chatter.advance(at))
        yield from self.states.tell("stuck", at, on=self.stuck.advance(at))
        if not self.chatter.on:
            yield Observation(self.source, self.quantity, float(self.debounce.active), at)

    def _levels(self, edges: Iterator[Edge], at: float) -> Iterator[Observation]:
        for edge in edges:
            self.stuck.update(edge)
            if not self.chatter.advance(at):
                yield Observation(self.source, self.quantity, float(edge.active), edge.at)

    def _steady(self, at: float) -> float:
        """`at`, never before the last moment, unless the clock was set back: then all spans restart."""
        if at < self._last - SET_BACK_S:
            self.debounce.forget()
            self.chatter.forget()
            self.stuck.forget(at)
            self._last = at
        self._last = max(self._last, at)
        return self._last
