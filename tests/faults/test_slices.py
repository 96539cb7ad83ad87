"""Rows F6, F12, F13, F14 and F16 of the fault matrix, a slice of each."""

from __future__ import annotations

from collections import Counter
from types import ModuleType
from typing import Any

import pytest

from tests.faults import f06_fuzz, f12_clock, f13_simulation, f14_machines, f16_soak
from tests.faults.row import line

SLICES: list[tuple[ModuleType, str, dict[str, Any]]] = [
    (f06_fuzz, "F6 fuzzed input", {"count": 4_000}),
    (f12_clock, "F12 clock", {"count": 12}),
    (f13_simulation, "F13 simulation", {"count": 1, "nodes": 4, "hours": 12}),
    (f14_machines, "F14 state machines", {"count": 600}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("row", "name", "size"), SLICES, ids=[name for _, name, _ in SLICES])
def test_a_slice_of_the_row_holds(row: ModuleType, name: str, size: dict[str, Any]) -> None:
    counts = row.run(**size, seed=1)
    print(f"\n{line(name, counts)} (seed 1)")
    assert {bad: counts[bad] for bad in row.BAD if counts[bad]} == {}


@pytest.mark.slow
def test_a_short_soak_loses_nothing_and_leaves_no_file_open() -> None:
    """Too short for a slope of memory, which the row itself measures."""
    counts = f16_soak.run(count=1_000, seed=1)
    assert (counts["lost"], counts["descriptors_left"]) == (0, 0)


@pytest.mark.slow
def test_another_seed_is_another_simulation() -> None:
    """Otherwise the same trace would show nothing."""
    traces = {f13_simulation.simulated(seed, 2, 2.0, Counter()) for seed in (1, 2)}
    assert len(traces) == 2


def test_the_slope_of_a_growing_memory_is_seen() -> None:
    looks = range(0, 1000, 10)
    assert f16_soak.growth([(number, 40_000 + number * 0.1) for number in looks]) == pytest.approx(0.1)
    assert f16_soak.growth([(number, 40_000.0) for number in looks]) == 0.0


def test_a_leak_is_seen_through_the_steps_of_the_allocator_and_one_step_is_none() -> None:
    looks = range(0, 1000, 10)
    assert f16_soak.growth([(number, 40_000.0 + 1_000 * (number >= 700)) for number in looks]) == 0.0
    assert f16_soak.growth([(number, 40_000.0 + number // 100 * 100) for number in looks]) == pytest.approx(
        1.0, rel=0.1
    )
