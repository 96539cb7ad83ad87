"""The life of one rule's events on one quantity of one source: opened, updated, closed.

    quiet -- holds for dwell_s, and the budget has room --> open -- over for clear_s --> quiet

At most one event is open; its phases come in order under one id; a told instant never goes back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent.anomaly.budget import Budget, NewId
from agent.anomaly.settings import Rule
from agent.anomaly.verdict import NEVER
from agent.records import Event, Phase, Reason

LEVELS = 3
"""Of a quantity that belongs to a place: zone, label, measure."""


@dataclass(slots=True)
class _Open:
    """An open event: as it was opened, since when it held, what was told of it, the most there was."""

    event: Event
    since: float
    told_at: float
    told: float
    latest: Reason
    worst: Reason
    over: float | None = None


@dataclass(slots=True)
class Life:
    """What the verdicts on one quantity make worth telling; `due` is when time alone makes a step."""

    rule: Rule
    source: str
    quantity: str
    budget: Budget
    new_id: NewId
    due: float = NEVER
    _held: float | None = None
    """Since when it has held, while no event is open."""
    _refused: bool = False
    _count: int = 0
    _open: _Open | None = None

    @property
    def is_open(self) -> bool:
        """Whether an event is under way."""
        return self._open is not None

    def hold(
        self, reason: Reason, at: float, *, since: float | None = None, held: float | None = None
    ) -> Iterator[Event]:
        """What the rule describes is the case; `since` is when it began, `held` from when the dwell counts, where not from now."""
        if self._open is not None:
            yield from self._go_on(self._open, reason, at)
            return
        if self._held is None:
            self._held = at if held is None else held
        self.due = self._held + self.rule.dwell_s
        if at >= self.due:
            yield from self._try(reason, self._held if since is None else since, at)

    def rest(self, last_word: Reason | None, at: float) -> Iterator[Event]:
        """It is not the case (any more)."""
        self._held, self._refused, self.due = None, False, NEVER
        if (current := self._open) is None:
            return
        if current.over is None:
            current.over = at
            current.worst = _worse(current.worst, last_word)
        if at >= current.over + self.rule.clear_s:
            yield from self.close(at, "rule", over=current.over)
            return
        yield from self._tell(current, at)
        self.due = min(self.due, current.over + self.rule.clear_s)

    def close(self, at: float, why: str, *, over: float) -> Iterator[Event]:
        """End an open event at once; what it tells of held until `over`."""
        self._held, self._refused, self.due = None, False, NEVER
        if (current := self._open) is None:
            return
        self._open = None
        over = over if current.over is None else current.over
        yield replace(
            current.event,
            phase=Phase.CLOSED,
            at=at,
            reason=current.worst,
            duration_s=max(0.0, over - current.since),
            closed_by=why,
        )

    def _try(self, reason: Reason, since: float, at: float) -> Iterator[Event]:
        if not self.budget.grants(at):
            self.due = self.budget.free_at()
            if not self._refused:
                yield from self.budget.refuse(self.quantity, at)
            self._refused = True
            return
        event = self._event(reason, at)
        self._open, self.due = _Open(event, since, at, reason.observed, reason, reason), NEVER
        yield event

    def _go_on(self, current: _Open, reason: Reason, at: float) -> Iterator[Event]:
        current.over, current.latest = None, reason
        current.worst = _worse(current.worst, reason)
        yield from self._tell(current, at)

    def _tell(self, current: _Open, at: float) -> Iterator[Event]:
        """The latest value, where it is not what was told and the last telling is long enough ago."""
        reason = current.latest
        self.due = NEVER if reason.observed == current.told else current.told_at + self.rule.update_s
        if at >= self.due:
            current.told_at, current.told, self.due = at, reason.observed, NEVER
            yield replace(current.event, phase=Phase.UPDATED, at=at, reason=reason)

    def _event(self, reason: Reason, at: float) -> Event:
        zone, label = place(self.quantity)
        self._count += 1
        return Event(
            id=self.new_id(f"{self.rule.id} {self.source} {self.quantity} {self._count} {at!r}"),
            rule=self.rule.id,
            kind=self.rule.event,
            phase=Phase.OPENED,
            severity=self.rule.severity,
            at=at,
            source=self.source,
            reason=reason,
            zone=zone,
            label=label,
        )


def place(quantity: str) -> tuple[str, str]:
    """Zone and label of a `zone/label/measure`; empty where there is none, and for all labels."""
    levels = quantity.split("/")
    if len(levels) < LEVELS:
        return "", ""
    return levels[0], "" if levels[1] == "all" else levels[1]


def _worse(one: Reason, other: Reason | None) -> Reason:
    """The one that is farther from what was expected, on the side where `one` is."""
    if other is None:
        return one
    side = math.copysign(1.0, _excess(one))
    return other if side * _excess(other) > side * _excess(one) else one


def _excess(reason: Reason) -> float:
    return reason.observed - (reason.expected or 0.0)
