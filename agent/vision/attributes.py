"""What can be said of each thing in the picture: how fast, what it looks like, how large, where, which way, how long.

All values grow with being unusual, as far as the scene's knowledge goes, except speed and stay, which
are plain. What has no evidence is 0; a speed that cannot be told, in a first frame, is not a number. A trail is the memory of one thing: its smoothed values, the
largest of each, and where it stood.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.vision.learned import ATTRIBUTES, Learned
from agent.vision.places import Cell, cell
from agent.vision.things import Things

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

SMOOTH_S = 0.3
"""Time constant of the one causal smoothing along a trail: three sights at ten frames a second."""
_MOVES = 0.15
"""Body heights per second from which a thing has a direction."""
_STEP = 0.5
"""Body heights by which a thing must have moved to be somewhere else."""
_RIM = 0.02
"""A box nearer to the edge of the frame than this may be cut off."""
_LEAST_SHARE = 0.004
"""The finest step of a detector's int8 probabilities."""
_WAY, _STAY = ATTRIBUTES.index("way"), ATTRIBUTES.index("stay")
_SURE = 0.4
"""Probability of a person from which a sight may serve as ruler."""


class Sight(NamedTuple):
    """One thing at one instant: values in the order of `ATTRIBUTES`, and what they stem from."""

    number: int
    values: Doubles
    looks: Floats
    cell: Cell
    speed: float
    height: float
    ruler: float
    """How tall a person would be here, in fractions of the frame like `height`."""
    foot: tuple[float, float]


@dataclass(slots=True)
class Trail:
    """What is remembered of one thing for as long as it is seen."""

    since: float
    anchor: tuple[float, float]
    anchored_at: float
    at: float
    values: Doubles
    largest: Doubles = field(default_factory=lambda: np.zeros(len(ATTRIBUTES)))
    joint: float = 0.0
    highest: float = 0.0
    sights: int = 0
    sampled_at: float = -math.inf
    has_gone: bool = False
    """Whether it has gone half a body height: who sways on the spot, or is only just coming into the picture, goes no way."""
    cells: set[Cell] = field(default_factory=set)

    @classmethod
    def begin(cls, sight: Sight, at: float) -> Trail:
        return cls(at, sight.foot, at, at, _without_way(sight.values))

    def follow(self, sight: Sight, at: float, *, aspect: float) -> None:
        """The next sight of it."""
        self._move(sight, at, aspect=aspect)
        seen = sight.values if self.has_gone else _without_way(sight.values)
        share = 1.0 - math.exp(-(at - self.at) / SMOOTH_S) if self.sights else 1.0
        known = np.where(np.isnan(self.values), seen, self.values)
        self.values = np.where(np.isnan(seen), known, known + (seen - known) * share)
        self.values[_STAY] = at - self.anchored_at
        self.largest = np.fmax(self.largest, self.values)
        self.at, self.sights = at, self.sights + 1

    def _move(self, sight: Sight, at: float, *, aspect: float) -> None:
        moved = math.hypot((sight.foot[0] - self.anchor[0]) * aspect, sight.foot[1] - self.anchor[1])
        if moved > _STEP * sight.ruler:
            self.anchor, self.anchored_at, self.has_gone = sight.foot, at, True


def _without_way(values: Doubles) -> Doubles:
    return np.where(np.arange(len(values)) == _WAY, 0.0, values)


def sights(things: Things, moved: Floats, learned: Learned, *, aspect: float) -> list[Sight]:
    """Everything that is present; `moved` (n, 3) is the flow in all boxes, not a number where there is none."""
    rows = things.present
    if not (len(rows) and learned.perspective.is_known):
        return []
    boxes, looks = things.boxes[rows], log_odds(things.scores[rows])
    rulers = learned.perspective.at(np.minimum(boxes[:, 3], 1.0))
    far = learned.looks.distance(looks).tolist()
    motion = moved[rows] / np.stack([rulers, rulers * np.float32(aspect), rulers], axis=1)
    boxed = [
        _Boxed(int(things.numbers[row]), box, look, ruler, away)
        for row, box, look, ruler, away in zip(rows, boxes.tolist(), looks, rulers.tolist(), far, strict=True)
    ]
    return [_sight(one, each, learned) for one, each in zip(boxed, motion.tolist(), strict=True)]


class _Boxed(NamedTuple):
    """What a still picture says of one thing."""

    number: int
    box: Sequence[float]
    looks: Floats
    ruler: float
    far: float


def _sight(thing: _Boxed, motion: Sequence[float], learned: Learned) -> Sight:
    left, _, right, bottom = thing.box
    speed, along, down = motion
    foot = ((left + right) / 2.0, bottom)
    where = cell(*foot, (along, down) if speed > _MOVES else None)
    height = _height(thing.box)
    size = abs(math.log(height / thing.ruler)) if height else 0.0
    values = np.array([speed, thing.far, size, *learned.places.rarity(where), 0.0])
    return Sight(thing.number, values, thing.looks, where, speed, height, thing.ruler, foot)


def upright(things: Things, *, person: int) -> Iterator[tuple[int, float, float]]:
    """Number, row of the feet and height of everyone who is surely a person and whole in the frame."""
    for row in things.present:
        if things.scores[row, person] >= _SURE and (height := _height(things.boxes[row].tolist())):
            yield int(things.numbers[row]), float(things.boxes[row, 3]), height


def _height(box: Sequence[float]) -> float:
    """Of a box that the frame does not cut off, else 0."""
    left, top, right, bottom = box
    whole = left > _RIM and top > _RIM and right < 1.0 - _RIM and bottom < 1.0 - _RIM
    return bottom - top if whole else 0.0


def log_odds(scores: Floats) -> Floats:
    """Probabilities (n, classes) as log odds, flat below the finest step that a detector can tell."""
    step = np.float32(_LEAST_SHARE)
    return np.asarray(np.log((scores + step) / (1.0 + step - scores)), np.float32)
