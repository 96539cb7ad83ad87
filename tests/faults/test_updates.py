"""Rows F4, F5, F6 (metadata), F7 and F17 of the fault matrix: a slice each, the whole column when slow tests are asked for."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.faults import f04_ota_apply, f05_ota_states, f06_tuf_fuzz, f07_ota_attacks, f17_rollout
from tests.faults.row import line
from tests.ota.attacks import ATTACKS

ROWS = [
    (f04_ota_apply, "F4 OTA apply", 500),
    (f05_ota_states, "F5 OTA states", 1),
    (f06_tuf_fuzz, "F6 TUF fuzz", 600),
    (f07_ota_attacks, "F7 OTA attacks", 1),
    (f17_rollout, "F17 rollout", 300),
]


@pytest.mark.slow
@pytest.mark.parametrize(("row", "name", "slice_"), ROWS, ids=[name for _, name, _ in ROWS])
def test_a_slice_of_the_row_holds(row: ModuleType, name: str, slice_: int) -> None:
    counts = row.run(count=slice_, seed=1)
    print(f"\n{line(name, counts)} (seed 1)")
    assert {bad: counts[bad] for bad in row.BAD if counts[bad]} == {}


def test_the_power_cut_finds_what_a_careless_update_would_leave() -> None:
    """The control: the same cuts without any sync leave mixed releases and spoiled ledgers."""
    counts = f04_ota_apply.run(count=250, seed=1, careful=False)
    assert counts["mixed"] > 0
    assert counts["corrupt"] > 0


def test_the_tables_are_as_long_as_they_should_be() -> None:
    assert len(ATTACKS) >= 35
    assert len({title for title, (word, _) in ATTACKS.items() if word}) >= 35
