"""What a link may still send in this hour, whatever became of the one before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.clock import SimulatedClock
from agent.contract.topics import Class
from agent.uplink.budget import size_of
from agent.uplink.ledger import SPENT, Ledger
from agent.uplink.settings import BudgetSettings

TOPIC, PAYLOAD = "t", b"x" * 83
LIMIT = 1024
UP_S = 90_000.0
"""How long the machine has been up."""


@pytest.fixture
def clock() -> SimulatedClock:
    made = SimulatedClock(1.7e9)
    made.sleep(UP_S)
    return made


def taken(folder: Path, clock: SimulatedClock, *, klass: Class = Class.HEALTH, most: int = 1000) -> int:
    """How many messages a link sends that begins now and is killed after `most`, or when it may send no more."""
    ledger = Ledger(folder, BudgetSettings(health_kb=1), clock=clock)
    return next((sent for sent in range(most) if not ledger.take(klass, TOPIC, PAYLOAD)), most)


WHOLE = LIMIT // size_of(TOPIC, PAYLOAD)


def test_hundreds_of_kills_in_an_hour_cost_nothing_of_its_budget(tmp_path: Path, clock: SimulatedClock):
    assert sum(taken(tmp_path, clock, most=0) for _ in range(200)) == 0
    assert sum(taken(tmp_path, clock, most=1) for _ in range(200)) == WHOLE


def test_an_hour_ends_minute_by_minute_over_kills(tmp_path: Path, clock: SimulatedClock):
    for _ in range(WHOLE):
        assert taken(tmp_path, clock, most=1) == 1
        clock.sleep(60.0)
    clock.sleep(3660.0 - WHOLE * 60.0)
    for _ in range(3):
        assert taken(tmp_path, clock) == 1
        clock.sleep(60.0)


def test_classes_are_noted_apart(tmp_path: Path, clock: SimulatedClock):
    taken(tmp_path, clock)
    assert taken(tmp_path, clock, klass=Class.AUDIT, most=5) == 5


def test_what_was_spent_before_the_machine_started_anew_counts_until_its_hour_is_over(
    tmp_path: Path, clock: SimulatedClock
):
    """The folder lies on a disk, where nobody mounted one in memory; the monotonic clock begins again at nothing."""
    taken(tmp_path, clock)
    clock.started = clock.at - 10.0
    assert (taken(tmp_path, clock), taken(tmp_path, clock)) == (0, 0)
    clock.sleep(3660.0)
    assert taken(tmp_path, clock) == WHOLE


@pytest.mark.parametrize("spoilt", [b"", b"half", bytes(range(256)) * 40, b"\xff" * 99], ids=len)
def test_a_file_that_is_spoilt_is_made_anew(tmp_path: Path, clock: SimulatedClock, spoilt: bytes):
    (tmp_path / SPENT).write_bytes(spoilt)
    taken(tmp_path, clock)
    assert taken(tmp_path, clock) == 0


def test_a_link_on_a_full_disk_goes_on_and_notes_as_soon_as_there_is_room(tmp_path: Path, clock: SimulatedClock):
    full = tmp_path / f"{SPENT}.new"
    full.symlink_to("/dev/full")
    ledger = Ledger(tmp_path, BudgetSettings(health_kb=1), clock=clock)
    full.symlink_to("/dev/full")
    assert ledger.take(Class.HEALTH, TOPIC, PAYLOAD)
    assert not (tmp_path / SPENT).exists()
    assert ledger.take(Class.HEALTH, TOPIC, PAYLOAD)
    assert taken(tmp_path, clock) == WHOLE - 2
