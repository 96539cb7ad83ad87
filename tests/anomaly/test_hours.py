"""Rules that depend on the clock on the wall: allowed hours, days, midnight, daylight saving."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.anomaly.calendar import Wall
from agent.anomaly.options import DAYS, Hours
from agent.clock import local_offset
from tests.anomaly.playing import MONDAY, lines, play, series

NIGHT = '- {kind: schedule, id: door, quantity: open, allowed: [{from: "07:00", to: "22:00"}]}'
HOUR = 3600.0
ROME = local_offset("Europe/Rome")


def hold(since_s: float, until_s: float) -> list[tuple[float, float]]:
    """A door that opens and closes, read every minute."""
    open_ = [(since_s + t, 1.0) for t in range(0, int(until_s - since_s), 60)]
    return [(since_s - 60, 0.0), *open_, (until_s, 0.0)]


def test_a_door_that_opens_at_night_is_told_and_one_by_day_is_not():
    by_day = hold(10 * HOUR, 10.1 * HOUR)
    at_night = hold(23 * HOUR, 23.1 * HOUR)
    events = play(NIGHT, series("open", by_day + at_night), tick_s=60)
    assert lines(events) == ["82800 opened 1", "83160 closed 1"]
    assert (events[0].reason.test, events[0].reason.expected) == ("schedule", 0.0)


def test_a_door_left_open_is_told_when_the_night_begins():
    assert lines(play(NIGHT, series("open", hold(21 * HOUR, 24 * HOUR)), tick_s=60)) == [
        "79200 opened 1",
        "86400 closed 1",
    ]


def test_a_door_open_at_night_is_well_again_in_the_morning():
    assert lines(play(NIGHT, series("open", hold(5 * HOUR, 9 * HOUR)), tick_s=60)) == [
        "18000 opened 1",
        "25200 closed 1",
    ]


def test_hours_may_run_over_midnight():
    text = '- {kind: presence, id: bar, quantity: open, during: [{from: "22:00", to: "02:00", days: [mon]}]}'
    events = play(text, series("open", hold(1 * HOUR, 1.1 * HOUR) + hold(25 * HOUR, 25.1 * HOUR)), tick_s=60)
    assert lines(events) == ["90000 opened 1", "90360 closed 1"], "Tuesday 01:00 belongs to Monday night"


@pytest.mark.parametrize(
    ("day", "hours_of_night"),
    [("2024-03-31", 7.0), ("2024-10-27", 9.0), ("2024-06-30", 8.0)],
)
def test_a_night_is_as_long_as_the_clock_on_the_wall_makes_it(day: str, hours_of_night: float):
    """From 22:00 to 06:00 is seven hours when the clock goes forward and nine when it goes back."""
    text = '- {kind: presence, id: night, quantity: open, during: [{from: "22:00", to: "06:00"}]}'
    noon = (
        datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=ZoneInfo("Europe/Rome")).timestamp() - 86400 - MONDAY
    )
    level = [(noon + t, 1.0) for t in range(0, 24 * 3600, 60)]
    (opened, closed) = play(text.replace("}]}", "}], stale_s: 600}"), series("open", level), local=ROME, tick_s=600)
    assert closed.at - opened.at == hours_of_night * HOUR


@given(
    at=st.floats(min_value=0, max_value=4e9),
    since=st.integers(0, 1439),
    length=st.integers(1, 1439),
    days=st.sets(st.sampled_from(DAYS), min_size=1),
)
def test_hours_agree_with_the_standard_library(at: float, since: int, length: int, days: set[str]):
    def text(minute: int) -> str:
        return f"{minute // 60:02}:{minute % 60:02}"

    window = Hours(since=text(since), until=text((since + length) % 1440), days=tuple(d for d in DAYS if d in days))
    local = datetime.fromtimestamp(at, ZoneInfo("Europe/Rome"))
    minute = local.hour * 60 + local.minute
    began_today = since <= minute < since + length
    began_yesterday = minute + 1440 < since + length
    expected = (began_today and DAYS[local.weekday()] in days) or (
        began_yesterday and DAYS[local.weekday() - 1] in days
    )
    assert Wall(ROME).within((window,), at) == expected


def test_a_whole_day_is_from_midnight_to_midnight():
    day = Hours(since="00:00", until="24:00", days=("sun",))
    inside = [Wall().within((day,), MONDAY + t * HOUR) for t in range(-25, 1)]
    assert inside == [False, *[True] * 24, False]
