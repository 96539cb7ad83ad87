"""What holds for every rule: order, lateness, refusal, restarts, clocks that are set."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.anomaly.kinds import KINDS
from agent.errors import Refused
from agent.records import Event, Observation, Phase
from tests.anomaly.playing import MONDAY, engine, lines, play, series

EVERYTHING = """
- {kind: limit, id: hot, quantity: temperature_c, above: 3, hysteresis: 1, dwell_s: 2, clear_s: 3}
- {kind: presence, id: there, quantity: '*/person/count', at_least: 2, clear_s: 5, update_s: 3, stale_s: 20}
- {kind: absence, id: dead, quantity: temperature_c, source: a, longer_s: 15}
- {kind: absence, id: empty, quantity: gate/person/count, of: presence, longer_s: 12, stale_s: 9}
- {kind: schedule, id: night, quantity: gate/person/count, allowed: [{from: "00:01", to: "00:02"}]}
- {kind: rate, id: rush, quantity: kerb/person/in, more_than: 2, window_s: 20}
- {kind: baseline, id: odd, quantity: temperature_c, every_s: 1, warm_up: 10, half_life: 10, deviations: 2}
- {kind: baseline, id: many, quantity: kerb/person/in, of: sum, model: counts, every_s: 5, warm_up: 10, half_life: 10,
   deviations: 2, stale_s: 30}
- {kind: week, id: hourly, quantity: kerb/person/in, side: both, stale_s: 30}
- {kind: series, id: strange, quantity: temperature_c, every_s: 1, warm_up: 50}
- kind: together
  id: set
  of: [{source: a, quantity: gate/person/count}, {source: a, quantity: temperature_c}]
  every_s: 1
  warm_up: 50
- kind: combined
  id: both
  all: [{source: a, quantity: gate/person/count, at_least: 2}]
  any: [{source: b, quantity: kerb/person/in}, {source: b, quantity: temperature_c, at_least: 2}]
  none: [{source: b, quantity: yard/person/count, at_least: 4}]
  within_s: 6
  stale_s: 40
  dwell_s: 1
- {kind: crossing, id: cross, quantity: kerb/person/in, per_hour: 4, clear_s: 1}
- {kind: loitering, id: linger, quantity: gate/person/count, stay_s: 3, dwell_s: 4}
- {kind: occupancy, id: full, quantity: gate/person/count, more_than: 3, per_hour: 2, update_s: 2}
- {kind: button, id: help, quantity: temperature_c, clear_s: 2, update_s: 0, per_hour: 3}
- {kind: health, id: eye, dwell_s: 2, clear_s: 1}
- {kind: normality, id: unusual, quantity: yard/person/count, score: 2, update_s: 2}
- {kind: stuck, id: stuck, quantity: temperature_c, longer_s: 4, during: [{from: "00:00", to: "00:03"}]}
"""
OBSERVATIONS = st.lists(
    st.tuples(
        st.floats(0, 7).map(lambda gap: round(gap, 1)),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["temperature_c", "gate/person/count", "yard/person/count", "kerb/person/in", "camera/dark"]),
        st.integers(0, 5),
    ),
    max_size=40,
)


def timed(steps: list[tuple[float, str, str, int]]) -> list[Observation]:
    """Observations in order of time from the gaps between them."""
    at, observations = MONDAY, []
    for gap, source, quantity, value in steps:
        at += gap
        observations.append(Observation(source, quantity, float(value), at))
    return observations


def run(observations: list[Observation], ticks: list[float], end: float) -> list[Event]:
    """Events of observations with these ticks between them, and one at the end."""
    one = engine(EVERYTHING)
    events: list[Event] = []
    waiting = sorted(ticks, reverse=True)
    for observation in observations:
        while waiting and waiting[-1] <= observation.at:
            events += one.advance(waiting.pop())
        events += one.update(observation)
    return events + one.advance(end)


def test_the_example_of_these_tests_has_every_kind():
    kinds = {type(rule) for rule in engine(EVERYTHING)._rules}
    assert kinds == KINDS


@given(OBSERVATIONS, st.lists(st.floats(0, 420), max_size=20))
def test_the_events_do_not_depend_on_how_time_is_cut(steps, cuts):
    observations = timed(steps)
    end = (observations[-1].at if observations else MONDAY) + 50.0
    first = observations[0].at if observations else MONDAY
    ticks = sorted(at for cut in cuts if first <= (at := MONDAY + cut) <= end)
    seconds = [MONDAY + second for second in range(int(first - MONDAY) + 1, int(end - MONDAY))]
    by_source = defaultdict(list)
    for event in run(observations, [], end):
        by_source[event.source, event.rule == "both"].append(event)
    for chopped in (run(observations, ticks, end), run(observations, seconds, end)):
        for source, both in (("a", False), ("a", True), ("b", False)):
            of_it = [event for event in chopped if (event.source, event.rule == "both") == (source, both)]
            assert of_it == by_source[source, both]


@given(OBSERVATIONS)
def test_phases_come_in_order_and_one_thing_has_one_open_event(steps):
    observations = timed(steps)
    end = (observations[-1].at if observations else MONDAY) + 50.0
    open_: dict[str, Event] = {}
    closed: set[str] = set()
    for event in run(observations, [], end):
        thing = f"{event.rule} {event.source} {event.reason.quantity} {event.reason.test == 'budget'}"
        assert event.id not in closed
        if event.phase is Phase.OPENED:
            assert thing not in open_
            open_[thing] = event
            continue
        assert open_[thing].id == event.id
        assert open_[thing].at <= event.at
        assert (event.phase is Phase.CLOSED) == (event.duration_s is not None) == (event.closed_by != "")
        if event.phase is Phase.CLOSED:
            closed.add(open_.pop(thing).id)


@given(OBSERVATIONS)
def test_closing_everything_leaves_nothing_open(steps):
    observations = timed(steps)
    one = engine(EVERYTHING)
    events = [event for observation in observations for event in one.update(observation)]
    events += one.close_all((observations[-1].at if observations else MONDAY) + 1.0, "command")
    phases = {event.id: event.phase for event in events}
    assert set(phases.values()) <= {Phase.CLOSED}


@given(OBSERVATIONS, st.integers(-3_000_000, 3_000_000))
def test_a_clock_that_was_set_changes_no_event_but_its_date(steps, by_s):
    """Rules without hours see the same history, whatever the calendar says meanwhile."""
    observations = timed(steps)
    text = "\n".join(line for line in EVERYTHING.splitlines() if "from:" not in line)
    plain, moved = engine(text), engine(text)
    for observation in observations[: len(observations) // 2]:
        assert plain.update(observation) == moved.update(observation)
    moved.stepped(by_s)
    for observation in observations[len(observations) // 2 :]:
        expected = plain.update(observation)
        told = moved.update(replace(observation, at=observation.at + by_s))
        assert [(event.rule, event.phase, event.reason.test) for event in told] == [
            (event.rule, event.phase, event.reason.test) for event in expected
        ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_and_changes_nothing(value: float):
    one = engine("- {kind: limit, id: hot, quantity: temperature_c, above: 3}")
    assert one.update(Observation("t1", "temperature_c", value, MONDAY)) == []
    assert one.update(Observation("t1", "temperature_c", 1.0, math.nan)) == []
    assert one.refused == 2


def test_a_reading_older_than_the_newest_is_dropped():
    one = engine("- {kind: presence, id: open, quantity: open}")
    one.update(Observation("door", "open", 0.0, MONDAY + 10))
    assert one.update(Observation("door", "open", 1.0, MONDAY + 9)) == []
    assert one.late == 1


def test_a_reading_that_is_merely_late_counts_now():
    """The tick of a second may come before a camera's numbers of that second."""
    one = engine("- {kind: crossing, id: cross, quantity: kerb/person/in}")
    one.advance(MONDAY)
    one.advance(MONDAY + 1)
    (event,) = one.update(Observation("gate-cam", "kerb/person/in", 1.0, MONDAY + 0.7))
    assert event.at - MONDAY == 1.0


def test_a_slow_source_is_not_made_late_by_a_fast_one():
    one = engine("- {kind: crossing, id: cross, quantity: kerb/person/in}")
    one.update(Observation("gate-cam", "kerb/person/in", 1.0, MONDAY))
    one.update(Observation("door", "open", 1.0, MONDAY + 0.75))
    events = one.update(Observation("gate-cam", "kerb/person/in", 1.0, MONDAY + 0.5))
    assert lines(events) == ["0 closed 1", "0.5 opened 1"]


@pytest.mark.parametrize("far_s", [-61.0, 3601.0])
def test_a_reading_from_another_time_is_refused(far_s: float):
    one = engine("- {kind: presence, id: open, quantity: open}")
    one.advance(MONDAY)
    assert one.update(Observation("door", "open", 1.0, MONDAY + far_s)) == []
    assert one.late == 1


@pytest.mark.parametrize("step_s", [-3600.0, 86400.0 * 365])
def test_a_tick_that_jumps_is_a_clock_that_was_set(step_s: float):
    """What was open stays open, and lasts as long as it really did."""
    one = engine("- {kind: presence, id: open, quantity: open}")
    one.advance(MONDAY)
    opened = one.update(Observation("door", "open", 1.0, MONDAY))
    assert one.advance(MONDAY + step_s) == []
    closed = one.update(Observation("door", "open", 0.0, MONDAY + step_s + 9))
    assert [event.phase for event in opened + closed] == [Phase.OPENED, Phase.CLOSED]
    assert (closed[0].at - MONDAY - step_s, closed[0].duration_s) == (9.0, 10.0)


def test_what_a_crash_left_open_is_closed_at_the_next_start():
    opened = play("- {kind: presence, id: open, quantity: open}", series("open", [(0, 1)]))
    (closed,) = engine("[]").close_left_open([*opened, *opened], MONDAY + 500)
    assert (closed.id, closed.phase, closed.closed_by) == (opened[0].id, Phase.CLOSED, "restart")
    assert closed.at == MONDAY + 500
    assert closed.duration_s is None, "nobody saw when it ended"


def test_the_same_history_gives_the_same_ids_and_another_boot_gives_others():
    text, told = "- {kind: presence, id: open, quantity: open}", series("open", [(0, 1), (1, 0), (2, 1)])
    assert play(text, told) == play(text, told)
    assert all(len(event.id) == 16 and int(event.id, 16) >= 0 for event in play(text, told))


def test_what_was_learned_survives_a_restart():
    text = "- {kind: baseline, id: odd, quantity: temperature_c, every_s: 10, warm_up: 10}"
    first = engine(text)
    for observation in series("temperature_c", [(t, 20 + t % 3 * 0.1) for t in range(0, 400, 10)]):
        assert first.update(observation) == []
    second = engine(text)
    second.restore(first.state())
    events = [event for o in series("temperature_c", [(500, 30), (511, 30)]) for event in second.update(o)]
    assert lines(events) == ["510 opened 30"]


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"version": 2, "learned": {}},
        {"version": 1, "learned": []},
        {"version": 1, "learned": {"a": {"samples": [1]}}},
    ],
)
def test_a_state_that_is_none_of_ours_is_refused_at_once(state):
    """Not at the first observation, which would end the process in the middle of its work."""
    with pytest.raises(Refused):
        engine("[]").restore(state)
