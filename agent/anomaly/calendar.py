"""Hours of the week in local time, by arithmetic on seconds.

What the local offset is at an instant is asked of `local`, so this needs no time zone database. A
night that loses or repeats an hour is that much shorter or longer: the clock on the wall decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agent.anomaly.feasts import THURSDAY, Almanac
from agent.anomaly.options import DAYS, Hours

Local = Callable[[float], float]
"""Seconds to add to UTC to have local time, at an instant."""

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 86400.0


def utc(_at: float) -> float:
    """Local time where nobody says otherwise."""
    return 0.0


@dataclass(slots=True)
class Wall:
    """What the clock on the wall shows, at instants that run on when that clock is set.

    `shift` is how far the wall clock was set since the beginning, in seconds.
    """

    local: Local = utc
    shift: float = 0.0
    almanac: Almanac = field(default_factory=Almanac)

    def within(self, hours: Sequence[Hours], at: float) -> bool:
        """Whether any of `hours` holds at an instant."""
        shown = at + self.shift
        day, second = divmod(shown + self.local(shown), DAY_S)
        weekday = (int(day) + THURSDAY) % 7
        return any(_holds(window, weekday, second) for window in hours)

    def hour(self, at: float) -> tuple[str, int, float]:
        """Kind of the local day, its hour, and the seconds that are left of that hour."""
        shown = at + self.shift
        day, second = divmod(shown + self.local(shown), DAY_S)
        return self.almanac.kind(int(day)), int(second // HOUR_S), HOUR_S - second % HOUR_S

    def next_minute(self, at: float) -> float:
        """The next instant at which hours can begin or end."""
        minute = (math.floor((at + self.shift) / MINUTE_S) + 1) * MINUTE_S - self.shift
        return minute if minute > at else minute + MINUTE_S  # the shift has fractions, and floats an end


def _holds(window: Hours, weekday: int, second: float) -> bool:
    since, until = _seconds(window.since), _seconds(window.until)
    today = DAYS[weekday] in window.days
    if since < until:
        return today and since <= second < until
    yesterday = DAYS[weekday - 1] in window.days
    return (today and second >= since) or (yesterday and second < until)


def _seconds(time: str) -> float:
    return int(time[:2]) * 3600.0 + int(time[3:]) * MINUTE_S
