"""Counts per quarter of an hour, with the share of it that was really seen.

Two sorts of numbers come from a zone or a line: happenings (`entered`, `left`, `in`, `out`) are added
up; levels (`count`, `occupancy`) become `count_mean` and `count_max`. `camera/observed` is the share
of the time since the last such report in which the camera really saw; a time that no report covers
was not seen, and nothing is invented for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agent.records import Observation, Stat

HAPPENINGS = frozenset({"entered", "left", "in", "out"})
LEVELS = frozenset({"count", "occupancy"})
OBSERVED = "camera/observed"
GRACE_S = 2.0
"""An interval is told so long after its end, for the numbers that come a moment late."""
BACK_S = 60.0
"""Time that runs back farther than this before an interval that is not told was set."""
LEAP = 96
"""Intervals; time that runs farther ahead in one step was set, and what is between is not told."""


@dataclass(slots=True)
class Level:
    """The reports of one level."""

    count: int = 0
    total: float = 0.0
    most: float = -math.inf

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.most = max(self.most, value)


@dataclass(slots=True)
class Book:
    """What one source said within one interval."""

    seen_s: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    levels: dict[str, Level] = field(default_factory=dict)

    def add(self, quantity: str, measure: str, value: float) -> None:
        if measure in HAPPENINGS:
            self.sums[quantity] = self.sums.get(quantity, 0.0) + value
        else:
            self.levels.setdefault(quantity, Level()).add(value)

    def values(self) -> list[tuple[str, float]]:
        """All numbers by name."""
        values = dict(self.sums)
        for quantity, level in self.levels.items():
            values[f"{quantity}_mean"] = level.total / level.count
            values[f"{quantity}_max"] = level.most
        return sorted(values.items())


@dataclass(slots=True)
class Tally:
    """Every source that counts, in intervals that begin at whole multiples of `period_s`."""

    period_s: float = 900.0
    _books: dict[int, dict[str, Book]] = field(default_factory=dict)
    _reported: dict[str, float] = field(default_factory=dict)
    """When each source last said how much it had seen; every source that counts is in here."""
    _next: int | None = None
    """Number of the interval that is told next."""

    def update(self, observation: Observation) -> list[Stat]:
        """Take one number in; what it is not made for is left alone."""
        measure = observation.quantity.rpartition("/")[2]
        if not (math.isfinite(observation.value) and math.isfinite(observation.at)):
            return []
        stats = self.advance(observation.at)
        if observation.quantity == OBSERVED:
            self._cover(observation)
        elif observation.quantity.count("/") > 1 and measure in HAPPENINGS | LEVELS:
            self._reported.setdefault(observation.source, observation.at)
            self._book(observation.source, observation.at).add(observation.quantity, measure, observation.value)
        return stats

    def advance(self, at: float) -> list[Stat]:
        """The intervals that are over."""
        if self._next is None:
            self._next = self._number(at)
        if at < self._next * self.period_s - BACK_S:
            return self._set_back(at)
        last = self._number(at - GRACE_S)
        numbers = range(self._next, last) if last - self._next <= LEAP else sorted(self._books)
        stats = [stat for number in numbers if number < last for stat in self._tell(number, self._end(number))]
        self._next = max(self._next, last)
        return stats

    def finish(self, at: float) -> list[Stat]:
        """What is left when the node stops: the last interval ends at `at`."""
        stats = self.advance(at)
        for number in sorted(self._books):
            stats += self._tell(number, min(at, self._end(number)))
        return stats

    def _set_back(self, at: float) -> list[Stat]:
        """The clock was set: tell what there is, and count anew from `at`."""
        stats = [stat for number in sorted(self._books) for stat in self._tell(number, self._end(number))]
        self._next, self._reported = self._number(at), dict.fromkeys(self._reported, at)
        return stats

    def _cover(self, observation: Observation) -> None:
        """Spread the time that was seen over the intervals that it touches."""
        until = observation.at
        since = self._reported.get(observation.source, until)
        self._reported[observation.source] = max(since, until)
        for number in range(self._number(since), self._number(until) + 1):
            overlap_s = min(until, self._end(number)) - max(since, number * self.period_s)
            if overlap_s > 0.0 and number >= (self._next or number):
                self._book(observation.source, max(since, number * self.period_s)).seen_s += overlap_s * min(
                    1.0, max(0.0, observation.value)
                )

    def _tell(self, number: int, until: float) -> Iterator[Stat]:
        books: Mapping[str, Book] = self._books.pop(number, {})
        since = number * self.period_s
        for source in sorted(self._reported):
            book = books.get(source, Book())
            coverage = min(1.0, book.seen_s / (until - since)) if until > since else 0.0
            yield Stat(source, since, until, coverage, tuple(book.values()))

    def _book(self, source: str, at: float) -> Book:
        """The book of the interval that `at` is in, or of the oldest that is not told."""
        number = max(self._number(at), self._next or 0)
        return self._books.setdefault(number, {}).setdefault(source, Book())

    def _number(self, at: float) -> int:
        return math.floor(at / self.period_s)

    def _end(self, number: int) -> float:
        return (number + 1) * self.period_s
