"""A series of readings judged by its own past, from several sides at once; each side is called an aspect.

    reading -> spike, shift, drift, rhythm, course, noise: a number each
            -> deviations of each from that number's own past -> root of the sum of their squares -> limit

Each aspect makes one number of the latest readings and keeps its mean and spread with a long memory. Rules that
hold: memory does not grow with the length of the series; a number is judged before it is learned; a series that
was told of lately must be stranger to be told of again, and one that is told of often stops being news.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, NamedTuple

from agent.errors import Refused

Aspect = Literal["spike", "shift", "drift", "rhythm", "course", "noise"]
OVER: dict[Aspect, int] = {"spike": 1, "shift": 8, "drift": 96, "rhythm": 8, "course": 24, "noise": 24}
"""The readings that each aspect looks at.

A spike is one reading; shift and drift are means; rhythm and course are means beside what is usual at this time of
day; noise is the mean step from one reading to the next.
"""
LIMIT = 5.0
"""Deviations of all aspects together, from which on a reading is strange."""
HALF_LIFE = 5000.0
"""Readings after which one weighs half."""
YOUNG = 50
"""Readings before anything is judged at all."""
PAUSE = 100
"""Readings after one that was told of in which no other is."""
WEARY = 1.15
"""How much stranger the next must be for each that was told of lately."""
REST = 4000.0
"""Readings after which half of that weariness is gone."""
PARTS, DAY_S = 96, 86400.0
"""Parts of a day that have a usual value of their own."""
VISIT = 0.125
"""Weight of the latest reading in its part of the day."""
STILL = 0.01
"""Share of the usual step below which all steps are alike: a series at rest is not infinitely calm."""
_TINY = 1e-9
_NOTHING = 1e-12
_WIDEST = 5.0
_MOST = 1e6
"""Deviations are cut here, so that what was constant until now gives a number too."""


class Sight(NamedTuple):
    """What is strange about the latest readings: the aspect that deviates most, and by how much all of them do.

    `strength` is 1 where a reading just is strange, 2 at twice the deviations.
    """

    aspect: Aspect
    observed: float
    expected: float
    spread: float
    strength: float


@dataclass(slots=True)
class Usual:
    """Mean and spread of one number, the past weighing half after `HALF_LIFE` readings."""

    count: int = 0
    mean: float = 0.0
    variance: float = 0.0

    def state(self) -> list[float]:
        return [self.count, self.mean, self.variance]

    @classmethod
    def of(cls, state: Sequence[float]) -> Usual:
        count, mean, variance = (_number(value) for value in state)
        return cls(int(count), mean, max(0.0, variance))

    def spread(self) -> float:
        return math.sqrt(self.variance) + _TINY * (abs(self.mean) + _TINY)

    def deviations(self, value: float) -> float:
        return 0.0 if self.count < YOUNG else min(_MOST, abs(value - self.mean) / self.spread())

    def learn(self, value: float) -> None:
        self.count += 1
        weight = max(1.0 - 0.5 ** (1.0 / HALF_LIFE), 1.0 / self.count)
        off = value - self.mean
        self.mean += weight * off
        self.variance = (1.0 - weight) * (self.variance + weight * off * off)


@dataclass(slots=True)
class Seen:
    """One aspect's number of the present reading: `beside` is what is usual now and was taken from it."""

    aspect: Aspect
    number: float
    beside: float
    usual: Usual
    deviations: float

    def sight(self, strength: float) -> Sight:
        expected, spread = self.usual.mean + self.beside, self.usual.spread()
        if self.aspect != "noise":
            return Sight(self.aspect, self.number, expected, spread, strength)
        step, spread = math.exp(expected), math.expm1(min(spread, _WIDEST))
        return Sight(self.aspect, math.exp(self.number), step, step * spread, strength)


@dataclass(slots=True)
class Series:
    """One series; `readings` is how many it has seen."""

    strictness: float = 1.0
    """Factor on the limit; feedback moves it."""
    readings: int = 0
    strange: bool = False
    """Whether the latest reading was, told or not."""
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=max(OVER.values())))
    _steps: deque[float] = field(default_factory=lambda: deque(maxlen=OVER["noise"]))
    _usual: dict[Aspect, Usual] = field(default_factory=lambda: {aspect: Usual() for aspect in OVER})
    _day: dict[Aspect, list[float | None]] = field(
        default_factory=lambda: {aspect: [None] * PARTS for aspect in ("rhythm", "course")}
    )
    _step: Usual = field(default_factory=Usual)
    """Of all steps from one reading to the next."""
    _weary: float = 0.0
    _told: int = -PAUSE

    def update(self, value: float, second: float) -> Sight | None:
        """Judge and learn one reading; `second` is of the local day. What is strange enough to tell, or None."""
        sight = self.sight(value, second)
        self.strange = sight.strength >= 1.0
        since = self.readings - self._told
        if not self.strange or since <= PAUSE:
            return None
        weary = self._weary * 0.5 ** (since / REST)
        if sight.strength < WEARY**weary:
            return None
        self._weary, self._told = weary + 1.0, self.readings
        return sight

    def sight(self, value: float, second: float) -> Sight:
        """How strange a reading is, whatever was told before; it is learned."""
        self._take(value)
        seen = [self._seen(aspect, second) for aspect in OVER]
        strength = math.hypot(*(one.deviations for one in seen)) / LIMIT / self.strictness
        sight = max(seen, key=lambda one: one.deviations).sight(strength)
        for one in seen:
            one.usual.learn(one.number - one.beside)
        return sight

    def state(self) -> dict[str, Any]:
        """What was learned, as plain values that JSON can hold."""
        return {
            "series": self.readings,
            "recent": list(self._recent),
            "steps": list(self._steps),
            "usual": {aspect: usual.state() for aspect, usual in self._usual.items()},
            "step": self._step.state(),
            "day": {aspect: list(parts) for aspect, parts in self._day.items()},
            "weary": self._weary,
            "told": self._told,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up where `state()` was taken; Refused('bad-state') where it is none of ours."""
        try:
            self._restore(state)
        except (KeyError, TypeError, ValueError) as error:
            raise Refused("bad-state", f"not a series: {error!r}", hint="remove the file and learn anew") from error

    def _restore(self, state: Mapping[str, Any]) -> None:
        usual = {aspect: Usual.of(state["usual"][aspect]) for aspect in OVER}
        day = {aspect: _parts(state["day"][aspect]) for aspect in self._day}
        recent, steps = ([_number(value) for value in state[name]] for name in ("recent", "steps"))
        step, weary = Usual.of(state["step"]), _number(state["weary"])
        self.readings, self._told = int(state["series"]), int(state["told"])
        self._usual, self._day, self._step, self._weary = usual, day, step, weary
        self._recent = deque(recent, maxlen=max(OVER.values()))
        self._steps = deque(steps, maxlen=OVER["noise"])

    def _take(self, value: float) -> None:
        step = abs(value - self._recent[-1]) if self._recent else 0.0
        self._recent.append(value)
        self._steps.append(step)
        self._step.learn(step)
        self.readings += 1

    def _seen(self, aspect: Aspect, second: float) -> Seen:
        usual, beside = self._usual[aspect], 0.0
        if aspect == "noise":
            number = math.log(math.fsum(self._steps) / len(self._steps) + STILL * self._step.mean + _NOTHING)
        else:
            number = _mean(self._recent, OVER[aspect])
        if aspect in self._day:
            beside = self._beside(aspect, number, second)
        return Seen(aspect, number, beside, usual, usual.deviations(number - beside))

    def _beside(self, aspect: Aspect, number: float, second: float) -> float:
        """What is usual in this part of the day; the number is learned for the next time."""
        parts = self._day[aspect]
        part = int(second % DAY_S / DAY_S * PARTS)
        usual = parts[part]
        parts[part] = number if usual is None else usual + VISIT * (number - usual)
        return self._usual["drift"].mean if usual is None else usual


def _mean(numbers: deque[float], latest: int) -> float:
    count = min(latest, len(numbers))
    return math.fsum(islice(reversed(numbers), count)) / count


def _number(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number")
    return float(value)


def _parts(values: Sequence[float | None]) -> list[float | None]:
    if len(values) != PARTS:
        raise ValueError(f"a day has {PARTS} parts")
    return [None if value is None else _number(value) for value in values]
