"""A rule over its budget tells how many there were instead of each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.records import Event, Phase
from tests.anomaly.playing import MONDAY, lines, play, series

TWO = "- {kind: crossing, id: wrong-way, quantity: '*/person/out', per_hour: 2, update_s: 60}"


def summaries(events: list[Event]) -> list[Event]:
    return [event for event in events if event.reason.test == "budget"]


def test_what_is_over_the_budget_is_counted_in_one_summary():
    events = play(TWO, series("kerb/person/out", [(t, 1) for t in range(0, 100, 10)]), until=4000)
    single = [event for event in events if event.reason.test == "crossing"]
    assert lines(single) == ["0 opened 1", "0 closed 1", "10 opened 1", "10 closed 1"]
    assert lines(summaries(events)) == ["20 opened 1", "80 updated 7", "140 updated 8", "3620 closed 8 budget"]
    assert {event.reason.expected for event in summaries(events)} == {2.0}


def test_an_hour_later_there_is_room_again():
    events = play(TWO, series("kerb/person/out", [(0, 1), (10, 1), (20, 1), (3600, 1)]), until=3601)
    assert lines(events)[-2:] == ["3600 opened 1", "3600 closed 1"]


def test_what_still_holds_is_told_as_soon_as_there_is_room():
    text = "- {kind: presence, id: there, quantity: '*/person/count', per_hour: 1}"
    told = series("gate/person/count", [(0, 1), (5, 0)])
    told += series("yard/person/count", [(t, 1) for t in range(10, 4000, 10)])
    events = play(text, told)
    assert [(event.at - MONDAY, event.zone) for event in events if event.phase is Phase.OPENED] == [
        (0.0, "gate"),
        (10.0, ""),
        (3600.0, "yard"),
    ]


def test_one_noisy_source_does_not_silence_another():
    noisy = series("kerb/person/out", [(t, 1) for t in range(50)], source="noisy")
    events = play(TWO, noisy + series("kerb/person/out", [(60, 1)], source="quiet"))
    assert [event.phase for event in events if event.source == "quiet"] == [Phase.OPENED, Phase.CLOSED]


@given(st.lists(st.integers(0, 9000), max_size=60, unique=True), st.integers(1, 4))
def test_no_hour_has_more_events_than_its_budget_and_one_summary(seconds: list[int], per_hour: int):
    text = TWO.replace("per_hour: 2", f"per_hour: {per_hour}")
    crossings = series("kerb/person/out", [(t, 1) for t in seconds])
    events = play(text, crossings, until=max(seconds, default=0) + 4300, tick_s=600)
    opened = [event for event in events if event.phase is Phase.OPENED]
    single = [event.at for event in opened if event.reason.test == "crossing"]
    for at in single:
        assert sum(at <= other < at + 3600 for other in single) <= per_hour
    suppressed = sum(event.reason.observed for event in summaries(events) if event.phase is Phase.CLOSED)
    assert len(single) + suppressed == len(seconds), "none is lost: each is told or counted"
