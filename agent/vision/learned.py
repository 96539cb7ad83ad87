"""What one camera knows of its scene, and how far it is with that: everything that is kept on disk.

Learning has three stretches: the looks of things, the ruler and the places come first; then how far
usual things stray from them; then how rare the sum of that is. So the calibration rests on things that
the prototypes have not seen. The invariant: no picture, no box and no single thing is in it, and each of its
numbers stems from at least `least` different things.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from agent.vision.calibration import LEAST, Tail
from agent.vision.hourly import Hourly
from agent.vision.perspective import Perspective
from agent.vision.places import Places
from agent.vision.prototypes import Codebook

VERSION = 1
GRAINS = {"speed": 0.02, "likeness": 0.5, "size": 0.05, "place": 0.1, "way": 0.1, "stay": 1.0}
"""Attribute -> the least mean excess that is believed: speed in body heights per second, stay in
seconds, all others are logarithms."""
ATTRIBUTES = tuple(GRAINS)
_JOINT_GRAIN = 0.1
STRAYS, SUMS = 0.5, 0.75
"""Progress from which on usual things are held against what was learned, and from which their sums are."""
_ODD = 1.0
"""A score that one usual thing in ten reaches."""
_DRIFTED = 0.4
"""Share of the latest things beyond that, from which the scene is another until it is learned anew."""
_LATEST = 150.0
"""Things over which that share is taken."""


class Stage(IntEnum):
    """How far the learning is; the values are told as `scene/stage`."""

    LEARNING = 0
    WATCHING = 1
    DRIFTED = 2


@dataclass(slots=True)
class Learned:
    """The knowledge of one scene; `classes` is how many numbers say what a thing looks like."""

    classes: int
    seconds: float = 0.0
    tracks: int = 0
    odd: float = 0.1
    drifted: bool = False
    least: int = LEAST
    perspective: Perspective = field(init=False)
    places: Places = field(init=False)
    hourly: Hourly = field(init=False)
    looks: Codebook = field(init=False)
    tails: dict[str, Tail] = field(init=False)
    joint: Tail = field(init=False)

    def __post_init__(self) -> None:
        self.perspective, self.places = Perspective(least=self.least), Places(least=self.least)
        self.hourly = Hourly(least=self.least)
        self.looks = Codebook(self.classes, least=self.least)
        self.tails = {name: Tail(grain, least=self.least) for name, grain in GRAINS.items()}
        self.joint = Tail(_JOINT_GRAIN, least=self.least)

    def progress(self, *, learn_s: float, learn_tracks: int) -> float:
        """0 to 1: of the time and of the things that learning takes, whichever is farther behind."""
        return min(1.0, self.seconds / learn_s, self.tracks / learn_tracks)

    def stage(self, progress: float) -> Stage:
        """What the scene is told to be."""
        if progress < 1.0 or not self.joint.is_known:
            return Stage.LEARNING
        return Stage.DRIFTED if self.drifted else Stage.WATCHING

    @property
    def excess(self) -> float:
        """By how much joint scores are too high, as things went that were judged before they were learned; never below 0."""
        return math.log10(max(1.0, self.odd * 10.0**_ODD))

    def judge(self, score: float, *, may_drift: bool) -> None:
        """Take note of a thing that has gone, by the highest of its scores: the scene may no longer fit."""
        self.odd += (float(score >= _ODD) - self.odd) / _LATEST
        self.drifted = self.drifted or (may_drift and self.odd > _DRIFTED)

    def state(self) -> dict[str, Any]:
        """What may be kept, as plain values for JSON; nothing before there are prototypes."""
        looks = self.looks.state()
        return {
            "version": VERSION,
            "least": self.least,
            "classes": self.classes,
            "seconds": round(self.seconds, 1) if looks else 0.0,
            "tracks": self.tracks if looks else 0,
            "odd": round(self.odd, 4),
            "drifted": self.drifted,
            "perspective": self.perspective.state(),
            "looks": looks,
            "places": self.places.state(),
            "hourly": self.hourly.state(),
            "tails": {name: tail.state() for name, tail in self.tails.items()},
            "joint": self.joint.state(),
        }

    @classmethod
    def of(cls, state: Mapping[str, Any], *, classes: int, least: int = LEAST) -> Learned:
        """What an earlier run kept; ValueError for another version or detector, or for what rests on too few things."""
        if state.get("version") != VERSION or state.get("classes") != classes:
            raise ValueError("a scene of another version or another detector")
        if state["least"] < least:
            raise ValueError("a scene of fewer things than are asked for")
        learned = cls(
            classes, float(state["seconds"]), int(state["tracks"]), float(state["odd"]), state["drifted"], least
        )
        learned.perspective.restore(state["perspective"])
        learned.looks.restore(state["looks"])
        learned.places.restore(state["places"])
        learned.hourly.restore(state.get("hourly", {}))
        for name, tail in learned.tails.items():
            tail.restore(state["tails"][name])
        learned.joint.restore(state["joint"])
        return learned
