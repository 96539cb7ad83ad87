"""Row F19 of the fault matrix, and the search that it stands on."""

from __future__ import annotations

import numpy as np
import pytest

from tests.faults import f19_canary
from tests.faults.row import line
from tests.faults.tools.canary import known, traces


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return list(f19_canary.marked(3, 1))


def test_random_bytes_have_no_trace_of_the_pictures(pictures):
    generator = np.random.default_rng(9)
    marks = known(pictures)
    assert traces(generator.integers(90, 150, 200_000, dtype=np.uint8).tobytes(), marks) == 0
    assert traces(generator.bytes(200_000), marks) == 0


def test_four_pixels_are_a_trace(pictures):
    assert traces(b"0123" + pictures[0][50, 40:44].tobytes() + b"4567", known(pictures)) == 1


@pytest.mark.slow
def test_no_pixel_leaves_the_node():
    counts = f19_canary.run(count=30, seed=1)
    print(f"\n{line('F19 canary', counts)} (seed 1)")
    assert {bad: counts[bad] for bad in f19_canary.BAD if counts[bad]} == {}
    assert counts["planted"] == 2 * len(f19_canary.DOORS)
    assert counts["messages"] > 5, "people crossed the picture, so something was told"
