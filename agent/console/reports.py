"""What people report by the form, as events: choices only, marked as unverified, and so many an hour at most.

No I/O and no clock. The invariant: an event holds what was chosen, how often, and the minute of it; nothing of
who chose, which nobody here ever learns.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from agent.console.settings import FormSettings
from agent.errors import Refused
from agent.records import Event, Phase, Reason, Severity

SOURCE = "form"
KIND = "report"
HOUR_S = 3600.0
MINUTE_S = 60.0
URGENT = frozenset({"help", "smoke", "water"})
"""Choices that are a warning; all others are a notice, and an alarm is for sensors and buttons."""


@dataclass(slots=True)
class _Open:
    """What was told last, when the first and the last voice came."""

    event: Event
    since: float
    last: float


@dataclass(slots=True)
class Reports:
    """What is open now; one event for each area and choice, however many people report it."""

    settings: FormSettings
    boot: str
    _open: dict[tuple[str, str], _Open] = field(default_factory=dict)
    _begun: deque[float] = field(default_factory=deque)

    def take(self, area: str, choice: str, *, at: float) -> Event | None:
        """A new event, or one more voice for an open one; None where that event was told within the same minute.

        Refused('data') for what the form does not offer, Refused('rate') when an hour holds no more.
        """
        if choice not in self.settings.choices or area not in {one.id for one in self.settings.areas}:
            raise Refused("data", "the form does not offer that")
        known, minute = self._open.get((area, choice)), math.floor(at / MINUTE_S) * MINUTE_S
        if known is None:
            self._count(at)
            known = self._open[area, choice] = _Open(self._event(area, choice, minute), minute, at)
            return known.event
        fresh = minute != known.event.at
        reason = replace(known.event.reason, observed=known.event.reason.observed + 1.0)
        known.event = replace(known.event, phase=Phase.UPDATED, at=minute, reason=reason)
        known.last = at
        return known.event if fresh else None

    def advance(self, at: float) -> list[Event]:
        """Reports that nobody has repeated for long enough are over."""
        due = [key for key, one in self._open.items() if at - one.last >= self.settings.open_s]
        return [_over(self._open.pop(key), at) for key in due]

    def _event(self, area: str, choice: str, at: float) -> Event:
        return Event(
            id=f"{self.boot} {area} {choice} {at:.0f}",
            rule=choice,
            kind=KIND,
            phase=Phase.OPENED,
            severity=Severity.WARNING if choice in URGENT else Severity.NOTICE,
            at=at,
            source=SOURCE,
            reason=Reason(f"{choice}_told", "report", 1.0),
            zone=area,
        )

    def _count(self, at: float) -> None:
        while self._begun and at - self._begun[0] >= HOUR_S:
            self._begun.popleft()
        if len(self._begun) >= self.settings.per_hour:
            raise Refused("rate", "too many reports in an hour")
        self._begun.append(at)


def _over(one: _Open, at: float) -> Event:
    lasted = math.floor(one.last / MINUTE_S) * MINUTE_S - one.since
    return replace(one.event, phase=Phase.CLOSED, at=at, duration_s=lasted, closed_by="rule")


def left_open(events: Iterable[Event], *, at: float) -> list[Event]:
    """Reports of an earlier run, which nobody can repeat any more."""
    return [replace(event, phase=Phase.CLOSED, at=at, closed_by="restart") for event in events]
