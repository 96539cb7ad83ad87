"""No pixel under a mask survives, whatever it held, at any frame size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigError
from agent.pixels import Frame
from agent.vision.masks import GREY, Masks, masked

LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
fractions = st.floats(0.0, 1.0, width=32)
polygons = st.lists(st.tuples(fractions, fractions), min_size=3, max_size=8)
sizes = st.tuples(st.integers(2, 48), st.integers(2, 64))


def frame(pixels, at=0.0):
    return Frame("north", at, pixels)


def noise(size, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    pixels.setflags(write=False)
    return pixels


def inside(polygon, height, width):
    """Pixel centres with a non-zero winding number: the textbook definition, one edge after the other."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    winding = np.zeros((height, width), int)
    for (x1, y1), (x2, y2) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        left = (x2 - x1) * (y - y1) - (x - x1) * (y2 - y1)
        winding += ((y1 <= y) & (y2 > y) & (left > 0)).astype(int)
        winding -= ((y1 > y) & (y2 <= y) & (left < 0)).astype(int)
    return winding != 0


@given(polygon=polygons, size=sizes, seed=st.integers(0, 1000))
def test_every_pixel_inside_a_mask_is_grey_whatever_it_was(polygon, size, seed):
    hidden = Masks([polygon]).hide(frame(noise(size, seed)))
    assert (hidden.pixels[inside(polygon, *size)] == GREY).all()


@given(first=polygons, second=polygons, size=sizes)
def test_two_pictures_that_differ_only_under_masks_become_the_same(first, second, size):
    masks = Masks([first, second])
    under = inside(first, *size) | inside(second, *size)
    one = noise(size, 1)
    other = np.where(under[:, :, None], noise(size, 2), one)
    assert np.array_equal(masks.hide(frame(one)).pixels, masks.hide(frame(other)).pixels)


@given(polygon=polygons, before=sizes, after=sizes)
def test_a_mask_follows_a_frame_that_changes_its_size_or_is_turned(polygon, before, after):
    masks = Masks([polygon])
    masks.hide(frame(noise(before)))
    for height, width in (after, after[::-1]):
        hidden = masks.hide(frame(noise((height, width))))
        assert (hidden.pixels[inside(polygon, height, width)] == GREY).all()


def test_what_is_not_masked_stays_as_it_was():
    """Two pixels around the polygon may go as well, no more."""
    pixels = noise((40, 40))
    hidden = Masks([LEFT_HALF]).hide(frame(pixels))
    assert np.array_equal(hidden.pixels[:, 22:], pixels[:, 22:])
    assert (hidden.pixels[:, :20] == GREY).all()


def test_a_polygon_that_crosses_itself_hides_what_it_encloses():
    """The middle of a five-pointed star is outside by the even-odd rule, and hidden all the same."""
    corners = [(0.5 + 0.5 * np.sin(4 * np.pi * k / 5), 0.5 - 0.5 * np.cos(4 * np.pi * k / 5)) for k in range(5)]
    assert (Masks([corners]).hide(frame(noise((50, 50)))).pixels[25, 25] == GREY).all()


def test_the_frame_that_came_in_is_left_alone_and_the_one_that_goes_out_is_read_only():
    pixels = noise((8, 8))
    before = pixels.copy()
    hidden = Masks([LEFT_HALF]).hide(frame(pixels, at=4.0))
    assert np.array_equal(pixels, before)
    assert not hidden.pixels.flags.writeable
    assert (hidden.camera, hidden.at) == ("north", 4.0)


def test_an_empty_list_is_a_decision_and_lets_everything_through():
    pixels = noise((8, 8))
    (only,) = masked([frame(pixels)], [])
    assert np.array_equal(only.pixels, pixels)


def test_masks_that_nobody_decided_stop_the_camera_before_its_first_frame():
    asked = []

    def frames():
        asked.append(True)
        yield frame(noise((8, 8)))

    with pytest.raises(ConfigError, match="not decided"):
        masked(frames(), None)
    assert not asked


@pytest.mark.parametrize(
    "polygon",
    [(), ((0.0, 0.0), (1.0, 1.0)), ((0.0, 0.0), (1.0, float("nan")), (0.5, 1.0)), ((0.0, 0.0), (9.0, 0.0), (0.0, 1.0))],
)
def test_a_mask_that_is_no_polygon_is_refused(polygon):
    with pytest.raises(ConfigError):
        Masks([polygon])


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 4), np.uint8)]
)
def test_pixels_of_another_kind_are_refused_rather_than_passed_on(pixels):
    with pytest.raises(ValueError, match="uint8"):
        Masks([LEFT_HALF]).hide(frame(pixels))
