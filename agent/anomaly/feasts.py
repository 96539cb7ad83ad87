"""Days that are not like other days: markets, feasts, holidays; from the configuration, by arithmetic.

The invariant: every date has exactly one kind, and the same date always the same one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.anomaly.options import DAYS, Day, Id

FEAST = "feast"
"""Kind of the holidays of a country."""
THURSDAY = 3
"""1970-01-01 was one; Monday is 0."""
MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
FEBRUARY, DECEMBER = 2, 12
KEPT = 64
"""Dates whose kind is remembered."""

Date = Annotated[str, Meta(pattern=r"^(?:\d{4}-)?(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$")]
"""`2026-06-24`, or `06-24` for every year."""
Civil = tuple[int, int, int]
"""Year, month, day."""

_ITALY = {(1, 1), (1, 6), (4, 25), (5, 1), (6, 2), (8, 15), (11, 1), (12, 8), (12, 25), (12, 26)}
"""Law 260/1949 as it stands; Easter and the Monday after it are computed."""
_FRANCIS, _FRANCIS_SINCE = (10, 4), 2026
"""Saint Francis is a holiday again by law 151/2025."""


class SpecialDay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A kind of day: dates (`on`), a day of the week (`every`), or only some of a month's (`nth`, -1 the last)."""

    id: Id
    on: tuple[Date, ...] = ()
    every: Day | None = None
    nth: tuple[Literal[-1, 1, 2, 3, 4, 5], ...] = ()

    def __post_init__(self) -> None:
        if not self.on and self.every is None:
            raise ValueError("a special day needs `on` or `every`")
        if self.nth and self.every is None:
            raise ValueError("`nth` counts the days of `every`, which is missing")
        if self.id in (*DAYS, FEAST):
            raise ValueError(f"the id '{self.id}' is a kind that every calendar has")


class CalendarSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Special days, the first that fits decides; then the holidays of the country."""

    days: Annotated[tuple[SpecialDay, ...], Meta(max_length=16)] = ()
    holidays: Literal["none", "italy"] = "italy"


@dataclass(slots=True)
class Almanac:
    """What kind a date is, told by days since 1970-01-01 in local time."""

    settings: CalendarSettings = CalendarSettings()  # noqa: RUF009 -- frozen
    _known: dict[int, str] = field(default_factory=dict)

    def kind(self, day: int) -> str:
        """`mon` to `sun`, `feast`, or the id of a special day."""
        if day not in self._known:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[day] = self._kind(day)
        return self._known[day]

    def _kind(self, day: int) -> str:
        date = civil(day)
        for special in self.settings.days:
            if _fits(special, day, date):
                return special.id
        if self.settings.holidays == "italy" and _is_italian(day, date):
            return FEAST
        return weekday(day)


def weekday(day: int) -> Day:
    """The day of the week of a number of days since 1970-01-01."""
    return DAYS[(day + THURSDAY) % 7]


def number(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the Gregorian calendar."""
    before = year - 1
    leaps = before // 4 - before // 100 + before // 400
    first = 365 * before + leaps - 719_162
    return first + sum(MONTHS[: month - 1]) + (month > FEBRUARY and _leap(year)) + day - 1


def civil(day: int) -> Civil:
    """The date of a number of days since 1970-01-01."""
    year = 1970 + int(day // 365.2425)
    year += (day >= number(year + 1, 1, 1)) - (day < number(year, 1, 1))
    month = 1
    while month < DECEMBER and day >= number(year, month + 1, 1):
        month += 1
    return year, month, day - number(year, month, 1) + 1


def easter(year: int) -> int:
    """Easter Sunday of the Gregorian calendar, as days since 1970-01-01 (computus of Gauss, in Lichtenberg's form)."""
    century = year // 100
    moon = 15 + (3 * century + 3) // 4 - (8 * century + 13) // 25
    sun = 2 - (3 * century + 3) // 4
    first = (19 * (year % 19) + moon) % 30
    full = 21 + first - (first + (year % 19) // 11) // 29
    sunday = 7 - (year + year // 4 + sun) % 7
    return number(year, 3, 1) - 1 + full + 7 - (full - sunday) % 7


def _fits(special: SpecialDay, day: int, date: Civil) -> bool:
    year, month, of_month = date
    if f"{month:02}-{of_month:02}" in special.on or f"{year:04}-{month:02}-{of_month:02}" in special.on:
        return True
    if special.every != weekday(day):
        return False
    last = civil(day + 7)[1] != month
    return not special.nth or (of_month + 6) // 7 in special.nth or (last and -1 in special.nth)


def _is_italian(day: int, date: Civil) -> bool:
    year, *rest = date
    if tuple(rest) in _ITALY or (tuple(rest) == _FRANCIS and year >= _FRANCIS_SINCE):
        return True
    return day - easter(year) in (0, 1)


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
