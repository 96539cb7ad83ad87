"""Rows F1 (link and store), F8, F9 and F10 of the fault matrix: everything between the outbox and the database."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.faults import f01_kill_link, f01_kill_store, f08_network, f09_broker, f10_half_open
from tests.faults.row import line

pytestmark = [pytest.mark.broker, pytest.mark.slow]

ROWS = [
    (f01_kill_link, "F1 kill -9 of link", 20, 300),
    (f01_kill_store, "F1 kill -9 of the store", 10, 100),
    (f08_network, "F8 bad network", 5, 40),
    (f09_broker, "F9 broker", 5, 20),
    (f10_half_open, "F10 half-open link", 1, 3),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("row", "name", "slice_", "column"), ROWS, ids=[name for _, name, *_ in ROWS])
def test_a_slice_of_the_row_holds(row: ModuleType, name: str, slice_: int, column: int) -> None:
    counts = row.run(count=slice_, seed=1)
    print(f"\n{line(name, counts)} (seed 1; the whole column has {column})")
    assert {bad: counts[bad] for bad in row.BAD if counts[bad]} == {}
