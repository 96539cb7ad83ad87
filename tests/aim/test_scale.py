"""Two known lengths give pixels a metre at every row, the horizon and the height of the camera."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.aim.scale import Length, Scale
from agent.errors import UserError

WIDE, HIGH = 640, 360


def seen(metres: float, row: float, *, camera_m: float, horizon: float) -> Length:
    """A length across the view at a row, as a camera so high with its horizon there would see it."""
    px = metres * HIGH * (row - horizon) / camera_m
    return Length((0.3, row), (0.3 + px / WIDE, row), metres)


@given(camera_m=st.floats(2.5, 12.0), horizon=st.floats(-0.6, 0.3), far=st.floats(0.4, 0.6), near=st.floats(0.75, 1.0))
def test_every_row_follows_from_two(camera_m: float, horizon: float, far: float, near: float):
    lengths = [seen(0.8, row, camera_m=camera_m, horizon=horizon) for row in (near, far)]
    scale = Scale.of(lengths, width_px=WIDE, height_px=HIGH)
    assert scale.horizon == pytest.approx(horizon, abs=1e-6)
    assert scale.camera_m == pytest.approx(camera_m, rel=1e-6)
    assert scale.at(0.7) == pytest.approx(HIGH * (0.7 - horizon) / camera_m, rel=1e-6)
    assert scale.row(scale.at(0.7)) == pytest.approx(0.7)


def test_an_upright_length_counts_where_it_stands():
    flat, upright = Length((0.1, 0.9), (0.6, 0.9), 4.0), Length((0.5, 0.3), (0.5, 0.5), 2.0)
    scale = Scale.of([flat, upright], width_px=WIDE, height_px=HIGH)
    assert scale.at(0.5) == pytest.approx(36.0)
    assert scale.at(0.9) == pytest.approx(80.0)


def test_above_the_horizon_nothing_stands():
    scale = Scale(slope=100.0, horizon=0.3, height_px=HIGH)
    assert scale.at(0.2) == 0.0


def test_the_nearest_that_can_be_seen_is_what_no_mask_hides():
    scale = Scale(slope=200.0, horizon=0.0, height_px=HIGH)
    assert scale.nearest(()) == pytest.approx(200.0)
    lower_half = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))
    assert scale.nearest([lower_half]) == pytest.approx(100.0)
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    assert scale.nearest([whole]) == 0.0


FAR, NEAR = Length((0.4, 0.4), (0.5, 0.4), 2.0), Length((0.2, 0.9), (0.6, 0.9), 2.0)
WRONG = {
    "two lengths": [FAR],
    "equally far": [FAR, FAR],
    "nearer must look larger": [Length((0.2, 0.4), (0.8, 0.4), 2.0), Length((0.4, 0.9), (0.5, 0.9), 2.0)],
}


@pytest.mark.parametrize("why", WRONG)
def test_lengths_that_cannot_both_be_right_are_refused(why: str):
    with pytest.raises(UserError, match=why):
        Scale.of(WRONG[why], width_px=WIDE, height_px=HIGH)
