"""Which kind of day a date is: markets, feasts, and the rest by the day of the week."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.anomaly.feasts import Almanac, CalendarSettings, civil, easter, number, weekday
from agent.documents import convert, parse
from agent.errors import ConfigError

EPOCH = date(1970, 1, 1).toordinal()


def kind(text: str, year: int, month: int, day: int) -> str:
    settings: CalendarSettings = convert(parse(text, name="calendar"), CalendarSettings, name="calendar")
    return Almanac(settings).kind(number(year, month, day))


@given(st.dates())
def test_days_become_dates_and_back(day: date):
    """The whole of the Gregorian calendar, against the one of the standard library."""
    count = day.toordinal() - EPOCH
    assert civil(count) == (day.year, day.month, day.day)
    assert number(day.year, day.month, day.day) == count
    assert weekday(count) == ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day.weekday()]


@pytest.mark.parametrize(
    "day",
    ["1961-04-02", "1981-04-19", "2000-04-23", "2008-03-23", "2024-03-31", "2025-04-20", "2026-04-05", "2038-04-25"],
)
def test_easter_is_when_the_church_says(day: str):
    assert easter(int(day[:4])) == date.fromisoformat(day).toordinal() - EPOCH


@pytest.mark.parametrize(
    "day", [(2026, 1, 6), (2026, 4, 5), (2026, 4, 6), (2026, 4, 25), (2026, 6, 2), (2026, 10, 4), (2026, 12, 26)]
)
def test_a_holiday_of_italy_is_a_feast(day: tuple[int, int, int]):
    assert kind("{}", *day) == "feast"
    assert kind("{holidays: none}", *day) != "feast"


def test_saint_francis_was_an_ordinary_day_before_2026():
    assert kind("{}", 2025, 10, 4) == "sat"


def test_a_market_is_every_week_on_its_day():
    text = "days: [{id: market, every: wed}]"
    assert [kind(text, 2026, 3, day) for day in (3, 4, 11)] == ["tue", "market", "market"]


def test_a_market_may_be_on_some_of_a_months_days_only():
    text = "days: [{id: antiques, every: sun, nth: [2, -1]}]"
    assert [kind(text, 2026, 3, day) for day in (1, 8, 15, 22, 29)] == ["sun", "antiques", "sun", "sun", "antiques"]


def test_a_date_is_of_one_year_or_of_every_year():
    text = 'days: [{id: patron, on: ["06-24", "2026-08-14"]}]'
    days = [(2026, 6, 24), (2027, 6, 24), (2026, 8, 14), (2027, 8, 14)]
    assert [kind(text, *day) for day in days] == ["patron", "patron", "patron", "sat"]


def test_the_first_that_fits_decides():
    text = 'days: [{id: fair, on: ["05-01"]}, {id: market, every: fri}]'
    assert kind(text, 2026, 5, 1) == "fair"


@pytest.mark.parametrize(
    "wrong", ["{id: market}", "{id: market, nth: [1]}", "{id: sun, every: sun}", "{id: x, on: [13-01]}"]
)
def test_a_day_that_says_nothing_or_too_much_is_refused(wrong: str):
    with pytest.raises(ConfigError):
        kind(f"days: [{wrong}]", 2026, 1, 1)
