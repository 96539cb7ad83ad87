"""Rules on things that happen: crossings, presses, too many within a while."""

from __future__ import annotations

from tests.anomaly.playing import lines, play, series

WRONG_WAY = "- {kind: crossing, id: wrong-way, quantity: kerb/person/out, severity: warning}"


def test_every_crossing_is_told_once_and_is_over_at_once():
    events = play(WRONG_WAY, series("kerb/person/out", [(5, 1), (9, 1)]))
    assert lines(events) == ["5 opened 1", "5 closed 1", "9 opened 1", "9 closed 1"]
    assert len({event.id for event in events}) == 2
    assert {(event.kind, event.zone, event.label) for event in events} == {("crossing", "kerb", "person")}


def test_a_crossing_in_the_other_direction_is_not_told():
    assert play(WRONG_WAY, series("kerb/person/in", [(5, 1)])) == []


def test_two_crossings_at_the_same_instant_are_one_event_of_two():
    assert lines(play(WRONG_WAY, series("kerb/person/out", [(5, 1), (5, 1)]))) == ["5 opened 1", "5 closed 2"]


def test_a_group_that_crosses_together_can_be_one_event():
    text = "- {kind: crossing, id: group, quantity: kerb/person/in, clear_s: 10}"
    events = play(text, series("kerb/person/in", [(0, 1), (4, 1), (9, 1), (40, 1)]), until=60)
    assert lines(events) == ["0 opened 1", "19 closed 3", "40 opened 1", "50 closed 1"]


def test_a_press_of_the_help_button_is_an_alarm():
    text = "- {kind: button, id: help}"
    opened, closed = play(text, series("pressed", [(0, 0), (3, 1), (3.5, 1), (4, 0)]), until=60)
    assert (opened.kind, opened.severity) == ("report", "alarm")
    assert lines([opened, closed]) == ["3 opened 1", "34 closed 1"]


def test_a_button_that_is_pressed_twice_says_so():
    text = "- {kind: button, id: help}"
    presses = [(3, 1), (4, 0), (10, 1), (11, 0), (100, 1), (101, 0)]
    assert lines(play(text, series("pressed", presses), until=140)) == [
        "3 opened 1",
        "10 updated 2",
        "41 closed 2",
        "100 opened 1",
        "131 closed 1",
    ]


def test_a_button_that_is_held_down_is_one_press():
    text = "- {kind: button, id: help}"
    assert lines(play(text, series("pressed", [(t, 1) for t in range(100)] + [(100, 0)]), until=140)) == [
        "0 opened 1",
        "130 closed 1",
    ]


def test_more_crossings_within_a_minute_than_allowed():
    text = "- {kind: rate, id: rush, quantity: kerb/person/in, more_than: 3, window_s: 60}"
    crossings = [(0, 1), (10, 1), (20, 1), (30, 1), (40, 1)]
    assert lines(play(text, series("kerb/person/in", crossings), until=120)) == ["30 opened 4", "70 closed 5"]


def test_slow_crossings_are_no_rush():
    text = "- {kind: rate, id: rush, quantity: kerb/person/in, more_than: 3, window_s: 60}"
    assert play(text, series("kerb/person/in", [(t, 1) for t in range(0, 600, 20)])) == []


def test_a_level_that_is_told_all_the_time_counts_when_it_rises():
    text = "- {kind: rate, id: busy, quantity: motion, of: rises, more_than: 2, window_s: 60}"
    level = [(t, 1 if t % 20 < 10 else 0) for t in range(61)]
    assert lines(play(text, series("motion", level))) == ["40 opened 3"]


def test_many_happenings_take_little_memory():
    """A window holds 900 moments at most, and still counts all that happened."""
    text = "- {kind: rate, id: rush, quantity: kerb/person/in, more_than: 5000, window_s: 3600}"
    crossings = [(t / 10, 1) for t in range(20_000)]
    assert lines(play(text, series("kerb/person/in", crossings)))[0] == "500 opened 5001"
