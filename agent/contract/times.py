"""Instants on the wire: RFC 3339 in UTC with milliseconds, to and from seconds since 1970.

Pure arithmetic that reads no clock. The invariant: `seconds(instant(at))` is `at` to the millisecond.
"""

from __future__ import annotations

import re
from functools import lru_cache

from agent.errors import Refused

_DAY_S = 86400
_SHAPE = re.compile(r"(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{3}))?Z", re.ASCII)
_END_S = 253_402_300_799.999
"""The last millisecond of 9999."""


def instant(at: float) -> str:
    """`at` as `2026-05-01T08:30:00.250Z`; Refused('bad-instant') before 1970 and after 9999."""
    if not 0 <= at < _END_S:
        raise Refused("bad-instant", f"{at} is no instant between 1970 and 9999")
    whole, milli = divmod(round(at * 1000), 1000)
    return f"{_second(whole)}.{milli:03}Z"


def seconds(text: str) -> float:
    """The inverse of `instant`; Refused('bad-instant') for what is no such moment."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise Refused("bad-instant", "not a date and time of day in UTC")
    date, hour, minute, second, milli = found.groups()
    return _midnight(date) + int(hour) * 3600 + int(minute) * 60 + int(second) + int(milli or "0") / 1000


def check_date(text: str) -> None:
    """Refused('bad-instant') for an instant of the right form on a day that no calendar has."""
    _midnight(text[:10])


_TWO = tuple(f"{number:02}" for number in range(60))


@lru_cache(maxsize=64)
def _second(at: int) -> str:
    """A whole second as text; neighbouring instants share it."""
    days, second = divmod(at, _DAY_S)
    minutes = second // 60
    return f"{_date(days)}T{_TWO[minutes // 60]}:{_TWO[minutes % 60]}:{_TWO[second % 60]}"


@lru_cache(maxsize=64)
def _date(days: int) -> str:
    """A count of days since 1970 as a date."""
    year, month, day = _civil(days)
    return f"{year:04}-{month:02}-{day:02}"


@lru_cache(maxsize=64)
def _midnight(date: str) -> int:
    """Seconds since 1970 at the beginning of a day of the calendar."""
    year, month, day = (int(part) for part in date.split("-"))
    days = _days(year, month, day)
    if _civil(days) != (year, month, day):
        raise Refused("bad-instant", f"{date} is no day of the calendar")
    return days * _DAY_S


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a count of days since 1970 (Hinnant, chrono-compatible date algorithms)."""
    era, day_of_era = divmod(days + 719468, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * march_month + 2) // 5 + 1
    month = march_month + 3 if march_month < 10 else march_month - 9  # noqa: PLR2004 -- years begin in March here
    return year_of_era + era * 400 + (month <= 2), month, day  # noqa: PLR2004


def _days(year: int, month: int, day: int) -> int:
    """The inverse of `_civil`; a date that does not exist gives the count of another one."""
    year -= month <= 2  # noqa: PLR2004
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
