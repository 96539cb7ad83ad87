"""How rare is such a value here? From the largest value of each usual thing to a share of them.

A tail counts, for each of many levels, how many usual things ever reached it; beyond the level that
twenty (or a tenth) of them reached it goes on as an exponential whose mean excess is theirs (peaks over
a threshold; Coles, An Introduction to Statistical Modeling of Extreme Values, 2001, chapter 4, with a shape
of zero). So a score is a false-alarm rate: 3 means that one usual thing in a thousand ever gets there.

The invariant: what `state` gives rests on at least `least` things in each of its numbers.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

LEAST = 20
"""No number that is kept stems from fewer different things (k-anonymity); a configuration may ask for more."""
LEVELS: Doubles = np.geomspace(1e-3, 1e3, 284)
"""Steps of five per cent."""
_LEVELS: list[float] = LEVELS.tolist()
FADES = 5000.0
"""From so many on older things count half: what was usual years ago is not for ever."""
RAREST = 12.0
"""No score is above this: nobody has seen that many things."""
_HIGH = 0.1
_SHALLOWEST = 0.1
"""A few hundred things cannot show that a tail falls faster than by this share of its beginning."""


class _Curve(NamedTuple):
    """Minus the logarithm of the share that reaches a value: at the first levels by count, then as the mean excess says."""

    rare: tuple[float, ...]
    beyond: float
    excess: float

    def at(self, value: float) -> float:
        last = len(self.rare) - 1
        above = bisect_right(_LEVELS, value, hi=last + 1)
        if above > last:
            return self.rare[last] + self.beyond * math.log1p((value - _LEVELS[last]) / (self.beyond * self.excess))
        if not above:
            return self.rare[0]
        low, high = _LEVELS[above - 1], _LEVELS[above]
        return self.rare[above - 1] + (self.rare[above] - self.rare[above - 1]) * (value - low) / (high - low)


@dataclass(slots=True)
class Tail:
    """The upper tail of one attribute; `grain` is the least mean excess that is believed, in its unit."""

    grain: float
    total: float = 0.0
    reached: Doubles = field(default_factory=lambda: np.zeros(len(LEVELS)))
    least: int = LEAST
    _curve: _Curve | None = None
    """As it stands since the last thing: every sight asks, and things end seldom."""

    def add(self, largest: float) -> None:
        """One more usual thing, and the largest value that it showed."""
        self._curve = None
        self.reached[max(largest, LEVELS[0]) >= LEVELS] += 1.0
        self.total += 1.0
        if self.total >= FADES:
            self.total, self.reached = self.total / 2.0, self.reached / 2.0

    @property
    def is_known(self) -> bool:
        """Whether enough things were seen for anything to be said."""
        return self.total >= self.least

    def score(self, value: float) -> float:
        """-log10 of the share of usual things that ever reach a value; 0 while nothing is known."""
        if not self.is_known:
            return 0.0
        if self._curve is None:
            self._curve = self._fit()
        return min(RAREST, max(0.0, self._curve.at(value) / math.log(10.0)))

    def reached_by(self, share: float) -> float:
        """The value that this share of usual things reach: 0.5 for the usual one."""
        above = np.flatnonzero(self.reached >= share * self.total)
        return float(LEVELS[above[-1]]) if len(above) else 0.0

    def state(self) -> dict[str, Any]:
        """What may be kept: levels that at least `least` things reached, and their mean excess."""
        if not self.is_known:
            return {"tracks": 0}
        start, excess = self._threshold(self.least)
        kept = [round(float(one), 1) for one in self.reached[: start + 1]]
        return {"tracks": int(self.total), "reached": kept, "excess": round(excess, 5)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what was kept; the far end is as the mean excess says."""
        self._curve = None
        self.total = float(state["tracks"])
        self.reached[:] = 0.0
        if not self.total:
            return
        kept = np.array(state["reached"], np.float64)
        start = len(kept) - 1
        self.reached[: len(kept)] = kept
        self.reached[start:] = kept[start] * np.exp((LEVELS[start] - LEVELS[start:]) / float(state["excess"]))

    def _fit(self) -> _Curve:
        start, excess = self._threshold(max(self.least, _HIGH * self.total))
        rare = -np.log(self.reached[: start + 1] / self.total)
        return _Curve(tuple(rare.tolist()), float(self.reached[start]), excess)

    def _threshold(self, count: float) -> tuple[int, float]:
        """The last level that so many things reached, and by how much they exceed it on the mean."""
        start = int(np.flatnonzero(self.reached >= count)[-1])
        beyond = float(self.reached[start + 1 :] @ np.diff(LEVELS[start:])) / self.reached[start]
        return start, max(float(beyond), self.grain, _SHALLOWEST * float(LEVELS[start]))
