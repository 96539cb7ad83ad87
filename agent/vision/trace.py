"""One thing as the tracker knows it: its course, what it was taken for, and how long it was not seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.pixels import Box, Detection, Track
from agent.vision.course import Course
from agent.vision.geometry import iou

RESIZED = 0.15
"""Standard deviation of the ratio of heights, as a logarithm, between two sights of one thing."""
GATE = 5.0
"""How far a sight may be off, in variances, and still be of a thing seen a moment ago."""
RARE = 3.0
"""The same after a gap, plus the logarithm of how vague the place has become: long gone is not everywhere."""
LEAP, SPRINT = 0.3, 7.0
"""What a detector may be off, and how far a runner comes in a second, in widths of a body."""
SLENDER = 0.4
"""Width of a person over their height."""
EDGE = 0.01
"""A box that ends so near to the border of the frame, as a share of it, is on its way out."""


@dataclass(slots=True, eq=False)
class Trace:
    """A thing with a number."""

    number: int
    since: float
    course: Course
    score: float
    scores: NDArray[np.float32] | None
    label: str
    votes: dict[str, float] = field(default_factory=dict)
    hits: int = 0
    coasting_s: float = 0.0

    @classmethod
    def begin(cls, number: int, item: Detection, at: float) -> Trace:
        """A thing that was seen for the first time."""
        trace = cls(number, at, Course.start(item.box), item.score, item.scores, item.label)
        trace._vote(item)
        return trace

    @property
    def box(self) -> Box:
        """Where it is believed to be, within the frame or not."""
        return self.course.box

    @property
    def in_frame(self) -> bool:
        """False when nothing of it is in the picture."""
        left, top, right, bottom = self.box
        return left < 1.0 and right > 0.0 and top < 1.0 and bottom > 0.0

    @property
    def leaves(self) -> bool:
        """It is at the border of the picture and walks outwards, or is half out."""
        left, top, right, bottom = self.box
        x, y, across, upright = self.course.x.at, self.course.y.at, self.course.x.speed, self.course.y.speed
        return (
            not (0.0 < x < 1.0 and 0.0 < y < 1.0)
            or (left < EDGE and across < 0.0)
            or (right > 1.0 - EDGE and across > 0.0)
            or (top < EDGE and upright < 0.0)
            or (bottom > 1.0 - EDGE and upright > 0.0)
        )

    def predict(self, seconds: float) -> None:
        """Let time pass without having been seen."""
        if self.coasting_s:
            self.course.keep_size()
        self.coasting_s += seconds
        self.course.predict(seconds)

    def take(self, item: Detection) -> None:
        """It was seen again, here."""
        self.course.correct(item.box)
        self.score, self.scores, self.coasting_s = item.score, item.scores, 0.0
        self._vote(item)

    def set_off(self, item: Detection) -> None:
        """Who was seen once is seen beside that place: the way between is their speed, and a third sight decides."""
        first, self.course = self.course, Course.start(item.box)
        self.course.x.speed = (self.course.x.at - first.x.at) / self.coasting_s
        self.course.y.speed = (self.course.y.at - first.y.at) / self.coasting_s
        self.score, self.scores, self.coasting_s = item.score, item.scores, 0.0

    def surprise(self, box: Box, *, lost: bool, least_iou: float) -> float | None:
        """Minus twice the logarithm of the likelihood of a sight; None when it cannot be this thing.

        One that was seen a moment ago may also make an unlikely step, while its boxes overlap by `least_iou`.
        """
        off = self.course.off(box)
        distance = off.place + (off.taller / RESIZED) ** 2
        surprise = distance + off.vague
        if lost:
            return surprise if surprise <= RARE else None
        return surprise if distance <= GATE or iou(self.box, box) >= least_iou else None

    def leap(self, box: Box) -> float | None:
        """How far off a sight is, as a share of what somebody who runs can cover; None when it is farther."""
        across, upright = self.course.away(box)
        reach = LEAP + SPRINT * self.coasting_s
        share = math.hypot(across / reach, upright / (SLENDER * reach))
        return share if share <= 1.0 and abs(self.course.off(box).taller) <= 2 * RESIZED else None

    def track(self) -> Track:
        """What others are told of it: its box is clipped to the frame."""
        left, top, right, bottom = self.box
        return Track(
            self.number,
            self.label,
            Box(max(0.0, left), max(0.0, top), min(1.0, right), min(1.0, bottom)),
            self.since,
            self.score,
            velocity=(self.course.x.speed, self.course.y.speed),
            coasting_s=self.coasting_s,
            scores=self.scores,
        )

    def _vote(self, item: Detection) -> None:
        self.hits += 1
        self.votes[item.label] = self.votes.get(item.label, 0.0) + item.score
        self.label = max(self.votes, key=self.votes.__getitem__)


def exchange(one: Trace, other: Trace) -> None:
    """Who was taken for one is the other: all that belongs to a person changes its place."""
    one.number, other.number = other.number, one.number
    one.since, other.since = other.since, one.since
    one.hits, other.hits = other.hits, one.hits
    one.votes, other.votes = other.votes, one.votes
    one.label, other.label = other.label, one.label
