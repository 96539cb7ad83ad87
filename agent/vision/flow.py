"""How fast what is in a box moves, from the pixels themselves and not from the box, which trembles.

Dense optical flow between consecutive frames at a bounded width; what is told of a box is the median
over its pixels, so that what shines through beside a person does not count. Units are heights of the
frame per second, both axes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.pixels import Frame
from agent.vision.raster import DenseFlow, Picture, grey_at_most

WIDTH = 384
"""Pictures wider than this are made smaller first: a person of a tenth of the height keeps 20 pixels."""
GAP_S = 1.0
"""Frames farther apart have too little in common."""

Floats = NDArray[np.float32]


class Flow:
    """The flow of one camera; `seconds` is the time between the last two frames, 0 where there is no flow."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._dense = DenseFlow()
        self._grey: Picture = np.zeros((0, 0), np.uint8)
        self._field: Floats = np.zeros((0, 0, 2), np.float32)
        self._at = 0.0

    def update(self, frame: Frame) -> None:
        """See the next frame; one of another size, from before or after a gap begins anew."""
        grey = grey_at_most(frame.pixels, width=WIDTH)
        seconds, self._at = frame.at - self._at, frame.at
        follows = grey.shape == self._grey.shape and 0.0 < seconds <= GAP_S
        if follows:
            self._field = self._dense.between(self._grey, grey)
        self._grey, self.seconds = grey, seconds if follows else 0.0

    def within(self, boxes: Floats) -> Floats:
        """For boxes (n, 4) in fractions: median speed, and median motion along x and y, float32 (n, 3)."""
        moved = np.zeros((len(boxes), 3), np.float32)
        if self.seconds:
            height, width = self._grey.shape
            for row, (left, top, right, bottom) in enumerate(boxes.tolist()):
                part = self._field[_span(top, bottom, height), _span(left, right, width)]
                moved[row] = _medians(part) if part.size else 0.0
            moved /= np.float32(height * self.seconds)
        return moved


def _span(low: float, high: float, size: int) -> slice:
    begin = min(max(int(low * size), 0), size - 1)
    return slice(begin, max(begin + 1, min(size, int(np.ceil(high * size)))))


def _medians(part: Floats) -> tuple[float, float, float]:
    """Of the lengths and of both components of (height, width, 2)."""
    x, y = part[..., 0].ravel(), part[..., 1].ravel()
    middle = x.size // 2
    return tuple(float(np.partition(one, middle)[middle]) for one in (np.hypot(x, y), x, y))  # type: ignore[return-value]
