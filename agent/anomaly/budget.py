"""How many events one rule may open for one source in any hour, and what tells of the rest.

The first event that finds no room opens one summary instead, which counts for an hour: a flood
becomes two or three records that say how many there were, never silence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from agent.anomaly.settings import Rule
from agent.anomaly.verdict import NEVER
from agent.records import Event, Phase, Reason

HOUR_S = 3600.0
LEAST_S = 60.0
"""A summary is not told more often than this, whatever its rule says of updates."""
NewId = Callable[[str], str]
"""The id of an event from what makes it unique within this run of the node."""


@dataclass(slots=True)
class Budget:
    """Room for events; `due` is when the open summary has something to tell."""

    rule: Rule
    source: str
    new_id: NewId
    due: float = NEVER
    _opened: deque[float] = field(default_factory=deque)
    _summary: Event | None = None
    _told_at: float = 0.0
    _count: float = 0.0

    def grants(self, at: float) -> bool:
        """Whether one more may open now; it is counted when it may."""
        while self._opened and self._opened[0] + HOUR_S <= at:
            self._opened.popleft()
        if len(self._opened) >= self.rule.per_hour:
            return False
        self._opened.append(at)
        return True

    def free_at(self) -> float:
        """When the next event may open, after one was refused."""
        return self._opened[0] + HOUR_S

    def refuse(self, quantity: str, at: float) -> Iterator[Event]:
        """Count one that may not open, and tell of it."""
        self._count += 1.0
        if self._summary is None:
            self._summary = self._opening(quantity, at)
            yield from self._tell(self._summary, self._summary)
        else:
            self.due = min(self.due, max(at, self._told_at + max(self.rule.update_s, LEAST_S)))

    def wait(self, at: float) -> Iterator[Event]:
        """The summary, brought up to date or closed."""
        if self._summary is None or at < self.due:
            return
        if at >= self._summary.at + HOUR_S:
            yield from self.close(at, "budget")
        else:
            yield from self._tell(self._summary, self._now(self._summary, Phase.UPDATED, at))

    def close(self, at: float, why: str) -> Iterator[Event]:
        """The last word of an open summary."""
        if (summary := self._summary) is None:
            return
        self._summary, self.due = None, NEVER
        yield replace(self._now(summary, Phase.CLOSED, at), duration_s=at - summary.at, closed_by=why)
        self._count = 0.0

    def _tell(self, summary: Event, event: Event) -> Iterator[Event]:
        self._told_at, self.due = event.at, summary.at + HOUR_S
        yield event

    def _opening(self, quantity: str, at: float) -> Event:
        return Event(
            id=self.new_id(f"{self.rule.id} {self.source} budget {at!r}"),
            rule=self.rule.id,
            kind=self.rule.event,
            phase=Phase.OPENED,
            severity=self.rule.severity,
            at=at,
            source=self.source,
            reason=Reason(quantity, "budget", self._count, expected=float(self.rule.per_hour)),
        )

    def _now(self, summary: Event, phase: Phase, at: float) -> Event:
        return replace(summary, phase=phase, at=at, reason=replace(summary.reason, observed=self._count))
