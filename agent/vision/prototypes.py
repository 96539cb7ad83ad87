"""What things usually look like here, as a few prototypes that each stem from many of them.

Sequential k-means over vectors: what was gathered since the last `fold` is clustered together with the
prototypes of before, which weigh as much as they stand for. The invariant: a prototype rests on at
least `least` different tracks, by a count that may be too low but never too high; what is fewer is taken
into its nearest neighbour. What is gathered stays in memory and is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.vision.calibration import LEAST

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

MOST = 64
"""Prototypes at most."""
GATHERED = 2048
"""Vectors that wait for the next fold at most; of more, every other one is forgotten."""
_ROUNDS = 8
_HEAVIEST = 20000.0
"""A prototype weighs no more than this, so that it can still follow."""


@dataclass(slots=True)
class Codebook:
    """Prototypes of `size` numbers: `means` (n, size), `weights` (n,) and `tracks` (n,)."""

    size: int
    means: Floats = field(init=False)
    weights: Floats = field(init=False)
    tracks: Numbers = field(init=False)
    _waiting: list[tuple[int, Floats]] = field(default_factory=list)
    _folded: int = -1
    """The highest track number that an earlier fold has counted."""
    least: int = LEAST

    def __post_init__(self) -> None:
        self._set(np.zeros((0, self.size), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))

    def gather(self, track: int, vector: Floats) -> None:
        """A sight of a usual thing; `track` numbers rise."""
        self._waiting.append((track, vector.astype(np.float32)))
        if len(self._waiting) > GATHERED:
            del self._waiting[::2]

    def distance(self, vectors: Floats) -> Floats:
        """How far each of (n, size) is from the nearest prototype; 0 while there is none."""
        if not len(self.means):
            return np.zeros(len(vectors), np.float32)
        return np.asarray(np.sqrt(_squared(vectors, self.means).min(axis=1)), np.float32)

    def nearest(self, vector: Floats) -> tuple[Floats, int]:
        """The nearest prototype and on how many tracks it rests."""
        row = int(_squared(vector[None], self.means)[0].argmin())
        return self.means[row], int(self.tracks[row])

    def fold(self) -> bool:
        """Take in what was gathered; False where that is still too little, and goes on waiting."""
        numbers = np.array([track for track, _ in self._waiting], np.int64)
        if not len(self.means) and len(np.unique(numbers)) < self.least:
            return False
        if not len(numbers):
            return True
        vectors = np.concatenate([self.means, np.stack([vector for _, vector in self._waiting])])
        weights = np.concatenate([self.weights, np.ones(len(numbers), np.float32)])
        counting = Counting(len(self.means), self.tracks, numbers, self._folded, self.least)
        self._set(*_clustered(vectors, weights, counting))
        self._folded = max(self._folded, int(numbers.max()))
        self._waiting.clear()
        return True

    def state(self) -> list[dict[str, Any]]:
        """What may be kept: also what waits, where it can be taken in; here it goes on waiting."""
        kept = Codebook(self.size, list(self._waiting), self._folded, self.least)
        kept._set(self.means, self.weights, self.tracks)
        kept.fold()
        return kept._told()

    def _told(self) -> list[dict[str, Any]]:
        return [
            {"tracks": int(tracks), "weight": round(float(weight), 1), "mean": [round(float(x), 3) for x in mean]}
            for mean, weight, tracks in zip(self.means, self.weights, self.tracks, strict=True)
        ]

    def restore(self, state: list[Mapping[str, Any]]) -> None:
        """Take up what was kept; ValueError where a prototype is of another size or of too few."""
        means = np.array([one["mean"] for one in state], np.float32).reshape(-1, self.size)
        if any(one["tracks"] < self.least for one in state):
            raise ValueError("a prototype of too few tracks")
        weights = np.array([one["weight"] for one in state], np.float32)
        self._set(means, weights, np.array([one["tracks"] for one in state], np.int64))

    def _set(self, means: Floats, weights: Floats, tracks: Numbers) -> None:
        self.means, self.weights, self.tracks = means, np.minimum(weights, np.float32(_HEAVIEST)), tracks


@dataclass(frozen=True, slots=True)
class Counting:
    """How many different tracks stand behind some rows: the first `old` rows are prototypes, the rest sights.

    Old prototypes may share tracks, so of several the largest counts; a track that an earlier fold has
    counted is not counted again.
    """

    old: int
    tracks: Numbers
    numbers: Numbers
    folded: int
    least: int

    def behind(self, rows: NDArray[np.intp]) -> int:
        before = self.tracks[rows[rows < self.old]]
        new = np.unique(self.numbers[rows[rows >= self.old] - self.old])
        return int(before.max(initial=0)) + int((new > self.folded).sum())


def _clustered(vectors: Floats, weights: Floats, counting: Counting) -> tuple[Floats, Floats, Numbers]:
    centres = _spread(vectors, min(MOST, len(vectors)))
    for _ in range(_ROUNDS):
        owner = _squared(vectors, centres).argmin(axis=1)
        centres = _means(vectors, weights, owner, centres)
    return _merged(vectors, weights, _squared(vectors, centres).argmin(axis=1), counting)


def _spread(vectors: Floats, count: int) -> Floats:
    """Rows far from one another: each next is the farthest of a sample from those chosen."""
    sample = vectors[:: max(1, len(vectors) // (8 * MOST))]
    chosen = [sample[0]]
    far = _squared(sample, sample[:1])[:, 0]
    for _ in range(1, min(count, len(sample))):
        chosen.append(sample[int(far.argmax())])
        far = np.minimum(far, _squared(sample, chosen[-1][None])[:, 0])
    return np.stack(chosen)


def _means(vectors: Floats, weights: Floats, owner: NDArray[np.intp], before: Floats) -> Floats:
    sums = np.zeros_like(before)
    np.add.at(sums, owner, vectors * weights[:, None])
    mass = np.bincount(owner, weights, minlength=len(before)).astype(np.float32)
    return np.where(mass[:, None] > 0.0, sums / np.maximum(mass, 1e-9)[:, None], before)


def _merged(
    vectors: Floats, weights: Floats, owner: NDArray[np.intp], counting: Counting
) -> tuple[Floats, Floats, Numbers]:
    """Groups of too few tracks join their nearest, the smallest first, until there are none."""
    groups = {int(key): np.flatnonzero(owner == key) for key in np.unique(owner)}
    behind = {key: counting.behind(rows) for key, rows in groups.items()}
    means = {key: np.average(vectors[rows], axis=0, weights=weights[rows]) for key, rows in groups.items()}
    while len(groups) > 1 and min(behind.values()) < counting.least:
        least = min(behind, key=lambda key: (behind[key], key))
        rows, mean = groups.pop(least), means.pop(least)
        del behind[least]
        into = min(means, key=lambda key: float(np.square(means[key] - mean).sum()))
        groups[into] = np.concatenate([groups[into], rows])
        behind[into] = counting.behind(groups[into])
        means[into] = np.average(vectors[groups[into]], axis=0, weights=weights[groups[into]])
    return (
        np.array(list(means.values()), np.float32),
        np.array([weights[rows].sum() for rows in groups.values()], np.float32),
        np.array(list(behind.values()), np.int64),
    )


def _squared(ones: Floats, others: Floats) -> Floats:
    """Squared distances, (ones, others)."""
    squares = np.square(ones).sum(axis=1)[:, None] + np.square(others).sum(axis=1)[None] - 2.0 * ones @ others.T
    return np.asarray(np.maximum(squares, 0.0), np.float32)
