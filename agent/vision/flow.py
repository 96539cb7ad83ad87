"""How fast what is in a box moves, from the pixels themselves and not from the box, which trembles.

Dense optical flow over about a tenth of a second, whatever the rate of the camera, at a size at which people
are about `PERSON_PX` high, whatever the size of its pictures: so speeds err alike everywhere. What is told of a box is the
median over its pixels, so that what shines through beside a person does not count. Only what lies between the outermost
boxes is looked at, and `AROUND` of them. Units are heights of the frame per second, both axes.
"""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from agent.pixels import Frame
from agent.vision.raster import DenseFlow, Picture, grey_of

WIDTHS = (192, 256, 384, 512)
"""Widths that a picture may be brought to."""
USUAL = 384
"""The one that is taken while nobody knows how tall people are."""
PERSON_PX = 30.0
"""People this high can be told apart from what is beside them, and have moved by more than the flow errs."""
ENLARGED = 1.6
"""A picture is enlarged by no more than this: it does not become sharper."""
AROUND = 32
"""Pixels about the boxes that are looked at too, a person's height: flow near a border is not to be believed."""
_GRID = 32
"""The part that is looked at begins and ends at multiples of so many pixels, or it would change with every frame."""
_LEAST_SPAN = 128
"""What is looked at is no narrower: finding a fast thing takes a few halvings of it."""
GAP_S = 1.0
"""Frames farther apart have too little in common."""

Floats = NDArray[np.float32]


class Flow:
    """The flow of one camera; `seconds` is the time that the last flow carries boxes on, 0 where there is none.

    It is over `base_s` at least: over less a walker moves by less than the flow errs. Frames that follow faster are
    skipped or looked back from.
    """

    def __init__(self, base_s: float) -> None:
        self.seconds = 0.0
        self._least_s = base_s
        self._dense = DenseFlow()
        self._width = 0
        self._greys: list[tuple[float, Picture]] = []
        self._field: Floats = np.zeros((0, 0, 2), np.float32)
        self._begin = (0, 0)
        self._at = -math.inf
        self._base_s = 0.0

    def is_early(self, at: float) -> bool:
        """Whether so little time has passed since the last update that a frame without a look of the detector can be skipped."""
        return 0.0 < at - self._at < self._least_s

    def update(self, frame: Frame, boxes: Floats, *, person: float | None) -> None:
        """See the next frame, `person` being how tall people are in it, as a share; what follows a gap begins anew.

        `boxes` (n, 4), in fractions, are all that will be asked about.
        """
        grey = grey_of(frame.pixels, width=self._fit(frame.pixels.shape, person))
        seconds, self._at = frame.at - self._at, frame.at
        follows = bool(self._greys) and grey.shape == self._greys[-1][1].shape and 0.0 < seconds <= GAP_S
        self._greys = self._greys if follows else []
        while len(self._greys) > 1 and frame.at - self._greys[1][0] >= self._least_s:
            del self._greys[0]
        if follows and len(boxes):
            since, before = self._greys[0]
            rows, columns = _about(boxes, grey.shape)
            parts = (np.ascontiguousarray(one[rows, columns]) for one in (before, grey))
            self._field, self._base_s = self._dense.between(*parts), frame.at - since
            self._begin = rows.start, columns.start
        self._greys.append((frame.at, grey))
        self.seconds = seconds if follows else 0.0

    def within(self, boxes: Floats) -> Floats:
        """For boxes (n, 4) in fractions: median speed, and median motion along x and y, float32 (n, 3)."""
        moved = np.zeros((len(boxes), 3), np.float32)
        if self.seconds and len(boxes):
            height, width = self._greys[-1][1].shape
            (y, x), (tall, wide) = self._begin, self._field.shape[:2]
            for row, (left, top, right, bottom) in enumerate(boxes.tolist()):
                part = self._field[
                    _span(top * height - y, bottom * height - y, tall), _span(left * width - x, right * width - x, wide)
                ]
                moved[row] = _medians(part) if part.size else 0.0
            moved /= np.float32(height * self._base_s)
        return moved

    def _fit(self, shape: tuple[int, ...], person: float | None) -> int:
        """The least width at which people are high enough, as far as the picture has that; it grows, and shrinks only by far."""
        height, width = shape[:2]
        if not person:
            return min(USUAL, width)
        wanted = PERSON_PX / person * width / height
        if not 0.7 * self._width < wanted <= self._width:
            self._width = WIDTHS[min(bisect_left(WIDTHS, wanted), len(WIDTHS) - 1)]
        sharp = width if wanted <= width else round(ENLARGED * width)
        return min(self._width, sharp)


def _about(boxes: Floats, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a picture of this shape that hold all boxes and what is around them."""
    left, top = boxes[:, :2].min(axis=0).tolist()
    right, bottom = boxes[:, 2:].max(axis=0).tolist()
    return _stretch(top, bottom, shape[0]), _stretch(left, right, shape[1])


def _stretch(low: float, high: float, size: int) -> slice:
    begin = max(0, math.floor((low * size - AROUND) / _GRID) * _GRID)
    end = math.ceil((high * size + AROUND) / _GRID) * _GRID
    return slice(max(0, min(begin, size - _LEAST_SPAN)), min(size, max(end, begin + _LEAST_SPAN)))


def _span(low: float, high: float, size: int) -> slice:
    """Whole pixels, at least one, from `low` to `high` of so many."""
    begin = min(max(int(low), 0), size - 1)
    return slice(begin, max(begin + 1, min(size, math.ceil(high))))


def _medians(part: Floats) -> Floats:
    """Of the lengths and of both components of (height, width, 2)."""
    pixels = part.reshape(-1, 2)
    values = np.empty((3, len(pixels)), np.float32)
    values[1:] = pixels.T
    np.hypot(values[1], values[2], out=values[0])
    middle = len(pixels) // 2
    values.partition(middle, axis=1)
    return values[:, middle]
