"""Counts per quarter of an hour, and how much of it was seen."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.anomaly.tally import Tally
from agent.records import Observation, Stat
from tests.anomaly.playing import MONDAY, Reading, series

QUARTER = 900.0


def told(observations: list[Observation], *, until: float) -> list[Stat]:
    tally = Tally()
    stats = [stat for one in sorted(observations, key=lambda o: o.at) for stat in tally.update(one)]
    return stats + tally.advance(MONDAY + until)


def watching(since: float, until: float, share: float = 1.0) -> list[Observation]:
    return series("camera/observed", [(float(t), share) for t in range(int(since), int(until) + 1)])


def test_a_quarter_tells_what_happened_and_how_many_were_there():
    crossings = series("kerb/person/in", [(10, 1), (20, 1), (899, 1)]) + series("kerb/person/out", [(30, 1)])
    counts = series("gate/person/count", [(float(t), 2.0 if t < 300 else 0.5) for t in range(900)])
    (stat,) = told(watching(0, 902) + crossings + counts, until=903)
    assert (stat.source, stat.since, stat.at) == ("gate-cam", MONDAY, MONDAY + QUARTER)
    assert stat.coverage == pytest.approx(1.0)
    assert dict(stat.values) == {
        "kerb/person/in": 3.0,
        "kerb/person/out": 1.0,
        "gate/person/count_mean": 1.0,
        "gate/person/count_max": 2.0,
    }


def test_intervals_begin_at_quarters_of_the_clock():
    stats = told(watching(450, 2000), until=2702)
    assert [(stat.since - MONDAY, stat.at - MONDAY) for stat in stats] == [(0, 900), (900, 1800), (1800, 2700)]
    assert [stat.coverage for stat in stats] == [pytest.approx(0.5), pytest.approx(1.0), pytest.approx(200 / 900)]


def test_a_camera_that_saw_half_of_the_time_says_so():
    (stat,) = told(watching(0, 902, share=0.5), until=903)
    assert stat.coverage == pytest.approx(0.5)


def test_a_camera_that_sees_nothing_any_more_says_that_it_saw_nothing():
    stats = told(watching(0, 900), until=2702)
    assert [stat.coverage for stat in stats] == [pytest.approx(1.0), 0.0, 0.0]
    assert stats[-1].values == ()


def test_a_time_that_no_report_covers_was_not_seen():
    """After a stall the next report says what share of the whole gap it saw."""
    stalled = watching(0, 300) + series("camera/observed", [(900.0, 1 / 600)])
    (stat,) = told(stalled, until=903)
    assert stat.coverage == pytest.approx(301 / 900)


def test_what_comes_a_moment_late_still_counts_where_it_belongs():
    tally = Tally()
    tally.update(Observation("gate-cam", "kerb/person/in", 1.0, MONDAY + 100))
    assert tally.advance(MONDAY + 901) == []
    tally.update(Observation("gate-cam", "kerb/person/in", 1.0, MONDAY + 899.9))
    (stat,) = tally.advance(MONDAY + 902)
    assert dict(stat.values) == {"kerb/person/in": 2.0}


def test_what_comes_too_late_counts_in_the_next():
    tally = Tally()
    tally.update(Observation("gate-cam", "kerb/person/in", 1.0, MONDAY + 100))
    tally.advance(MONDAY + 910)
    tally.update(Observation("gate-cam", "kerb/person/in", 1.0, MONDAY + 899.9))
    assert [dict(stat.values) for stat in tally.advance(MONDAY + 1802)] == [{"kerb/person/in": 1.0}]


def test_a_node_that_stops_tells_the_piece_it_has():
    tally = Tally()
    for one in watching(0, 300):
        tally.update(one)
    (stat,) = tally.finish(MONDAY + 450)
    assert stat.at - MONDAY == 450.0
    assert stat.coverage == pytest.approx(300 / 450)
    assert tally.finish(MONDAY + 450) == []


def test_a_thermometer_is_not_counted():
    assert told(series("temperature_c", [(0, 20), (10, 21)]), until=2000) == []


def test_what_is_no_number_is_left_alone():
    tally = Tally()
    assert tally.update(Observation("gate-cam", "kerb/person/in", math.nan, MONDAY)) == []
    assert tally.finish(MONDAY + 10) == []


def test_a_clock_that_leaps_does_not_tell_of_years():
    tally = Tally()
    tally.update(Observation("gate-cam", "kerb/person/in", 1.0, 100.0))
    assert len(tally.advance(MONDAY)) <= 1 + 96


def test_a_clock_that_is_set_back_counts_each_hour_for_itself():
    """What was counted is told; the hour that comes twice is not thrown into one quarter."""
    tally = Tally()
    stats = [stat for one in watching(3600, 5000) for stat in tally.update(one)]
    stats += [stat for one in watching(1401, 2800) for stat in tally.update(one)]
    stats += tally.finish(MONDAY + 2800)
    assert [(stat.since - MONDAY, round(stat.coverage, 2)) for stat in stats] == [
        (3600, 1.0),
        (4500, 0.56),
        (900, 0.44),
        (1800, 1.0),
        (2700, 1.0),
    ]


@given(st.lists(st.tuples(st.floats(0, 5000), st.integers(0, 5)), max_size=80))
def test_no_happening_is_lost_or_counted_twice(happenings: list[Reading]):
    tally = Tally()
    stats = [stat for one in series("kerb/person/in", sorted(happenings)) for stat in tally.update(one)]
    stats += tally.finish(MONDAY + 5000)
    total = sum(value for stat in stats for _, value in stat.values)
    assert total == sum(value for _, value in happenings)
    assert all(0.0 <= stat.coverage <= 1.0 and stat.since < stat.at for stat in stats)
