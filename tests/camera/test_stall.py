"""When a camera counts as stalled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.camera.stall import Stall
from agent.errors import CameraStalled


def picture(shade: int):
    return np.full((4, 6, 3), shade, np.uint8)


def test_no_picture_for_longer_than_the_limit_is_a_stall():
    stall = Stall("gate", stall_s=5.0, frozen_s=8.0)
    stall.check(100.0, picture(1))
    stall.check(104.9, None)
    with pytest.raises(CameraStalled, match=r"'gate' gave no picture for 5\.0 s"):
        stall.check(105.0, None)


def test_one_picture_repeated_for_longer_than_the_limit_is_a_stall():
    stall = Stall("gate", stall_s=5.0, frozen_s=8.0)
    for second in range(8):
        stall.check(float(second), picture(1))
    with pytest.raises(CameraStalled, match="repeated one picture"):
        stall.check(8.0, picture(1))


def test_a_known_absence_is_excused():
    stall = Stall("gate", stall_s=5.0, frozen_s=8.0)
    stall.check(0.0, picture(1))
    stall.excuse()
    stall.check(100.0, None)
    stall.check(104.0, None)
    with pytest.raises(CameraStalled):
        stall.check(105.0, None)


def test_a_camera_that_never_gave_a_picture_stalls_too():
    stall = Stall("gate", stall_s=5.0, frozen_s=8.0)
    stall.check(0.0, None)
    with pytest.raises(CameraStalled):
        stall.check(5.0, None)


@given(st.lists(st.tuples(st.floats(0.01, 3.0), st.sampled_from([None, 1, 2, 3])), max_size=60))
def test_a_stall_is_said_exactly_when_a_patience_ends(steps: list[tuple[float, int | None]]):
    """Against a plain restatement: remember the last picture and the last change, compare the ages."""
    stall, at, last, changed, shade = Stall("gate", stall_s=5.0, frozen_s=8.0), 0.0, 0.0, 0.0, None
    stall.check(at, None)
    for gap, shown in steps:
        at += gap
        if shown is not None:
            last = at
            changed, shade = (at, shown) if shown != shade else (changed, shade)
        if at - last >= 5.0 if shown is None else at - changed >= 8.0:
            with pytest.raises(CameraStalled):
                stall.check(at, picture(shown) if shown else None)
            return
        stall.check(at, picture(shown) if shown else None)
