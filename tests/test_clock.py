"""The reader of time and its simulated twin."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import SimulatedClock, SystemClock

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
