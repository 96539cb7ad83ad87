"""Second thoughts: who was who, when two that met have parted.

While two boxes overlap a detector gives one box for both, or now one and now the other, and the filters follow
whatever they are given. Once the two stand apart again, both ways to name them are held against
where each was going, and how tall it was, before they met. Only numbers are exchanged; no box moves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

from agent.pixels import Box
from agent.vision.assignment import Pair
from agent.vision.course import Course
from agent.vision.geometry import area, shared
from agent.vision.kalman import Axis
from agent.vision.trace import Trace, exchange

MEET, PART = 0.15, 0.05
"""Shares of the smaller box, covered by the other: above the first they have met, below the second they stand apart."""
APART_S = 0.4
"""How long they must have stood apart: as long as a filter needs to know the new way."""
LONGEST_S = 6.0
"""After that long the way before says nothing."""
MARGIN = 2.0
"""How much better the other naming must fit, in variances."""
BODY = 0.12
"""Standard deviation of the logarithm of one person's height before and after."""


@dataclass(slots=True)
class Encounter:
    """How two things were going when they met, and when they last touched."""

    since: float
    one: Course
    other: Course
    touched: float

    def prefers_exchange(self, one: Course, other: Course, at: float) -> bool:
        """Whether what parted fits what met better crosswise."""
        seconds = at - self.since
        stay = unlike(self.one, one, seconds=seconds) + unlike(self.other, other, seconds=seconds)
        cross = unlike(self.one, other, seconds=seconds) + unlike(self.other, one, seconds=seconds)
        return stay - cross > MARGIN


@dataclass(slots=True)
class Encounters:
    """All pairs that are together, by their numbers, the smaller one first."""

    _open: dict[Pair, Encounter] = field(default_factory=dict)

    def update(self, traces: Sequence[Trace], at: float) -> tuple[Pair, ...]:
        """Look at who is together now; the pairs of numbers that were exchanged."""
        known = {trace.number: trace for trace in traces}
        gone = [pair for pair in self._open if not known.keys() >= set(pair)]
        for pair in [*gone, *(pair for pair, met in self._open.items() if at - met.since > LONGEST_S)]:
            self._open.pop(pair, None)
        return tuple(pair for pair in combinations(sorted(known), 2) if self._is_exchanged(pair, known, at))

    def _is_exchanged(self, pair: Pair, known: dict[int, Trace], at: float) -> bool:
        one, other = known[pair[0]], known[pair[1]]
        met, both = self._open.get(pair), together(one.box, other.box)
        if met is None:
            if both > MEET:
                self._open[pair] = Encounter(at, one.course.copy(), other.course.copy(), at)
            return False
        if both > PART:
            met.touched = at
        if one.coasting_s or other.coasting_s or at - met.touched < APART_S:
            return False
        del self._open[pair]
        if not met.prefers_exchange(one.course, other.course, at):
            return False
        exchange(one, other)
        known[pair[0]], known[pair[1]] = other, one
        return True


def together(one: Box, other: Box) -> float:
    """The area of both as a share of the smaller one."""
    both = shared(one, other)
    return both / min(area(one), area(other)) if both else 0.0


def unlike(then: Course, now: Course, *, seconds: float) -> float:
    """How badly a course fits one of `seconds` before: place, speed and height, in variances."""
    led = then.copy()
    led.predict(seconds)
    return _far(led.x, now.x) + _far(led.y, now.y) + (math.log(then.height / now.height) / BODY) ** 2


def _far(led: Axis, now: Axis) -> float:
    return (led.at - now.at) ** 2 / (led.pp + now.pp) + (led.speed - now.speed) ** 2 / (led.vv + now.vv)
