"""What is in the picture, followed for as long as it can be seen: the objects that normality judges.

Unlike the tracker of zones it also takes in weak and nameless sights, because what is unusual here is often
what the detector does not know well; it is never told of outside. Boxes move on with the flow inside
them, so that a detector that looks only now and then is enough. A thing that is not found again when the
detector looks is gone: nothing is judged where nothing is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.pixels import Detection

Floats = NDArray[np.float32]

SAME = 0.4
"""IoU from which the weaker of two sights, of whatever label, is a double."""
WITHIN = 0.6
"""The same for the share of the smaller box that the other covers: a torso is not a second person."""
LINKED = 0.3
"""IoU from which a sight continues a thing whose box the flow has brought along."""
REMEMBERED = 2
"""A thing may be missed this many looks less one before its number is forgotten."""


@dataclass(slots=True)
class Things:
    """Rows of one thing each: `numbers` (n,), `boxes` (n, 4), `scores` (n, classes), `sure` (n,), `missed` (n,)."""

    classes: int
    numbers: NDArray[np.int64]
    boxes: Floats
    scores: Floats
    sure: Floats
    missed: NDArray[np.int64]
    begun: int = 0

    @classmethod
    def none(cls, classes: int, *, begun: int = 0) -> Things:
        """Nothing yet, after so many things before."""
        none = np.zeros(0, np.int64)
        empty = np.zeros((0, 4), np.float32)
        return cls(classes, none, empty, np.zeros((0, classes), np.float32), np.zeros(0, np.float32), none, begun)

    @property
    def present(self) -> NDArray[np.intp]:
        """Rows that were there at the last look."""
        return np.flatnonzero(self.missed == 0)

    def carry(self, steps: Floats) -> None:
        """Boxes move by `steps` (n, 2) in fractions of the frame, and end where it ends."""
        self.boxes = self.boxes + np.concatenate([steps, steps], axis=1)
        left, top, right, bottom = self.boxes.T
        self._keep((right > 0.0) & (left < 1.0) & (bottom > 0.0) & (top < 1.0))

    def look(self, items: tuple[Detection, ...], *, least: float) -> None:
        """Take in what the detector found with a score of `least` or more."""
        boxes, scores, sure = without_doubles(items, self.classes, least=least)
        numbers = np.full(len(boxes), -1, np.int64)
        self.missed = self.missed + 1
        for new, old in pairs(boxes, self.boxes):
            numbers[new] = self.numbers[old]
            self.missed[old] = REMEMBERED
        fresh = np.flatnonzero(numbers < 0)
        numbers[fresh] = self.begun + np.arange(len(fresh))
        self.begun += len(fresh)
        self._keep(self.missed < REMEMBERED)
        self.boxes = np.concatenate([boxes, self.boxes])
        self.scores = np.concatenate([scores, self.scores])
        self.sure = np.concatenate([sure, self.sure])
        self.numbers = np.concatenate([numbers, self.numbers])
        self.missed = np.concatenate([np.zeros(len(boxes), np.int64), self.missed])

    def _keep(self, rows: NDArray[np.bool_]) -> None:
        self.numbers, self.boxes, self.missed = self.numbers[rows], self.boxes[rows], self.missed[rows]
        self.scores, self.sure = self.scores[rows], self.sure[rows]


def without_doubles(items: tuple[Detection, ...], classes: int, *, least: float) -> tuple[Floats, Floats, Floats]:
    """Boxes, scores of all classes and best score of what is seen once, the surest first."""
    known = [one for one in items if one.score >= least and one.scores is not None]
    known.sort(key=lambda one: -one.score)
    if not known:
        return np.zeros((0, 4), np.float32), np.zeros((0, classes), np.float32), np.zeros(0, np.float32)
    boxes = np.array([one.box for one in known], np.float32)
    shared, covered = overlaps(boxes, boxes)
    double = (shared >= SAME) | (covered >= WITHIN)
    kept: list[int] = []
    for row in range(len(known)):
        if not double[row, kept].any():
            kept.append(row)
    scores = np.array([known[row].scores for row in kept], np.float32)
    return boxes[kept], scores, np.array([known[row].score for row in kept], np.float32)


def pairs(ones: Floats, others: Floats) -> list[tuple[int, int]]:
    """Rows (one, other) that belong together, the largest overlap first."""
    if not (len(ones) and len(others)):
        return []
    shared, _ = overlaps(ones, others)
    found = []
    while (best := int(shared.argmax())) is not None and shared.flat[best] >= LINKED:
        one, other = divmod(best, shared.shape[1])
        found.append((one, other))
        shared[one], shared[:, other] = -1.0, -1.0
    return found


def overlaps(ones: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Of every pair the shared area over both together, and over the smaller, (ones, others) each."""
    near = np.maximum(ones[:, None, :2], others[None, :, :2])
    far = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    shared = np.clip(far - near, 0.0, None).prod(axis=2)
    area, other = (np.clip(boxes[:, 2:] - boxes[:, :2], 1e-6, None).prod(axis=1) for boxes in (ones, others))
    return shared / (area[:, None] + other[None] - shared), shared / np.minimum(area[:, None], other[None])
