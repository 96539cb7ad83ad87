"""Privacy masks: what must never be looked at is painted over before anything else sees the frame.

It fails closed: masks that were not decided, or that cannot be read, are an error, never an
unmasked frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from agent.errors import ConfigError
from agent.pixels import Frame
from agent.vision.raster import Picture, Polygon, covered

GREY = 128
"""The level of all three channels under a mask, whatever was there."""

_CORNERS = 3


def masked(frames: Iterable[Frame], polygons: Sequence[Polygon] | None) -> Iterator[Frame]:
    """The frames with every polygon (fractions of the frame) painted over.

    ConfigError, before the first frame is asked for, when `polygons` is None or a polygon is not one.
    """
    masks = Masks(polygons)
    return (masks.hide(frame) for frame in frames)


class Masks:
    """The masks of one camera, rasterised when the frame size is first seen or changes."""

    def __init__(self, polygons: Sequence[Polygon] | None) -> None:
        if polygons is None:
            raise ConfigError("the masks of this camera are not decided", hint="write 'masks: []' if nothing is hidden")
        self._polygons = tuple(_checked(polygon) for polygon in polygons)
        self._keep: Picture = np.zeros((0, 0, 3), np.uint8)
        self._paint: Picture = self._keep

    def hide(self, frame: Frame) -> Frame:
        """The frame with grey in place of what is masked; ValueError for pixels that are not RGB uint8."""
        _check_pixels(frame.pixels)
        if not self._polygons:
            return frame
        if self._keep.shape != frame.pixels.shape:
            self._rasterise(height=frame.pixels.shape[0], width=frame.pixels.shape[1])
        pixels = np.bitwise_and(frame.pixels, self._keep)
        np.bitwise_or(pixels, self._paint, out=pixels)
        pixels.setflags(write=False)
        return replace(frame, pixels=pixels)

    def _rasterise(self, *, height: int, width: int) -> None:
        hidden = np.repeat(covered(self._polygons, height=height, width=width)[:, :, None], 3, axis=2)
        self._keep = np.where(hidden, np.uint8(0), np.uint8(255))
        self._paint = np.where(hidden, np.uint8(GREY), np.uint8(0))


def _checked(polygon: Polygon) -> Polygon:
    points = tuple((float(x), float(y)) for x, y in polygon)
    if len(points) < _CORNERS:
        raise ConfigError(f"a mask has {len(points)} corners", hint="a mask needs three corners or more")
    if not all(0.0 <= value <= 1.0 for point in points for value in point):
        raise ConfigError("a mask has a corner outside the frame", hint="corners are fractions of the frame, 0 to 1")
    return points


def _check_pixels(pixels: Picture) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:  # noqa: PLR2004 -- height, width, RGB
        raise ValueError(f"a frame is uint8 (height, width, 3), not {pixels.dtype} {pixels.shape}")
