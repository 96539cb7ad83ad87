"""The only reader of time.

`SystemClock.now()` runs on the monotonic clock from one anchor to the wall clock, so a step of the
wall clock never turns a duration negative; `resync()` takes the new wall time and says how far it
moved. It never tells a time before its floor: a dead battery's 1970 is taken for what it is. `SimulatedClock` stands still until it is told to sleep.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

CLOCK = "clock"
"""Source of the ticks in the pipeline; no camera or sensor may have this id."""

FLOOR = 1_735_689_600.0
"""2025-01-01 UTC: no node with this program lived before."""


class Clock(Protocol):
    """Seconds since 1970 UTC by `now`, seconds since an unspecified start by `monotonic`."""

    def now(self) -> float: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...


@dataclass(slots=True)
class SystemClock:
    """The clock of the machine."""

    wall: Callable[[], float] = time.time
    ticks: Callable[[], float] = time.monotonic
    floor: float = FLOOR
    _offset: float = field(init=False)

    def __post_init__(self) -> None:
        self._offset = max(self.wall(), self.floor) - self.ticks()

    def now(self) -> float:
        return self._offset + self.ticks()

    def monotonic(self) -> float:
        return self.ticks()

    def not_before(self, at: float) -> None:
        """Raise the floor to an instant that has surely passed."""
        self.floor = max(self.floor, at)
        self._offset += max(0.0, self.floor - self.now())

    @property
    def impossible(self) -> bool:
        """Whether the wall clock shows a time that has surely passed, so that ours is a guess."""
        return self.wall() < self.floor

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))

    def resync(self, *, tolerance_s: float = 0.5) -> float:
        """Follow a wall clock that was set; the step taken in seconds, 0.0 within the tolerance.

        A wall clock below the floor is not followed.
        """
        step = self.wall() - self.now()
        if abs(step) <= tolerance_s or self.impossible:
            return 0.0
        self._offset += step
        return step


@dataclass(slots=True)
class SimulatedClock:
    """A clock that advances only when somebody sleeps on it."""

    at: float = 0.0
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.at

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at - self.started

    def sleep(self, seconds: float) -> None:
        self.at += max(0.0, seconds)

    def advance_to(self, at: float) -> None:
        """Move to `at`; a moment that has passed changes nothing."""
        self.at = max(self.at, at)


def local_offset(timezone: str) -> Callable[[float], float]:
    """What to add to an instant to have local time in an IANA zone, in seconds, daylight saving included."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(timezone)

    def offset(at: float) -> float:
        gap = datetime.fromtimestamp(at, zone).utcoffset()
        return gap.total_seconds() if gap else 0.0

    return offset
