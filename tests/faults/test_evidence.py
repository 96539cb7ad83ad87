"""Rows F1 (its half of sense), F2, F3, F15 and F20 of the fault matrix: a slice each time, a larger one among the slow tests.

`make faults` runs the whole of each.
"""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.faults import f01_kill_sense, f02_power_cut, f03_disk_errors, f15_tampering, f20_camera
from tests.faults.row import line

ROWS = [
    (f01_kill_sense, "F1 kill -9 of sense", 20, 400),
    (f02_power_cut, "F2 power cut", 60, 2_000),
    (f03_disk_errors, "F3 disk errors", 200, 20_000),
    (f15_tampering, "F15 tampering", 28, 2_000),
    (f20_camera, "F20 camera faults", 10, 20),
]


def counted(row: ModuleType, name: str, count: int) -> dict[str, int]:
    """The row's counts that must be zero, after printing all of them."""
    counts = row.run(count=count, seed=1)
    print(f"\n{line(name, counts)} (seed 1)")
    return {bad: counts[bad] for bad in row.BAD if counts[bad]}


@pytest.mark.parametrize(("row", "name", "slice_", "larger"), ROWS, ids=[name for _, name, *_ in ROWS])
def test_a_slice_of_the_row_holds(row: ModuleType, name: str, slice_: int, larger: int) -> None:
    assert counted(row, name, slice_) == {}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("row", "name", "slice_", "larger"), ROWS, ids=[name for _, name, *_ in ROWS])
def test_a_larger_slice_holds(row: ModuleType, name: str, slice_: int, larger: int) -> None:
    assert counted(row, name, larger) == {}


def test_the_power_cut_finds_the_loss_of_an_outbox_that_does_not_sync() -> None:
    """The control: without the outbox's care the same cuts do lose committed events."""
    counts = f02_power_cut.run(count=40, seed=1, synchronous="NORMAL")
    assert counts["lost"] > 0
