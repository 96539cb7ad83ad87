"""What is usual for one number in each hour of the week: robust, honest about coverage, bounded.

An hour is expected from its own weeks and, for as long as these are few, from the hours beside it and the
same hour of similar days. How far values spread is learned from all hours together, and so is how far the
last fortnight lies off the weeks before (the season). A sample far outside is set aside; three of
one hour in a row on one side are the new usual.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from agent.anomaly.baseline import BOUND, MAD, Counts, Typical, Usual, quantile
from agent.anomaly.options import DAYS
from agent.errors import Refused

HOURS = 24
KEPT = 8
"""Samples remembered of each hour of each kind of day."""
RECENT = 336
"""Hours that spread and season are learned from: a fortnight."""
ALIKE = 3
"""So many in a row on one side are no accident."""
RARE = 1
"""Samples of an hour of a special day that are enough: the next may be months away."""
LENT = 0.5
"""Weight of what similar hours say, in samples of the hour itself."""
LEAST_COVERAGE = 0.25
"""Of less than this share of an hour nothing is said and nothing learned."""
FEW = 48
"""Hours without which spread and season are not known."""
_SEASON = 2.0
"""The most that a season may multiply or divide by."""
_WINSOR = 3.0
_MAX_KINDS = 32
_Q95 = 1.96
"""Standard deviations within which 95 % of a normal distribution are."""
_CLEARLY = 0.5
"""Nearer than this share of the deviations no tail needs to be added up."""


class Sample(NamedTuple):
    """One hour as it would have been seen in full; `odd` is the side on which it was set aside."""

    value: float
    coverage: float
    odd: int = 0


class Pair(NamedTuple):
    """What was seen in an hour of the day, and what so much of the weeks before (`weight`) had it be."""

    hour: int
    value: float
    expected: float
    weight: float
    coverage: float


Slot = tuple[str, int]
"""Kind of day, hour of the day."""


@dataclass(slots=True)
class Week:
    """The past weeks of one number; `usual` is None until `warm_up` samples of that hour were learned."""

    model: Literal["level", "counts"] = "counts"
    adds_up: bool = True
    """Whether half an hour holds half of it, as a sum does and a mean or maximum does not."""
    deviations: float = 3.0
    least_spread: float = 0.1
    warm_up: int = 2
    half_life: float = 6.0
    _hours: dict[Slot, list[Sample]] = field(default_factory=dict)
    """Oldest first."""
    _recent: list[Pair] = field(default_factory=list)
    _season: float | None = None
    _dispersion: float | None = None

    def evidence(self, kind: str, hour: int) -> float:
        """How many weeks (days of the kind) the expectation of an hour rests on, by the share that was seen."""
        return math.fsum(one.coverage for one in self._of((kind, hour)))

    def usual(self, kind: str, hour: int, coverage: float = 1.0) -> Usual | None:
        """What is expected of an hour of which the share `coverage` was seen."""
        needed = self.warm_up if kind in DAYS else RARE
        if len(self._of((kind, hour))) < needed or coverage < LEAST_COVERAGE:
            return None
        expected, weight = self._expected((kind, hour))
        expected = self._in_season(expected, kind)
        if self.model == "level":
            spread = self._spread(hour) * math.sqrt(1.0 / coverage + 1.0 / weight)
            return Typical(expected, spread, spread)
        share = coverage if self.adds_up else 1.0
        expected = max(expected, LENT / (weight + LENT)) * share
        own = expected + self._counts_dispersion() * expected**2
        unsure = (expected * share + self._counts_dispersion() * expected**2) / weight
        return Counts(expected, own + max(unsure, 1e-6 * expected))

    def learn(self, kind: str, hour: int, value: float, coverage: float) -> None:
        """Take in what was seen in the share `coverage` of one hour."""
        if coverage < LEAST_COVERAGE:
            return
        usual = self.usual(kind, hour, coverage)
        odd = 0 if usual is None else side(usual, value, BOUND * self.deviations)
        full = value / coverage if self.adds_up else value
        if usual is not None and kind in DAYS:
            self._compare(Pair(hour, full, *self._expected((kind, hour)), coverage))
        self._keep((kind, hour), Sample(full, coverage, odd))

    def state(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        hours = {f"{kind} {hour}": [list(one) for one in samples] for (kind, hour), samples in self._hours.items()}
        return {"week": hours, "recent": [list(pair) for pair in self._recent]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up where `state()` was taken; Refused('bad-state') where it is none of ours."""
        try:
            hours = {_slot(name): _samples(listed) for name, listed in state["week"].items()}
            recent = [_pair(*listed) for listed in state["recent"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Refused("bad-state", f"not a week: {error!r}", hint="remove the file and learn anew") from error
        self._hours, self._recent = hours, recent[-RECENT:]
        self._season = self._dispersion = None

    def _of(self, slot: Slot) -> list[Sample]:
        return [one for one in self._hours.get(slot, ()) if not one.odd]

    def _keep(self, slot: Slot, sample: Sample) -> None:
        if slot[0] not in {kind for kind, _ in self._hours} and len(self._hours) >= _MAX_KINDS * HOURS:
            return
        samples = [*self._hours.get(slot, ()), sample][-KEPT:]
        last = samples[-ALIKE:]
        if sample.odd and len(last) == ALIKE and all(one.odd == sample.odd for one in last):
            samples = [one._replace(odd=0) for one in last]
        self._hours[slot] = samples

    def _compare(self, pair: Pair) -> None:
        self._recent = [*self._recent, pair][-RECENT:]
        if pair.hour == 0 or len(self._recent) == FEW:
            self._season = self._dispersion = None

    def _expected(self, slot: Slot) -> tuple[float, float]:
        """Expectation of a full hour, and the weight that it rests on."""
        own = self._of(slot)
        weights = [one.coverage * 0.5 ** ((len(own) - 1 - n) / self.half_life) for n, one in enumerate(own)]
        centre, weight = self._centre([one.value for one in own], weights), math.fsum(weights)
        lent = [self._middle(other) for other in self._alike(slot) if self._of(other)]
        if not lent:
            return centre, weight
        return (centre * weight + LENT * math.fsum(lent) / len(lent)) / (weight + LENT), weight + LENT

    def _centre(self, values: list[float], weights: list[float]) -> float:
        """Mean of what lies around the weighted median, what lies farther pulled in (Huber)."""
        median = quantile(values, weights, 0.5)
        least = math.sqrt(abs(median) + 1.0) if self.model == "counts" else self.least_spread
        reach = _WINSOR * max(least, MAD * quantile([abs(value - median) for value in values], weights, 0.5))
        pulled = (min(median + reach, max(median - reach, value)) for value in values)
        return math.fsum(w * value for w, value in zip(weights, pulled, strict=True)) / math.fsum(weights)

    def _middle(self, slot: Slot) -> float:
        own = self._of(slot)
        return quantile([one.value for one in own], [one.coverage for one in own], 0.5)

    def _alike(self, slot: Slot) -> Iterator[Slot]:
        """The hours beside it on the same kind of day; the same hour of the other working days."""
        kind, hour = slot
        yield from ((kind, other) for other in (hour - 1, hour + 1) if 0 <= other < HOURS)
        if kind in DAYS[:5]:
            yield from ((other, hour) for other in DAYS[:5] if other != kind)

    def _in_season(self, expected: float, kind: str) -> float:
        """Special days are too far apart to say anything of the last fortnight."""
        if self._season is None:
            self._season = self._learned_season()
        if kind not in DAYS:
            return expected
        return expected * self._season if self.model == "counts" else expected + self._season

    def _learned_season(self) -> float:
        """Weighted median of what the last fortnight was, against what the weeks before had it be."""
        if self.model == "level":
            gaps = [pair.value - pair.expected for pair in self._recent]
            return quantile(gaps, [1.0] * len(gaps), 0.5) if len(gaps) >= FEW else 0.0
        busy = [pair for pair in self._recent if pair.expected >= 1.0]
        if len(busy) < FEW:
            return 1.0
        ratio = quantile([pair.value / pair.expected for pair in busy], [pair.expected for pair in busy], 0.5)
        return min(_SEASON, max(1.0 / _SEASON, ratio))

    def _counts_dispersion(self) -> float:
        """What the square of an expectation adds to the variance of a count."""
        if self._dispersion is None:
            self._dispersion = self._learned_dispersion()
        return self._dispersion

    def _learned_dispersion(self) -> float:
        """The least dispersion with which half the recent counts are within their quartiles and 95 % within theirs.

        A count is within q standard deviations where the dispersion reaches ((gap / q)^2 - m) / m^2, so each
        share is a quantile of that. Part of the gap is that the expectation itself rests on few weeks.
        """
        if len(self._recent) < FEW:
            return _UNKNOWN
        season = self._in_season(1.0, DAYS[0])
        seen = [
            (abs(p.value - season * p.expected) / math.sqrt(1.0 + 1.0 / p.weight), season * p.expected, p.coverage)
            for p in self._recent
            if p.expected > 0.0
        ]
        if not seen:
            return _UNKNOWN
        needed = [
            quantile([((gap / q) ** 2 - m / share) / m**2 for gap, m, share in seen], [m for _, m, _ in seen], part)
            for part, q in ((0.5, 1.0 / MAD), (0.95, _Q95))
        ]
        return max(0.0, *needed)

    def _spread(self, hour: int) -> float:
        """Spread of a level, from the recent hours at about this time of day."""
        season = self._in_season(0.0, DAYS[0])
        near = [p for p in self._recent if min((p.hour - hour) % HOURS, (hour - p.hour) % HOURS) <= ALIKE]
        gaps = [abs(p.value - p.expected - season) for p in near or self._recent]
        if not gaps:
            return self.least_spread
        ones = [1.0] * len(gaps)
        return max(self.least_spread, MAD * quantile(gaps, ones, 0.5), quantile(gaps, ones, 0.95) / _Q95)


_UNKNOWN = 0.1
"""Dispersion that is assumed before it is known: a third more or less is nothing."""


def side(usual: Usual, value: float, deviations: float) -> int:
    """As `Usual.side`, without adding up tails where a look is enough."""
    if abs(value - usual.expected) <= _CLEARLY * deviations * usual.spread(value):
        return 0
    return usual.side(value, deviations)


def _slot(name: str) -> Slot:
    kind, hour = name.split(" ")
    if not 0 <= int(hour) < HOURS:
        raise ValueError(f"no hour: {name}")
    return kind, int(hour)


def _samples(listed: list[list[float]]) -> list[Sample]:
    samples = [Sample(_number(value), _share(coverage), int(odd)) for value, coverage, odd in listed]
    return samples[-KEPT:]


def _pair(hour: float, value: float, expected: float, weight: float, coverage: float) -> Pair:
    if weight <= 0.0:
        raise ValueError(f"no weight: {weight}")
    return Pair(int(hour), _number(value), _number(expected), _number(weight), _share(coverage))


def _number(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("a week holds numbers only")
    return float(value)


def _share(value: float) -> float:
    if not LEAST_COVERAGE <= value <= 1.0:
        raise ValueError(f"no coverage: {value}")
    return float(value)
