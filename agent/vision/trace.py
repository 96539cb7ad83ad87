"""One thing as the tracker knows it: four filtered coordinates and what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.pixels import Box, Detection, Track
from agent.vision.geometry import iou
from agent.vision.kalman import Axis

MEASURED = 0.06
"""Standard deviation of a detector's box, as a share of the box's own size."""
START_SPEED = 1.5
"""What speed a new thing may have, in its own sizes per second."""
JERK = 0.3
"""How much speed may change in one second, in its own sizes per second."""
SIZE_JERK = 0.15
BUFFER = 0.25
"""Boxes grow by this share of their size before they are compared (as in C-BIoU, Yang et al. 2023)."""
GATE = 9.2
"""Squared Mahalanobis distance that 99 of 100 true pairs stay under, two degrees of freedom."""
TALLER = 1.45
"""Ratio of sizes that two sights of one thing do not exceed."""
MARGIN = 0.02


@dataclass(slots=True)
class Trace:
    """Coordinates are centre x, centre y, width and height in fractions of the frame."""

    number: int
    since: float
    score: float
    scores: NDArray[np.float32] | None
    x: Axis
    y: Axis
    width: Axis
    height: Axis
    votes: dict[str, float] = field(default_factory=dict)
    label: str = ""
    hits: int = 0
    coasting_s: float = 0.0

    @classmethod
    def begin(cls, number: int, item: Detection, at: float) -> Trace:
        """A thing that was seen for the first time."""
        x, y, w, h = _middle(item.box)
        trace = cls(
            number,
            at,
            item.score,
            item.scores,
            Axis.start(x, noise=MEASURED * w, speed_noise=START_SPEED * w),
            Axis.start(y, noise=MEASURED * h, speed_noise=START_SPEED * h / 2.0),
            Axis.start(w, noise=2 * MEASURED * w, speed_noise=SIZE_JERK * w),
            Axis.start(h, noise=2 * MEASURED * h, speed_noise=SIZE_JERK * h),
        )
        trace._vote(item)
        return trace

    @property
    def box(self) -> Box:
        """Where it is believed to be, clipped to the frame."""
        w, h = max(self.width.at, 1e-4) / 2.0, max(self.height.at, 1e-4) / 2.0
        x, y = self.x.at, self.y.at
        return Box(max(0.0, x - w), max(0.0, y - h), min(1.0, x + w), min(1.0, y + h))

    @property
    def in_frame(self) -> bool:
        """False when it has walked out of the picture."""
        box = self.box
        return box.right - box.left > MARGIN * self.width.at and box.bottom - box.top > MARGIN * self.height.at

    def predict(self, seconds: float) -> None:
        """Let time pass without having been seen."""
        self.coasting_s += seconds
        w, h = self.width.at, self.height.at
        self.x.predict(seconds, jerk=JERK * w)
        self.y.predict(seconds, jerk=JERK * h / 2.0)
        if self.coasting_s <= seconds:  # a size that nobody sees does not change
            self.width.predict(seconds, jerk=SIZE_JERK * w)
            self.height.predict(seconds, jerk=SIZE_JERK * h)

    def take(self, item: Detection) -> None:
        """It was seen again, here."""
        x, y, w, h = _middle(item.box)
        self.x.correct(x, noise=MEASURED * w)
        self.y.correct(y, noise=MEASURED * h)
        self.width.correct(w, noise=2 * MEASURED * w)
        self.height.correct(h, noise=2 * MEASURED * h)
        self.score, self.scores, self.coasting_s = item.score, item.scores, 0.0
        self._vote(item)

    def unlike(self, box: Box, *, least_iou: float) -> float | None:
        """1 - IoU of the grown boxes; None below `least_iou`."""
        shared = iou(_grown(self.box), _grown(box))
        return 1.0 - shared if shared >= least_iou else None

    def surprise(self, box: Box) -> float | None:
        """Squared Mahalanobis distance of a sight after a gap; None when it cannot be the same thing."""
        x, y, w, h = _middle(box)
        if max(h / self.height.at, self.height.at / h) > TALLER:
            return None
        off = (x - self.x.at) ** 2 / (self.x.pp + (MEASURED * w) ** 2)
        off += (y - self.y.at) ** 2 / (self.y.pp + (MEASURED * h) ** 2)
        return off if off <= GATE else None

    def track(self) -> Track:
        """What others are told of it."""
        return Track(
            self.number,
            self.label,
            self.box,
            self.since,
            self.score,
            velocity=(self.x.speed, self.y.speed),
            coasting_s=self.coasting_s,
            scores=self.scores,
        )

    def _vote(self, item: Detection) -> None:
        self.hits += 1
        self.votes[item.label] = self.votes.get(item.label, 0.0) + item.score
        self.label = max(self.votes, key=lambda name: self.votes[name])


def _middle(box: Box) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    return ((left + right) / 2.0, (top + bottom) / 2.0, max(right - left, 1e-4), max(bottom - top, 1e-4))


def _grown(box: Box) -> Box:
    w, h = BUFFER * (box.right - box.left), BUFFER * (box.bottom - box.top)
    return Box(box.left - w, box.top - h, box.right + w, box.bottom + h)
