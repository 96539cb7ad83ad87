"""The reader of time and its simulated twin."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import FLOOR, SimulatedClock, SystemClock

AGENT = Path(__file__).resolve().parent.parent / "agent"
SECONDS = st.floats(min_value=-1e6, max_value=1e6)


def test_a_simulated_clock_stands_still_until_somebody_sleeps():
    clock = SimulatedClock(at=100.0)
    assert (clock.now(), clock.now()) == (100.0, 100.0)
    clock.sleep(2.5)
    assert (clock.now(), clock.monotonic()) == (102.5, 2.5)


@given(st.lists(SECONDS))
def test_a_simulated_clock_never_goes_back(sleeps: list[float]):
    clock = SimulatedClock(at=1e9)
    seen = [clock.now()]
    for seconds in sleeps:
        clock.sleep(seconds)
        seen.append(clock.now())
    assert seen == sorted(seen)


@given(st.lists(SECONDS))
def test_advancing_ends_at_the_latest_moment_named(moments: list[float]):
    clock = SimulatedClock(at=0.0)
    for at in moments:
        clock.advance_to(at)
    assert clock.now() == max([0.0, *moments])


def test_durations_of_a_simulated_clock_start_at_zero_whatever_its_date():
    clock = SimulatedClock(at=1_700_000_000.0)
    clock.advance_to(1_700_000_060.0)
    assert clock.monotonic() == 60.0


def test_the_system_clock_starts_at_the_wall_clock():
    assert abs(SystemClock().resync()) == 0.0


def test_the_system_clock_follows_a_wall_clock_that_was_set():
    """The clock starts an hour behind; resync says so and the next resync has nothing to do."""
    clock = SystemClock()
    clock._offset -= 3600.0
    step = clock.resync()
    assert step == pytest.approx(3600.0, abs=1.0)
    assert clock.resync() == 0.0


def test_a_step_within_the_tolerance_is_left_alone():
    clock = SystemClock()
    clock._offset += 0.2
    before = clock._offset
    assert clock.resync(tolerance_s=0.5) == 0.0
    assert clock._offset == before


def test_the_system_clock_does_not_jump_between_resyncs():
    """`now` moves with the monotonic clock alone: both advance by the same amount."""
    clock = SystemClock()
    wall, mono = clock.now(), clock.monotonic()
    assert clock.now() - wall == pytest.approx(clock.monotonic() - mono, abs=0.01)


def test_a_negative_sleep_on_the_system_clock_is_no_sleep():
    SystemClock().sleep(-5.0)


def test_nobody_but_the_clock_imports_time():
    asks = re.compile(r"^\s*(?:import time\b|from time import\b)", re.MULTILINE)
    assert {path.name for path in AGENT.rglob("*.py") if asks.search(path.read_text())} == {"clock.py"}


class Hands:
    """A wall clock and a monotonic clock that a test sets."""

    def __init__(self, wall: float, ticks: float = 5.0) -> None:
        self.at, self.ticks = wall, ticks

    def clock(self) -> SystemClock:
        return SystemClock(wall=lambda: self.at, ticks=lambda: self.ticks)

    def both(self, seconds: float) -> None:
        self.at, self.ticks = self.at + seconds, self.ticks + seconds


def test_a_clock_that_says_1970_begins_at_the_floor_and_runs_on_from_there():
    hands = Hands(wall=12.0)
    clock = hands.clock()
    assert (clock.now(), clock.impossible) == (FLOOR, True)
    hands.both(60.0)
    assert clock.resync() == 0.0
    assert clock.now() == FLOOR + 60.0


def test_a_time_that_was_surely_seen_raises_the_floor_and_no_earlier_one_lowers_it():
    hands = Hands(wall=FLOOR + 100.0)
    clock = hands.clock()
    clock.not_before(FLOOR + 5000.0)
    assert (clock.now(), clock.impossible) == (FLOOR + 5000.0, True)
    clock.not_before(FLOOR + 50.0)
    assert clock.now() == FLOOR + 5000.0


def test_the_true_time_is_followed_as_soon_as_it_is_possible():
    hands = Hands(wall=12.0)
    clock = hands.clock()
    hands.at = FLOOR + 1e8
    assert clock.resync() == 1e8
    assert (clock.now(), clock.impossible) == (FLOOR + 1e8, False)
    hands.at = 12.0
    assert clock.resync() == 0.0
    assert clock.now() == FLOOR + 1e8


@given(st.lists(st.tuples(st.floats(0.0, 4e9), st.floats(0.0, 1e4)), max_size=20))
def test_no_step_of_the_wall_clock_makes_a_duration_negative_or_a_time_impossible(steps: list[tuple[float, float]]):
    hands = Hands(wall=0.0)
    clock = hands.clock()
    for wall, passed in steps:
        before = clock.now()
        hands.ticks += passed
        assert clock.now() >= before
        hands.at = wall
        clock.resync()
        assert clock.now() >= FLOOR
