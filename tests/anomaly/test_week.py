"""What is usual in an hour of the week, and what the rule makes of it.

A world would have to run for weeks of pictures, so these histories are lists of numbers.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterable

import pytest

from agent.anomaly.calendar import Local, utc
from agent.anomaly.counted import DAYS_KEPT, RECENT
from agent.anomaly.engine import Engine, ids
from agent.anomaly.feasts import CalendarSettings, SpecialDay
from agent.anomaly.week import KEPT, Week
from agent.errors import Refused
from agent.records import Event, Observation
from tests.anomaly.playing import MONDAY, rules

HOUR, DAY, WEEK = 3600.0, 86400.0, 7 * 86400.0
RULE = "[{kind: week, id: rush, quantity: gate/person/in, deviations: 4}]"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Count = Callable[[int], float]


def usual_count(hour: int) -> float:
    """Busy by day, empty by night."""
    return float(20 + hour % 3) if 8 <= hour % 24 < 20 else 0.0


def learned(weeks: int, count: Count = usual_count, **options) -> Week:
    week = Week(**options)
    for hour in range(weeks * 168):
        week.learn(DAYS[hour // 24 % 7], hour % 24, count(hour), 1.0)
    return week


def lived(
    hours: Iterable[int],
    count: Count,
    *,
    one: Engine | None = None,
    share: Callable[[int], float] = lambda _hour: 1.0,
    local: Local = utc,
    days: CalendarSettings | None = None,
) -> list[Event]:
    """Events of hours counted from Monday midnight: people come at half past, a camera reports every ten minutes."""
    engine = one or Engine(rules(RULE), new_id=ids("00000001"), local=local, days=days)
    events: list[Event] = []
    for hour in hours:
        at = MONDAY + hour * HOUR
        for minute in range(0, 60, 10):
            events += engine.update(Observation("gate-cam", "camera/observed", share(hour), at + minute * 60.0))
            if minute == 30:
                events += engine.update(Observation("gate-cam", "gate/person/in", count(hour), at + 1800.0))
    return events + engine.advance(MONDAY + (max(hours) + 1) * HOUR + 0.5)


def opened(events: list[Event]) -> list[tuple[int, float]]:
    """The hour in which each event began, and what was seen."""
    return [(int((event.at - MONDAY) // HOUR), event.reason.observed) for event in events if event.phase == "opened"]


def but(hour: int, value: float) -> Count:
    return lambda one: value if one == hour else usual_count(one)


def test_nothing_is_expected_in_the_first_two_weeks():
    assert learned(1).usual("wed", 10) is None
    assert learned(2).usual("wed", 10) is not None


def test_an_hour_is_expected_from_its_own_weeks():
    week = learned(4)
    day, night = week.usual("wed", 10), week.usual("wed", 3)
    assert day is not None
    assert night is not None
    assert day.expected == pytest.approx(21.0, abs=2.0)
    assert night.expected < 0.2
    assert (night.side(9.0, 4.0), day.side(22.0, 4.0)) == (1, 0)
    assert week.evidence("wed", 10) == 4.0


def test_of_an_hour_seen_by_half_half_is_expected():
    half = learned(4).usual("wed", 10, 0.5)
    assert half is not None
    assert half.expected == pytest.approx(10.5, abs=1.0)


def test_of_an_hour_hardly_seen_nothing_is_said_or_learned():
    week = learned(4)
    before = week.state()
    week.learn("wed", 10, 0.0, 0.2)
    assert week.usual("wed", 10, 0.2) is None
    assert week.state() == before


def test_hours_seen_in_part_count_as_that():
    week = Week()
    for _ in range(4):
        week.learn("wed", 10, 8.0, 0.4)
    usual = week.usual("wed", 10)
    assert usual is not None
    assert usual.expected == pytest.approx(20.0, abs=0.5)
    assert week.evidence("wed", 10) == pytest.approx(1.6)


def test_a_single_wild_hour_does_not_move_the_expectation():
    week = learned(4)
    before = week.usual("wed", 10)
    week.learn("wed", 10, 500.0, 1.0)
    after = week.usual("wed", 10)
    assert before is not None
    assert after is not None
    assert after.expected == pytest.approx(before.expected, abs=0.5)


def test_what_comes_three_weeks_in_a_row_is_the_new_usual():
    week = learned(4)
    for _ in range(3):
        week.learn("wed", 10, 500.0, 1.0)
    after = week.usual("wed", 10)
    assert after is not None
    assert after.expected > 300.0


def test_what_an_earlier_version_kept_is_taken_up():
    """Samples without a day, and a model that was kept otherwise."""
    week = Week()
    week.restore(
        {"week": {"mon 10": [[20.0, 1.0, 0], [22.0, 1.0, 0], [21.0, 1.0, 0]]}, "recent": [[1, 2.0, 2.0, 1.0, 1.0]]}
    )
    usual = week.usual("mon", 10)
    assert usual is not None
    assert usual.expected == pytest.approx(21.0, abs=1.0)


def test_a_first_feast_is_held_against_sundays():
    week = learned(3)
    usual = week.usual("feast", 10)
    assert usual is not None
    assert usual.expected == pytest.approx(21.0, abs=2.0)
    assert usual.spread(0.0) > 6.0, "but it may well be another day"
    assert week.usual("fair", 10) is None


def test_a_day_that_is_fuller_from_morning_on_is_expected_to_stay_so():
    rng = random.Random(2)
    days = [rng.uniform(0.6, 1.4) for _ in range(28)]
    week = learned(4, lambda hour: float(round(days[hour // 24] * usual_count(hour))))
    for hour in range(16):
        week.learn("mon", hour, 1.5 * usual_count(hour), 1.0)
    evening, tomorrow = week.usual("mon", 17), week.usual("tue", 17)
    assert evening is not None
    assert tomorrow is not None
    assert 1.15 < evening.expected / tomorrow.expected < 1.5


def test_one_surge_hardly_moves_what_is_expected_of_the_rest_of_the_day():
    calm, surged = learned(3), learned(3)
    for hour in range(12):
        calm.learn("mon", hour, usual_count(hour), 1.0)
        surged.learn("mon", hour, 300.0 if hour == 9 else usual_count(hour), 1.0)
    one, other = calm.usual("mon", 13), surged.usual("mon", 13)
    assert one is not None
    assert other is not None
    assert other.expected < 1.15 * one.expected


def test_working_days_that_are_alike_lend_one_another():
    """After three weeks of the same five days an hour rests on fifteen of them."""
    rng = random.Random(4)
    alike = learned(3, lambda hour: float(round(usual_count(hour) * rng.uniform(0.7, 1.3))))
    working, sunday = alike.usual("wed", 10), alike.usual("sun", 10)
    assert working is not None
    assert sunday is not None
    assert working.spread(0.0) / working.expected < sunday.spread(0.0) / sunday.expected


@pytest.mark.slow
def test_a_few_more_at_night_are_no_surge_however_rare():
    night = 3 * 168 + 3
    assert opened(lived(range(4 * 168), but(night, 4.0))) == []
    keen = Engine(rules("[{kind: week, id: rush, quantity: gate/person/in, least_gap: 0}]"), new_id=ids("00000001"))
    assert opened(lived(range(4 * 168), but(night, 4.0), one=keen)) == [(night, 4.0)]


@pytest.mark.slow
def test_a_season_is_followed():
    """Growth of a tenth a week is far from unusual after ten of them."""
    week = learned(10, lambda hour: usual_count(hour) * 1.1 ** (hour // 168))
    usual = week.usual("wed", 10)
    assert usual is not None
    assert usual.expected > 21.0 * 1.1**8


def test_a_level_has_its_own_spread():
    rng = random.Random(1)
    week = learned(
        6, lambda hour: 10.0 * math.sin(hour % 24 / 24 * math.tau) + rng.gauss(0.0, 1.0), model="level", adds_up=False
    )
    usual = week.usual("wed", 6)
    assert usual is not None
    assert usual.expected == pytest.approx(10.0, abs=1.5)
    assert 0.5 < usual.spread(0.0) < 3.0


@pytest.mark.slow
def test_memory_is_bounded():
    state = learned(9).state()
    assert len(state["week"]) == 168
    assert max(map(len, state["week"].values())) <= KEPT
    assert len(state["counted"]["pairs"]) <= RECENT
    assert len(state["counted"]["levels"]) <= DAYS_KEPT
    assert len(json.dumps(state)) < 60_000


def test_what_was_learned_survives_a_restart():
    week, other = learned(4), Week()
    other.restore(json.loads(json.dumps(week.state())))
    assert other.usual("fri", 18) == week.usual("fri", 18)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"week": {"mon": []}, "recent": []},
        {"week": {"mon 25": []}, "recent": []},
        {"week": {"mon 1": [[math.nan, 1.0, 0]]}, "recent": []},
        {"week": {"mon 1": [[1.0, 7.0, 0]]}, "recent": []},
        {"week": {}, "recent": [[1, 2]]},
        {"week": {}, "counted": {}},
        {"week": {}, "counted": learned(1).state()["counted"] | {"unrest": 0.0}},
        {"week": {}, "counted": learned(1).state()["counted"] | {"levels": [[1, math.inf]]}},
    ],
)
def test_what_is_no_week_is_refused(wrong: dict[str, object]):
    with pytest.raises(Refused):
        Week().restore(wrong)


def test_a_surge_is_told_within_its_hour_with_its_reason():
    wednesday = 3 * 168 + 2 * 24 + 10
    events = lived(range(4 * 168), but(wednesday, 90.0))
    assert opened(events) == [(wednesday, 90.0)]
    reason = events[0].reason
    assert reason.expected == pytest.approx(21.0, abs=2.0)
    assert (reason.evidence, reason.evidence_unit) == (3.0, "weeks")
    assert events[-1].phase == "closed"


def test_a_crowd_at_the_wrong_hour_is_told():
    assert opened(lived(range(4 * 168), but(3 * 168 + 3, 20.0))) == [(3 * 168 + 3, 20.0)]


@pytest.mark.slow
def test_an_hour_of_which_too_little_was_seen_is_not_judged_too_low():
    text = "[{kind: week, id: empty, quantity: gate/person/in, side: below}]"
    hour = 3 * 168 + 34
    blind = Engine(rules(text), new_id=ids("00000001"))
    seeing = Engine(rules(text), new_id=ids("00000001"))
    assert lived(range(4 * 168), but(hour, 0.0), one=blind, share=lambda one: 0.05 if one == hour else 1.0) == []
    assert opened(lived(range(4 * 168), but(hour, 0.0), one=seeing)) == [(hour + 1, 0.0)]


@pytest.mark.slow
def test_the_clock_on_the_wall_decides_in_summer_and_winter():
    """From the fourth week on everybody comes an hour earlier by UTC, and at the same hour by the wall."""
    summer = 3 * 168 + 2

    def local(at: float) -> float:
        return HOUR if at >= MONDAY + summer * HOUR else 0.0

    def count(hour: int) -> float:
        return usual_count(hour + (hour >= summer))

    assert lived(range(5 * 168), count, local=local) == []
    assert lived(range(5 * 168), count) != []


@pytest.mark.slow
def test_a_market_is_compared_with_markets_only():
    """Every second Thursday is five times as busy; once a market is as on any Thursday."""
    fairs = tuple(
        f"{year}-{date}" for year, date in ((2023, "11-23"), (2023, "12-07"), (2023, "12-21"), (2024, "01-04"))
    )
    days = CalendarSettings((SpecialDay(id="fair", on=fairs),), holidays="none")
    thursdays = {week * 168 + 3 * 24 + hour for week in (0, 2, 4, 6) for hour in range(24)}

    def count(hour: int) -> float:
        return usual_count(hour) * (5.0 if hour in thursdays else 1.0)

    assert lived(range(7 * 168), count, days=days) == []
    assert lived(range(7 * 168), count) != []


def test_a_restart_of_the_node_goes_on_where_it_was():
    first = Engine(rules(RULE), new_id=ids("00000001"))
    lived(range(3 * 168), usual_count, one=first)
    second = Engine(rules(RULE), new_id=ids("00000002"))
    second.restore(json.loads(json.dumps(first.state())))
    hour = 3 * 168 + 34
    assert opened(lived(range(3 * 168, 4 * 168), but(hour, 90.0), one=second)) == [(hour, 90.0)]


def test_a_node_that_was_off_learns_nothing_from_the_time():
    first = Engine(rules(RULE), new_id=ids("00000001"))
    lived(range(2 * 168), usual_count, one=first)
    second = Engine(rules(RULE), new_id=ids("00000002"))
    second.restore(first.state())
    assert lived(range(2 * 168 + 100, 4 * 168), usual_count, one=second) == []
    (state,) = second.state()["learned"].values()
    assert [len(state["week"][slot]) for slot in ("wed 10", "sat 10")] == [3, 4]
