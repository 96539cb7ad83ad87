"""How one box moves and grows: a filter for each of four coordinates.

Things are near or far and fractions of the frame are not square, so every standard deviation here is in
the thing's own widths and heights: yardsticks that need no calibration. Where the numbers come from is
in docs/design/tracking.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from agent.pixels import Box
from agent.vision.kalman import Axis

ACROSS, UPRIGHT = 0.12, 0.12
"""Of a detected box's middle: in widths, in heights."""
TALL, SLIM = 0.15, 0.2
"""Of a detected height and of a detected width over height, as logarithms."""
START_ACROSS, START_UPRIGHT, START_GROWTH = 2.5, 0.6, 0.15
"""Of the speed of what is first seen: widths, heights and e-folds of height per second."""
JERK_ACROSS, JERK_UPRIGHT, JERK_GROWTH = 1.25, 0.2, 0.05
"""Of the change of these within one second."""
RESHAPE = 0.1
"""Of the change of width over height within one second, as a logarithm."""
LEAST = 1e-4
"""The extent of a box that has none, in fractions of the frame."""


class Off(NamedTuple):
    """How far a box lies from where one is expected: squared, in variances; and how wide the expectation is.

    `place` is the squared Mahalanobis distance of the middle, `taller` the logarithm of the ratio of heights,
    `vague` that of the variances' product, in the thing's own extent.
    """

    place: float
    taller: float
    vague: float


@dataclass(slots=True)
class Course:
    """Middle of the box, logarithm of its height, logarithm of its width over its height."""

    x: Axis
    y: Axis
    tall: Axis
    slim: Axis
    width: float
    height: float

    @classmethod
    def start(cls, box: Box) -> Course:
        """Seen for the first time."""
        x, y, w, h = middle(box)
        return cls(
            Axis.start(x, noise=ACROSS * w, speed_noise=START_ACROSS * w),
            Axis.start(y, noise=UPRIGHT * h, speed_noise=START_UPRIGHT * h),
            Axis.start(math.log(h), noise=TALL, speed_noise=START_GROWTH),
            Axis.start(math.log(w / h), noise=SLIM),
            w,
            h,
        )

    def copy(self) -> Course:
        """The same state, to be led elsewhere."""
        return Course(self.x.copy(), self.y.copy(), self.tall.copy(), self.slim.copy(), self.width, self.height)

    @property
    def box(self) -> Box:
        """Where it is believed to be, within the frame or not."""
        w, h = self.width / 2.0, self.height / 2.0
        return Box(self.x.at - w, self.y.at - h, self.x.at + w, self.y.at + h)

    def predict(self, seconds: float) -> None:
        """Let time pass."""
        self.x.predict(seconds, jerk=JERK_ACROSS * self.width)
        self.y.predict(seconds, jerk=JERK_UPRIGHT * self.height)
        self.tall.predict(seconds, jerk=JERK_GROWTH)
        self.slim.predict(seconds, drift=RESHAPE)
        self._measure()

    def correct(self, box: Box) -> None:
        """Take in a detection; the less, the less it has the expected size: it may hold two, or half of one."""
        x, y, w, h = middle(box)
        doubt = 1.0 + max(abs(math.log(h / self.height)) / TALL, abs(math.log(w / self.width)) / SLIM)
        self.x.correct(x, noise=doubt * ACROSS * self.width)
        self.y.correct(y, noise=doubt * UPRIGHT * self.height)
        self.tall.correct(math.log(h), noise=doubt * TALL)
        self.slim.correct(math.log(w / h), noise=doubt * SLIM)
        self._measure()

    def keep_size(self) -> None:
        """What nobody sees does not grow."""
        self.tall.speed = 0.0

    def off(self, box: Box) -> Off:
        """How well a detection fits."""
        x, y, _, h = middle(box)
        across = self.x.pp + (ACROSS * self.width) ** 2
        upright = self.y.pp + (UPRIGHT * self.height) ** 2
        place = (x - self.x.at) ** 2 / across + (y - self.y.at) ** 2 / upright
        extent = (self.width * self.height) ** 2
        return Off(place, math.log(h / self.height), math.log(across * upright / extent))

    def away(self, box: Box) -> tuple[float, float]:
        """How far the middle of a box is from where one is expected: in widths across, in heights up and down.

        Of either box the wider counts: who comes into the picture is narrow at first.
        """
        x, y, w, _ = middle(box)
        return (x - self.x.at) / max(w, self.width), (y - self.y.at) / self.height

    def _measure(self) -> None:
        self.height = math.exp(self.tall.at)
        self.width = self.height * math.exp(self.slim.at)


def middle(box: Box) -> tuple[float, float, float, float]:
    """Centre x, centre y, width, height."""
    left, top, right, bottom = box
    return (left + right) / 2.0, (top + bottom) / 2.0, max(right - left, LEAST), max(bottom - top, LEAST)
