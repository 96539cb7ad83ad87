"""Rules on a value that passes a threshold and comes back."""

from __future__ import annotations

import pytest

from agent.errors import ConfigError
from tests.anomaly.playing import lines, play, series

HOT = "- {kind: limit, id: hot, quantity: temperature_c, above: 40, hysteresis: 2}"


def test_a_temperature_over_its_limit_is_one_event_from_rise_to_fall():
    readings = [(0, 39), (10, 41), (20, 43), (30, 39), (40, 38), (50, 37)]
    assert lines(play(HOT, series("temperature_c", readings))) == ["10 opened 41", "40 closed 43"]


def test_noise_at_the_limit_does_not_open_twice():
    """Between 38 and 40 an open event stays open and a closed one stays closed."""
    readings = [(0, 41), (1, 39), (2, 40.5), (3, 38.5), (4, 37), (5, 39.5), (6, 37)]
    assert lines(play(HOT, series("temperature_c", readings))) == ["0 opened 41", "4 closed 41"]


def test_the_limit_itself_is_still_allowed():
    assert play(HOT, series("temperature_c", [(0, 40)])) == []


def test_an_event_names_the_limit_that_was_passed():
    text = "- {kind: limit, id: frost, quantity: temperature_c, above: 40, below: 0, hysteresis: 1}"
    events = play(text, series("temperature_c", [(0, -3), (1, -5), (2, 0.5), (3, 2), (4, 50)]))
    assert lines(events) == ["0 opened -3", "3 closed -5", "4 opened 50"]
    assert [event.reason.expected for event in events] == [0.0, 0.0, 40.0]


def test_a_level_must_hold_for_the_dwell_before_it_is_told():
    text = "- {kind: presence, id: there, quantity: gate/person/count, dwell_s: 30}"
    short = [(t, 1) for t in range(20)] + [(20, 0)]
    long = [(t, 1) for t in range(40, 100)] + [(100, 0)]
    events = play(text, series("gate/person/count", short + long))
    assert lines(events) == ["70 opened 1", "100 closed 1"]
    assert events[-1].duration_s == 60.0


def test_what_ends_exactly_with_the_dwell_was_not_longer():
    text = "- {kind: presence, id: there, quantity: gate/person/count, dwell_s: 30}"
    assert play(text, series("gate/person/count", [(0, 1), (30, 0)]), until=60) == []


def test_a_source_that_speaks_as_seldom_as_its_silence_is_long_is_not_silent():
    text = "- {kind: presence, id: open, quantity: open, stale_s: 60}"
    assert lines(play(text, series("open", [(t, 1) for t in range(0, 600, 60)]))) == ["0 opened 1"]


def test_a_short_gap_within_clear_does_not_close():
    text = "- {kind: presence, id: there, quantity: gate/person/count, clear_s: 10}"
    readings = [(0, 1), (5, 0), (10, 1), (12, 0)]
    events = play(text, series("gate/person/count", readings), until=60)
    assert lines(events) == ["0 opened 1", "22 closed 1"]
    assert events[-1].duration_s == 12.0


def test_someone_who_stays_too_long_is_loitering_where_they_stay():
    text = "- {kind: loitering, id: lingers, stay_s: 30}"
    readings = [(t, t) for t in range(45)] + [(45, 0)]
    opened, closed = play(text, series("gate/person/stay_s", readings))
    assert (opened.kind, opened.zone, opened.label, opened.reason.expected) == ("loitering", "gate", "person", 30.0)
    assert lines([opened, closed]) == ["31 opened 31", "45 closed 44"]
    assert closed.duration_s == 45.0, "the whole stay, not what was over the limit"


def test_more_people_than_a_place_should_hold():
    text = "- {kind: occupancy, id: full, more_than: 10, margin: 2}"
    readings = [(0, 10), (1, 11), (2, 14), (3, 9), (4, 8)]
    opened, closed = play(text, series("square/all/occupancy", readings))
    assert (opened.kind, opened.zone, opened.label) == ("occupancy", "square", "")
    assert lines([opened, closed]) == ["1 opened 11", "4 closed 14"]


def test_one_look_at_one_too_many_is_no_crowd():
    """The margin keeps an event open and opens none: what was read for a moment does not last through the dwell by it."""
    text = "- {kind: occupancy, id: full, more_than: 6, margin: 2, dwell_s: 2}"
    readings = [(0, 6), (1, 7), (2, 5), (3, 6), (4, 6), (5, 6), (6, 4)]
    assert play(text, series("square/all/occupancy", readings)) == []


@pytest.mark.parametrize(("dwell_s", "told"), [(0, "0 opened 41"), (1, "3 opened 42"), (2.5, "4.5 opened 42")])
def test_an_event_is_opened_by_values_that_all_passed_and_lives_through_noise(dwell_s, told):
    text = f"- {{kind: limit, id: hot, quantity: temperature_c, above: 40, hysteresis: 2, dwell_s: {dwell_s}}}"
    readings = [(0, 41), (1, 39), (2, 41), (3, 42), (4, 42), (5, 43), (6, 39), (7, 41), (8, 39), (9, 37)]
    assert lines(play(text, series("temperature_c", readings), tick_s=0.5)) == [told, "9 closed 43"]


def test_a_changed_value_is_told_again_but_not_too_often():
    text = "- {kind: occupancy, id: full, more_than: 10, update_s: 60}"
    readings = [(t, 11 + t // 10) for t in range(0, 150, 10)] + [(150, 3)]
    assert lines(play(text, series("square/all/occupancy", readings))) == [
        "0 opened 11",
        "60 updated 17",
        "120 updated 23",
        "150 closed 25",
    ]


def test_an_unchanged_value_is_not_told_again():
    text = "- {kind: presence, id: open, quantity: open, update_s: 10}"
    assert lines(play(text, series("open", [(t, 1) for t in range(100)]))) == ["0 opened 1"]


def test_a_silent_source_is_not_taken_for_calm_nor_for_trouble():
    """Nothing is known of a source that says nothing: the event ends as stale, at what was last seen."""
    text = "- {kind: presence, id: open, quantity: open, stale_s: 60}"
    events = play(text, series("open", [(0, 1), (10, 1)]), until=200)
    assert lines(events) == ["0 opened 1", "70 closed 1 stale"]
    assert events[-1].duration_s == 10.0


def test_a_source_that_says_other_things_is_not_silent():
    text = "- {kind: presence, id: open, quantity: stuck, stale_s: 60}"
    told = series("stuck", [(0, 1)]) + series("motion", [(t, 1) for t in range(0, 200, 10)])
    assert lines(play(text, told)) == ["0 opened 1"]


def test_what_was_open_before_a_silence_opens_again_only_when_it_is_read_again():
    text = "- {kind: presence, id: open, quantity: open, stale_s: 60}"
    told = series("open", [(0, 1), (300, 1)]) + series("fault", [(200, 0)])
    assert lines(play(text, told)) == ["0 opened 1", "60 closed 1 stale", "300 opened 1"]


def test_a_star_stands_for_any_one_level():
    text = "- {kind: presence, id: any, quantity: '*/person/count'}"
    told = series("gate/person/count", [(0, 1)]) + series("yard/person/count", [(1, 1)])
    told += series("gate/car/count", [(2, 1)]) + series("count", [(3, 1)])
    assert [event.zone for event in play(text, told)] == ["gate", "yard"]


def test_a_rule_of_one_source_leaves_the_others_alone():
    text = "- {kind: presence, id: open, quantity: open, source: cellar}"
    told = series("open", [(0, 1)], source="cellar") + series("open", [(0, 1)], source="attic")
    assert [event.source for event in play(text, told)] == ["cellar"]


@pytest.mark.parametrize(
    "text",
    [
        "- {kind: limit, id: hot, quantity: temperature_c}",
        "- {kind: limit, id: hot, quantity: temperature_c, above: 1, below: 2}",
        "- {kind: limit, id: Hot, quantity: temperature_c, above: 1}",
        "- {kind: limit, id: hot, quantity: a/b/c/d, above: 1}",
        "- {kind: limit, id: hot, quantity: temperature_c, above: 1, dwell: 3}",
        "- {kind: presence, id: a, quantity: open}\n- {kind: presence, id: a, quantity: motion}",
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(text: str):
    with pytest.raises(ConfigError):
        play(text, [])
