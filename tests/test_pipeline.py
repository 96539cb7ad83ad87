"""How the rooms join: streams become one stream, seconds are told, observations become records."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.anomaly.tally import Tally
from agent.clock import CLOCK, SimulatedClock
from agent.errors import CameraError, SensorError
from agent.pipeline import Decider, LiveMerge, Vitals, merged, read, ticks, watch
from agent.pixels import Frame
from agent.records import Event, Health, Observation, Stat
from tests.anomaly.playing import engine


def seen(value: float, at: float = 0.0, *, source: str = "square", quantity: str = "gate/person/count") -> Observation:
    return Observation(source, quantity, float(value), float(at))


def numbers(count: int | None, *, source: str = "square") -> Iterator[Observation]:
    """So many observations, or one after the other for ever."""
    for value in itertools.count() if count is None else range(count):
        yield seen(value, source=source)


def failing(error: BaseException) -> Iterator[Observation]:
    yield seen(1)
    raise error


def values(observations: Iterable[Observation]) -> list[float]:
    return [one.value for one in observations]


# The live merge


def test_files_that_end_end_the_merge_with_nothing_lost():
    found = list(LiveMerge([numbers(700, source="one"), numbers(700, source="two")], []))
    for source in ("one", "two"):
        assert values(one for one in found if one.source == source) == [float(value) for value in range(700)]


def test_a_source_that_never_ends_does_not_keep_the_merge_open():
    found = list(LiveMerge([numbers(3)], [numbers(None, source="endless")]))
    assert values(one for one in found if one.source == "square") == [0.0, 1.0, 2.0]


def test_a_sensor_that_has_no_more_to_say_does_not_end_the_merge():
    """Only cameras that were files may end a node."""
    merge = LiveMerge([numbers(900)], [numbers(1, source="sensor")])
    assert len([one for one in merge if one.source == "square"]) == 900


@pytest.mark.parametrize("endless", [False, True])
def test_what_a_source_raises_is_raised_to_whoever_listens(endless: bool):  # noqa: FBT001 -- a case
    broken = [failing(SensorError("the thermometer is gone"))]
    with pytest.raises(SensorError, match="thermometer"):
        list(LiveMerge([] if endless else broken, broken if endless else []))


def test_a_source_waits_when_nobody_takes_what_it_gives():
    given_: list[int] = []

    def busy() -> Iterator[Observation]:
        for value in itertools.count():
            given_.append(value)
            yield seen(value)

    merge = LiveMerge([], [busy()], capacity=4)
    stream = iter(merge)
    next(stream)
    while not merge._queue.full():
        pass
    assert len(given_) <= 1 + 4 + 1, "one was taken, four wait, one is in hand"


def test_a_merge_that_is_stopped_ends_though_its_sources_go_on():
    merge = LiveMerge([], [numbers(None)])
    stream = iter(merge)
    next(stream)
    merge.stop()
    assert list(stream) == []


# Seconds


class Short(SimulatedClock):
    """A clock whose sleep ends a moment too early, as a real one may."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds - 1e-5)


@pytest.mark.parametrize("kind", [SimulatedClock, Short])
@pytest.mark.parametrize("lag_s", [0.0, 1.0])
def test_every_second_is_told_once(kind: type[SimulatedClock], lag_s: float):
    told = ticks(kind(10.25), lag_s=lag_s)
    first = 11.0 - lag_s
    assert [one.at for one in itertools.islice(told, 50)] == [first + number for number in range(50)]


def test_a_second_is_told_when_it_has_passed_by_the_lag():
    clock = SimulatedClock(10.25)
    told = ticks(clock, lag_s=1.0)
    for _ in range(5):
        second = next(told).at
        assert clock.now() >= second + 1.0


@pytest.mark.parametrize("step_s", [-3600.0, -7.3, -0.4, 0.4, 7.3, 3600.0])
def test_after_a_step_of_the_clock_no_second_is_told_twice_in_a_row_and_all_follow_it(step_s: float):
    clock = SimulatedClock(5000.25)
    told = ticks(clock)
    before = [next(told).at for _ in range(3)]
    clock.at += step_s
    after = [next(told).at for _ in range(3)]
    assert after[0] != before[-1]
    assert after == [after[0] + number for number in range(3)]
    assert abs(after[0] - (before[-1] + step_s)) <= 2.0


def test_a_replay_ends_with_its_world():
    assert [one.at for one in ticks(SimulatedClock(0.0), until=3.0)] == [1.0, 2.0, 3.0]


# Streams


@given(st.lists(st.lists(st.integers(0, 30)), max_size=4))
def test_finite_streams_come_in_order_of_time_and_the_earlier_stream_first(times: list[list[int]]):
    streams = [iter([seen(number, at) for at in sorted(one)]) for number, one in enumerate(times)]
    found = [(one.at, one.value) for one in merged(streams)]
    assert found == sorted(found)
    assert len(found) == sum(map(len, times))


class Broken:
    """A camera that gives no pictures."""

    networked = False

    def frames(self) -> Iterator[Frame]:
        raise CameraError("no pictures", hint="look at the cable")

    def close(self) -> None:
        pass


class Blind:
    """An eye that sees nothing."""

    def observe(self, frame: Frame) -> list[Observation]:
        return []


def test_the_failure_of_a_camera_says_which_one():
    with pytest.raises(CameraError) as failed:
        list(watch("yard", Broken(), (), Blind()))
    assert failed.value.camera == "yard"


class Thermometer:
    """A sensor that says what time it was asked."""

    id = "air"
    period_s = 2.5

    def read(self, at: float) -> list[Observation]:
        return [Observation("air", "temperature_c", at, at)]

    def close(self) -> None:
        pass


def test_a_sensor_is_asked_at_its_own_period():
    assert values(read(Thermometer(), SimulatedClock(0.0), until=10.0)) == [0.0, 2.5, 5.0, 7.5]


# Deciding

RULE = "[{kind: presence, id: somebody, quantity: gate/person/count}]"


def decider() -> Decider:
    return Decider(engine(RULE), Tally(period_s=60.0), Vitals(frozenset({"host"}), period_s=60.0))


def kinds(made: Decider, *observations: Observation) -> list[str]:
    return [type(record).__name__ for one in observations for record in made.update(one)]


def test_an_observation_becomes_an_event_at_once():
    (event,) = decider().update(seen(1, 5.0))
    assert isinstance(event, Event)
    assert event.rule == "somebody"


def test_the_passing_of_time_alone_tells_counts_and_health():
    made = decider()
    told = kinds(
        made,
        *(seen(0, at) for at in range(0, 60, 5)),
        seen(51.0, 30.0, source="host", quantity="cpu_temp_c"),
        *(Observation(CLOCK, "tick", 1.0, float(at)) for at in range(125)),
    )
    assert {Stat.__name__, Health.__name__} <= set(told)


def test_a_tick_is_no_observation():
    made = decider()
    for at in range(125):
        for record in made.update(Observation(CLOCK, "tick", 1.0, float(at))):
            assert CLOCK not in str(record)
