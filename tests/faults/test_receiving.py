"""Row F11 of the fault matrix: a slice, as everybody with the right to mount runs it."""

from __future__ import annotations

import pytest

from tests.faults import f11_full
from tests.faults.row import line


@pytest.mark.slow
def test_a_full_spool_and_a_full_partition_lose_nothing_unsaid():
    counts = f11_full.run(count=2, seed=1)
    print(f"\n{line('F11 full spool, full partition', counts)} (seed 1; the whole column has 10)")
    assert {bad: counts[bad] for bad in f11_full.BAD if counts[bad]} == {}
    assert counts["given_up"] > 0, "the spool did overflow"
