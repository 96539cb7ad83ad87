"""How many to expect in an hour: the profile of the week, times what the last days were, times what today is.

    count ~ negative binomial(profile[kind of day, hour] * level of the day * share seen, dispersion)

Every night the levels of the remembered days are told apart from the profile (two-way, each from the other),
so fine and rainy weeks neither blur the profile nor pass for it; the trend of the last days is level one. By
day the level of today is known ever better from its own hours (a Gamma prior around one). Working days lend
one another what they have in common, as much as they were alike so far; the first feast is taken for a
Sunday. How much days differ and hours scatter is learned from all hours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, NamedTuple

from agent.anomaly.baseline import MAD, Counts, quantile
from agent.anomaly.feasts import FEAST
from agent.anomaly.options import DAYS
from agent.anomaly.slots import HOURS, WORKING, Past, Slot, fading, number, pulled_mean, usable

RECENT = 336
"""Hours that the dispersion is learned from: a fortnight."""
DAYS_KEPT = 70
"""Days whose level is remembered."""
FOLLOWS_DAYS = 4.0
"""Half-life of the trend, in days: growth is followed, weather averaged."""
_FEW_HOURS, _FEW_DAYS = 48, 10
"""Without so many the scatter of hours and of days is not known."""
_UNKNOWN_DISPERSION, _UNKNOWN_UNREST = 0.1, 0.03
_DISPERSION = (0.002, 1.0)
_LEAST_UNREST = 0.002
_ALIKE = 4e-4
"""Days are never believed to be more alike than by two per cent (squared)."""
_LEAST = 0.05
"""A profile never promises fewer an hour: an hour in which nobody came yet is not one in which nobody can."""
_OUTLYING, _WITHIN = 9.0, 0.97
"""Squared deviations count for this much at most; then their mean is this."""
_HALVINGS = 14
_FEWEST = 0.3
"""A profile of fewer is as unsure as this."""
_UNLIKE_SUNDAY = 0.1
"""How far (squared, relative) a feast may be from a Sunday."""
_PULLED = 2.0
"""Standard deviations beyond which an hour says no more of its day."""


class Pair(NamedTuple):
    """A count of late, what was expected, and the squared relative error of that beside the dispersion."""

    value: float
    expected: float
    unsure: float


class Guess(NamedTuple):
    """A mean, and its squared relative error."""

    mean: float
    unsure: float


class Lending(NamedTuple):
    """How a working day relates to the others: how busy it is beside them, and how unlike (squared) its hours are."""

    gain: float
    unlike: float


@dataclass(slots=True)
class Counted:
    """The count model over the samples of `past`, which somebody else keeps."""

    past: Past
    half_life: float
    day: int = 0
    unrest: float = _UNKNOWN_UNREST
    """Variance of a day's level around the trend, relative."""
    dispersion: float = _UNKNOWN_DISPERSION
    levels: dict[int, float] = field(default_factory=dict)
    lending: dict[str, Lending] = field(default_factory=dict)
    _last: Slot | None = None
    _today: list[tuple[float, float]] = field(default_factory=list)
    """Counts of today, and what trend and profile had them be."""
    _recent: list[Pair] = field(default_factory=list)
    _owned: dict[Slot, Guess | None] = field(default_factory=dict)
    """By night, what each slot says by itself; empty by day."""

    def usual(self, slot: Slot, coverage: float, *, adds_up: bool) -> Counts:
        """What is expected of an hour of which the share `coverage` was seen."""
        profile, today = self.profile(slot), self._level_today(slot)
        expected = profile.mean * today.mean * (coverage if adds_up else 1.0)
        return Counts(expected, expected + (self.dispersion + profile.unsure + today.unsure) * expected**2 + 1e-9)

    def begin(self, slot: Slot) -> None:
        """An hour is going to be learned: where it is of another day, the one before is over."""
        if self._is_of_today(slot):
            return
        if self._last is not None:
            self._refit()
        self.day, self._today = self.day + 1, []
        self.levels[self.day] = 1.0
        for old in sorted(self.levels)[:-DAYS_KEPT]:
            del self.levels[old]

    def see(self, slot: Slot, value: float, usual: Counts | None) -> None:
        """An hour as it was counted, and as it was expected to be before anything of it was known.

        Of a count far outside only so much is taken for the day's level as an unlikely hour would have had: a surge
        hardly moves it, a day that is another from morning to night does.
        """
        self._last = slot
        if usual is None:
            return
        reach = _PULLED * math.sqrt(usual.variance)
        pulled = min(usual.expected + reach, max(usual.expected - reach, value))
        self._today.append((round(pulled, 4), round(usual.expected / self._posterior(self._today).mean, 4) or _LEAST))
        unsure = (usual.variance - usual.expected) / usual.expected**2 - self.dispersion
        pair = Pair(round(value, 4), max(_LEAST, round(usual.expected, 4)), round(max(0.0, unsure), 4))
        self._recent = [*self._recent, pair][-RECENT:]

    def state(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return {
            "day": self.day,
            "unrest": self.unrest,
            "dispersion": self.dispersion,
            "levels": [list(each) for each in self.levels.items()],
            "lending": {kind: list(one) for kind, one in self.lending.items()},
            "last": None if self._last is None else list(self._last),
            "today": [list(each) for each in self._today],
            "pairs": [list(pair) for pair in self._recent],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up where `state()` was taken; KeyError, TypeError or ValueError where it is none of ours."""
        self.day = int(state["day"])
        self.unrest, self.dispersion = _positive(state["unrest"]), _positive(state["dispersion"])
        self.levels = {int(day): _positive(level) for day, level in state["levels"]}
        self.lending = {
            kind: Lending(_positive(gain), _positive(unlike)) for kind, (gain, unlike) in state["lending"].items()
        }
        self._last = None if state["last"] is None else (str(state["last"][0]), int(state["last"][1]))
        self._today = [(number(value), _positive(expected)) for value, expected in state["today"]][-2 * HOURS :]
        self._recent = [
            Pair(number(value), _positive(expected), number(unsure)) for value, expected, unsure in state["pairs"]
        ]
        self._recent = self._recent[-RECENT:]

    # The profile

    def profile(self, slot: Slot) -> Guess:
        """What a day of level one holds in an hour: its own weeks, and what the days that are alike lend."""
        own, lent = self._own(slot), self._lent(slot)
        if own is None or lent is None:
            return own or lent or Guess(_LEAST, 1.0)
        mean = max(_LEAST, lent.mean)
        ones, others = 1.0 / (own.unsure * mean**2), 1.0 / (lent.unsure * mean**2)
        joint = max(_LEAST, (own.mean * ones + lent.mean * others) / (ones + others))
        return Guess(joint, 1.0 / (ones + others) / joint**2)

    def _own(self, slot: Slot) -> Guess | None:
        """From the hour's own weeks, at level one; of rare days that level is not known."""
        if slot in self._owned:
            return self._owned[slot]
        samples = usable(self.past, slot)
        if not samples:
            return None
        weights = fading(samples, self.half_life)
        values = [one.value / self.levels.get(one.day, 1.0) for one in samples]
        mean = pulled_mean(values, weights, least=math.sqrt(abs(quantile(values, weights, 0.5)) + 1.0))
        many = math.fsum(weights) ** 2 / math.fsum(weight**2 for weight in weights)
        days = 0.0 if slot[0] in DAYS else self.unrest
        return Guess(max(_LEAST, mean), (1.0 / max(mean, _FEWEST) + self.dispersion + days) / many)

    def _lent(self, slot: Slot) -> Guess | None:
        """The same hour of the other working days, as busy as this one is beside them; of Sundays for a feast."""
        if slot[0] == FEAST and (sunday := self._own((DAYS[-1], slot[1]))):
            return Guess(sunday.mean, sunday.unsure + _UNLIKE_SUNDAY)
        if (terms := self.lending.get(slot[0])) is None:
            return None
        others = [(kind, own) for kind in self.lending if kind != slot[0] and (own := self._own((kind, slot[1])))]
        if not others:
            return None
        parts = [1.0 / own.unsure for _, own in others]
        plain = [own.mean / self.lending[kind].gain for kind, own in others]
        mean = terms.gain * math.fsum(w * each for w, each in zip(parts, plain, strict=True)) / math.fsum(parts)
        return Guess(mean, 1.0 / math.fsum(parts) + terms.unlike)

    # Today

    def _level_today(self, slot: Slot) -> Guess:
        """The level of the day that an hour is in, from the hours of it that are over."""
        return self._posterior(self._today if self._is_of_today(slot) else [])

    def _is_of_today(self, slot: Slot) -> bool:
        """A later hour of the same kind of day is taken for the same day; the hour itself comes again on another."""
        return self._last is not None and self._last[0] == slot[0] and self._last[1] < slot[1]

    def _posterior(self, seen: Sequence[tuple[float, float]]) -> Guess:
        """A day's level, where one is what was to be expected of it: Gamma with a prior mean of one."""
        counted = expected = 1.0 / self.unrest
        for value, mean in seen:
            told = 1.0 + self.dispersion * mean
            counted += value / told
            expected += mean / told
        return Guess(counted / expected, 1.0 / expected)

    # The night

    def _refit(self) -> None:
        """Tell days and profile apart once more, then learn how days and hours scatter."""
        self._owned = {slot: self._own(slot) for slot in self.past}
        self.lending = dict(self._terms())
        steps = list(self._relevel())
        self._owned = {}
        if len(steps) >= _FEW_DAYS:
            typical = MAD * quantile([abs(step) for step, _ in steps], [1.0] * len(steps), 0.5)
            self.unrest = max(_LEAST_UNREST, typical**2 + fmean([unsure for _, unsure in steps]))
        if len(busy := [pair for pair in self._recent if pair.expected >= 1.0]) >= _FEW_HOURS:
            self.dispersion = dispersion(busy)

    def _relevel(self) -> Iterator[tuple[float, float]]:
        """Give every remembered day its level, along a trend that ends at one; each step off the trend and its error."""
        follows, trend = 1.0 - 0.5 ** (1.0 / FOLLOWS_DAYS), 0.0
        days = self._by_day()
        for day in sorted(self.levels):
            known = trend or self.levels[day]
            if seen := days.get(day):
                step, unsure = self._posterior([(value, mean * known) for value, mean in seen])
                self.levels[day] = known * step
                trend = known * (step**follows if trend else step)
                yield math.log(step), unsure
        if trend:
            self.levels = {day: max(_LEAST, round(level / trend, 4)) for day, level in self.levels.items()}

    def _by_day(self) -> dict[int, list[tuple[float, float]]]:
        """Counts and profile of each day's hours, of slots that were seen on other days too."""
        days: dict[int, list[tuple[float, float]]] = {}
        for slot in self.past:
            samples = usable(self.past, slot)
            if len(samples) > 1:
                mean = self.profile(slot).mean
                for one in samples:
                    days.setdefault(one.day, []).append((one.value * one.coverage, mean * one.coverage))
        return days

    def _terms(self) -> Iterator[tuple[str, Lending]]:
        """For each working day that is known how it relates to the others."""
        own = {slot: guess for slot in self.past if slot[0] in WORKING and (guess := self._own(slot))}
        hours = [hour for hour in range(HOURS) if sum((kind, hour) in own for kind in WORKING) > 1]
        middle = {hour: fmean([own[kind, hour].mean for kind in WORKING if (kind, hour) in own]) for hour in hours}
        for kind in WORKING:
            ratios = [(own[kind, hour].mean / m, m) for hour, m in middle.items() if (kind, hour) in own and m > 0.0]
            if len(ratios) >= HOURS // 2:
                gain = max(0.1, quantile([ratio for ratio, _ in ratios], [m for _, m in ratios], 0.5))
                self.lending[kind] = Lending(gain, self.lending.get(kind, Lending(1.0, 1.0)).unlike)
                yield kind, Lending(gain, self._unlike(kind, own))

    def _unlike(self, kind: str, own: Mapping[Slot, Guess]) -> float:
        """How far (squared, relative) a day's hours lie from what the others lend, beyond what chance explains."""
        excess = weight = 0.0
        for hour in range(HOURS):
            mine, lent = own.get((kind, hour)), self._lent((kind, hour))
            if mine is None or lent is None:
                continue
            mean = max(_LEAST, lent.mean)
            chance = mine.unsure + lent.unsure - self.lending[kind].unlike
            trust = 1.0 / (chance + 0.02) ** 2
            excess += trust * (((mine.mean - lent.mean) / mean) ** 2 - chance)
            weight += trust
        return max(_ALIKE, excess / weight) if weight else 1.0


def dispersion(pairs: Sequence[Pair]) -> float:
    """What the square of an expectation adds to the variance of a count, so that deviations are as large as they should.

    Deviations beyond three count as three, so a surge does not widen what is usual; busy hours, which say
    more of it, weigh more.
    """
    low, high = _DISPERSION
    weights = [pair.expected / (1.0 + 0.05 * pair.expected) for pair in pairs]
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        squares = (
            weight * min(_OUTLYING, (value - mean) ** 2 / (mean + (middle + unsure) * mean**2))
            for weight, (value, mean, unsure) in zip(weights, pairs, strict=True)
        )
        low, high = (middle, high) if math.fsum(squares) > _WITHIN * math.fsum(weights) else (low, middle)
    return math.sqrt(low * high)


def _positive(value: float) -> float:
    if not number(value) > 0.0:
        raise ValueError(f"not above 0: {value}")
    return float(value)
