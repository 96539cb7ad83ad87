"""A node over its budget tells how many there were instead of each, whatever rules and cameras they came from."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.anomaly.engine import Engine, ids
from agent.anomaly.flood import RULE, AlertSettings
from agent.records import Event, Observation, Phase
from tests.anomaly.playing import MONDAY, lines, rules, series

THREE = """
- {kind: crossing, id: in, quantity: '*/person/in', update_s: 60}
- {kind: crossing, id: out, quantity: '*/person/out', update_s: 60}
- {kind: button, id: help, clear_s: 0}
"""


def played(readings: list[Observation], *, per_hour: int = 2, until: float = 4000.0, every_s: int = 1) -> list[Event]:
    """Events of a node with this budget; it is told the time every `every_s` seconds."""
    one = Engine(rules(THREE), new_id=ids("00000001"), alerts=AlertSettings(per_hour=per_hour))
    events: list[Event] = []
    coming = sorted(readings, key=lambda each: each.at)
    for second in range(0, int(until) + 1, every_s):
        while coming and coming[0].at <= MONDAY + second:
            events += one.update(coming.pop(0))
        events += one.advance(MONDAY + second + 0.5)
    return events


def summaries(events: list[Event]) -> list[Event]:
    return [event for event in events if event.rule == RULE]


def opened(events: list[Event]) -> list[Event]:
    return [event for event in events if event.phase is Phase.OPENED]


def many(
    count: int, *, source: str = "gate-cam", quantity: str = "kerb/person/out", since: float = 0.0
) -> list[Observation]:
    return series(quantity, [(since + 10.0 * n, 1) for n in range(count)], source=source)


def test_two_cameras_and_two_rules_have_one_budget_and_one_summary():
    readings = many(2) + many(2, source="yard-cam", since=20.0) + many(4, quantity="kerb/person/in", since=40.0)
    events = played(readings)
    assert [event.rule for event in opened(events)] == ["out", "out", RULE]
    assert lines(summaries(events)) == ["20 opened 1", "320 updated 6", "3620 closed 6 budget"]


def test_everything_is_told_or_counted():
    events = played(many(30))
    single = [event for event in opened(events) if event.rule != RULE]
    assert len(single) + summaries(events)[-1].reason.observed == 30


def test_an_event_that_was_not_opened_has_no_end_either():
    events = played(many(9))
    told = {event.id for event in opened(events)}
    assert {event.id for event in events} == told


def test_an_alarm_is_always_told():
    pressed = series("pressed", [(100.0, 0), (101.0, 1)], source="help")
    assert any(event.rule == "help" for event in opened(played(many(9) + pressed)))


def test_an_hour_later_there_is_room_again():
    events = played(many(5) + many(1, since=3700.0), until=3701)
    assert opened(events)[-1].at == MONDAY + 3700.0


def test_within_the_budget_nothing_is_held_back():
    one = Engine(rules(THREE), new_id=ids("00000001"))
    free = [event for reading in many(8) for event in one.update(reading)]
    assert [e for e in played(many(8), per_hour=8, until=100) if e.phase is Phase.OPENED] == opened(free)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 400), max_size=40, unique=True), st.integers(1, 5), st.sampled_from([1, 7, 60]))
def test_however_time_is_cut_the_same_is_told_and_no_hour_has_more(seconds: list[int], per_hour: int, every_s: int):
    readings = series("kerb/person/out", [(float(second), 1) for second in sorted(seconds)])
    finely = played(readings, per_hour=per_hour, until=420)
    begun = [event.at for event in opened(finely) if event.rule != RULE]
    assert all(sum(at - 3600 < other <= at for other in begun) <= per_hour for at in begun)
    coarsely = played(readings, per_hour=per_hour, until=420, every_s=every_s)
    assert [(e.at, e.id, e.phase) for e in opened(finely)] == [(e.at, e.id, e.phase) for e in opened(coarsely)]
