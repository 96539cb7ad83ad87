"""From the raw outputs of a detector to boxes: the head of NanoDet.

Only rows that pass the score floor are looked at, so the cost follows what is in the picture. The
head gives class probabilities per cell, and for each of the four sides a distribution over distances
(generalised focal loss, Li et al. 2020) whose mean is the distance in strides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.inference.runtime import Tensor

Floats = NDArray[np.float32]
Numbers = NDArray[np.intp]


class Candidates(NamedTuple):
    """n boxes (n, 4) as left, top, right, bottom in fractions, and all probabilities (n, classes)."""

    boxes: Floats
    probabilities: Floats


class NanoDetHead:
    """The geometry of one NanoDet: where its cells are, which outputs belong to which stride."""

    def __init__(self, *, width: int, height: int, strides: Sequence[int], bins: int, classes: int) -> None:
        self._size = np.array([width, height, width, height], np.float32)
        self._moments = np.stack([np.arange(bins), np.ones(bins)], axis=1).astype(np.float32)
        self._classes = classes
        self._cells = [_cells(width=width, height=height, stride=stride) for stride in strides]

    def candidates(self, outputs: Sequence[Tensor], *, wanted: NDArray[np.bool_], floor: float) -> Candidates:
        """Cells where a class that is `wanted`, bool (classes,), has a probability above `floor`.

        `outputs` alternate: probabilities int8 (1, cells, classes), sides int8 (1, cells, 4 * bins).
        """
        parts = [
            self._of_stride(cells, probabilities, sides, wanted=wanted, floor=floor)
            for cells, probabilities, sides in zip(self._cells, outputs[0::2], outputs[1::2], strict=True)
        ]
        cells, probabilities, sides = (np.concatenate(each) for each in zip(*parts, strict=True))
        return Candidates(self._boxes(cells, sides), probabilities)

    def _of_stride(
        self, cells: Floats, probabilities: Tensor, sides: Tensor, *, wanted: NDArray[np.bool_], floor: float
    ) -> tuple[Floats, Floats, Floats]:
        rows = self._rows_above(probabilities, wanted=wanted, floor=floor)
        return cells[rows], _real(probabilities, rows), _real(sides, rows)

    def _rows_above(self, probabilities: Tensor, *, wanted: NDArray[np.bool_], floor: float) -> Numbers:
        """Compares in levels: the probabilities of a whole picture are never made real numbers."""
        least = np.int8(min(127, int(np.floor(floor / probabilities.scale)) + probabilities.zero))
        hits = np.flatnonzero(probabilities.values.reshape(-1) > least)
        rows, classes = np.divmod(hits, self._classes)
        rows = rows[wanted[classes]]
        return rows[np.flatnonzero(np.diff(rows, prepend=-1))]

    def _boxes(self, cells: Floats, sides: Floats) -> Floats:
        """`cells` (n, 3) are centre x, centre y and stride in input pixels; `sides` (n, 4 * bins) logits.

        The logits of an int8 output are small enough for `exp` as they are.
        """
        weighed, weights = (np.exp(sides).reshape(-1, len(self._moments)) @ self._moments).T
        distance = (weighed / weights).reshape(-1, 4) * cells[:, 2:]
        centre = cells[:, :2]
        boxes = np.concatenate([centre - distance[:, :2], centre + distance[:, 2:]], axis=1) / self._size
        return np.asarray(np.clip(boxes, 0.0, 1.0))


def _cells(*, width: int, height: int, stride: int) -> Floats:
    """Centre x, centre y and stride of each cell in input pixels, row by row, (cells, 3)."""
    y, x = np.mgrid[0 : height // stride, 0 : width // stride]
    centres = (np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * stride
    return np.column_stack([centres, np.full(len(centres), stride)]).astype(np.float32)


def _real(tensor: Tensor, rows: Numbers) -> Floats:
    levels = tensor.values[0, rows].astype(np.float32)
    return np.asarray((levels - np.float32(tensor.zero)) * np.float32(tensor.scale))
