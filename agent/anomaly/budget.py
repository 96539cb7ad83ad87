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
    _told: tuple[float, float] = (0.0, 0.0)
    """When the summary was last told, and with which count."""
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
            reason = Reason(quantity, "budget", 1.0, expected=float(self.rule.per_hour))
            identity = self.new_id(f"{self.rule.id} {self.source} budget {at!r}")
            self._summary = Event(
                identity, self.rule.id, self.rule.event, Phase.OPENED, self.rule.severity, at, self.source, reason
            )
            yield from self._tell(self._summary, at)
        else:
            self.due = min(self.due, max(at, self._told[0] + self.rule.update_s))

    def wait(self, at: float) -> Iterator[Event]:
        """The summary, brought up to date or closed."""
        if self._summary is None or at < self.due:
            return
        if at >= self._summary.at + HOUR_S:
            yield from self.close(at, "budget")
        elif self._count != self._told[1]:
            yield from self._tell(self._current(at, Phase.UPDATED), at)

    def close(self, at: float, why: str) -> Iterator[Event]:
        """The last word of an open summary."""
        if self._summary is None:
            return
        held_s = at - self._summary.at
        yield replace(self._current(at, Phase.CLOSED), duration_s=held_s, closed_by=why)
        self._summary, self._count, self.due = None, 0.0, NEVER

    def _tell(self, event: Event, at: float) -> Iterator[Event]:
        self._told = (at, self._count)
        self.due = self._ends()
        yield event

    def _ends(self) -> float:
        return NEVER if self._summary is None else self._summary.at + HOUR_S

    def _current(self, at: float, phase: Phase) -> Event:
        if self._summary is None:
            raise AssertionError("no summary is open")
        reason = replace(self._summary.reason, observed=self._count)
        return replace(self._summary, phase=phase, at=at, reason=reason)
