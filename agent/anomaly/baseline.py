"""What is usual for one number, learned from its own past: robust, bounded in memory, slow to forget.

Samples weigh half after `half_life` more of them. A sample far outside the usual is set aside and
not learned; only when `warm_up` in a row are like that have they become the usual and are taken in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from agent.errors import Refused

MEMORY = 4
"""Half-lives that are remembered; what is older would weigh less than 1/16."""
BOUND = 0.8
"""A sample is learned up to this share of the deviation that would raise an event."""
MAD = 1.4826
"""Standard deviations in a median absolute deviation of a normal distribution."""
Q95 = 1.6449
"""Standard deviations from the median to the 95 % quantile of a normal distribution."""
_TAIL_TERMS = 20_000


class Usual(Protocol):
    """An expectation: what it is, how far values spread around it, and whether one is beyond that."""

    @property
    def expected(self) -> float: ...
    def spread(self, value: float) -> float: ...
    def side(self, value: float, deviations: float) -> int:
        """1 where `value` is too high, -1 where it is too low, else 0."""
        ...


@dataclass(frozen=True, slots=True)
class Typical:
    """Median, and a standard deviation for each side: the wider of MAD and 5 % or 95 % quantile."""

    expected: float
    up: float
    down: float

    def spread(self, value: float) -> float:
        return self.up if value >= self.expected else self.down

    def side(self, value: float, deviations: float) -> int:
        if abs(value - self.expected) <= deviations * self.spread(value):
            return 0
        return 1 if value > self.expected else -1


@dataclass(frozen=True, slots=True)
class Counts:
    """A negative binomial distribution by its mean and variance (variance > mean)."""

    expected: float
    variance: float

    def spread(self, value: float) -> float:  # noqa: ARG002 -- the same on both sides
        return math.sqrt(self.variance)

    def side(self, value: float, deviations: float) -> int:
        rare = 0.5 * math.erfc(deviations / math.sqrt(2.0))
        if value > self.expected:
            return 1 if self.at_least(math.ceil(value)) < rare else 0
        return -1 if self.at_most(math.floor(value)) < rare else 0

    def surge(self, value: float, *, times: float, more: float) -> float:
        """How much likelier `value` is where `times` as many come, and `more` at least, than as usual: a log likelihood ratio.

        It grows by the same with every one (Neyman and Pearson 1933), so it has no end of its own.
        """
        usual, most = self.expected, max(times * self.expected, self.expected + more)
        size = usual**2 / (self.variance - usual)
        scale = math.log1p((most - usual) / (size + usual))
        return value * (math.log(most / usual) - scale) - size * scale

    def at_least(self, count: int) -> float:
        """The probability of so many or more."""
        total = 0.0
        for k in range(max(0, count), max(0, count) + _TAIL_TERMS):
            term = self._probability(k)
            total += term
            if k > self.expected and term < total * 1e-12:
                break
        return total

    def at_most(self, count: int) -> float:
        """The probability of so many or fewer."""
        return math.fsum(self._probability(k) for k in range(count + 1))

    def _probability(self, k: int) -> float:
        size = self.expected**2 / (self.variance - self.expected)
        log = math.lgamma(k + size) - math.lgamma(size) - math.lgamma(k + 1.0)
        log += size * math.log(size / (size + self.expected)) + k * math.log(self.expected / (size + self.expected))
        return math.exp(log)


@dataclass(slots=True)
class Baseline:
    """The past of one number; `usual` is None until `warm_up` samples were learned."""

    model: Literal["level", "counts"] = "level"
    deviations: float = 5.0
    least_spread: float = 0.1
    warm_up: int = 60
    half_life: float = 240.0
    _samples: list[float] = field(default_factory=list)
    """Oldest first."""
    _aside: list[float] = field(default_factory=list)
    _usual: Usual | None = None

    @property
    def samples(self) -> int:
        """How many samples the expectation rests on."""
        return len(self._samples)

    def usual(self) -> Usual | None:
        """What is expected of the next sample."""
        if self._usual is None and len(self._samples) >= self.warm_up:
            weights = _weights(len(self._samples), self.half_life)
            self._usual = (
                counts(self._samples, weights) if self.model == "counts" else level(self._samples, weights, self)
            )
        return self._usual

    def learn(self, sample: float) -> None:
        """Take one sample in, or set it aside where it is far outside the usual."""
        usual = self.usual()
        if usual is not None and usual.side(sample, BOUND * self.deviations):
            self._aside.append(sample)
            if len(self._aside) < self.warm_up:
                return
        else:
            self._aside = [sample]
        self._samples = [*self._samples, *self._aside][-math.ceil(MEMORY * self.half_life) :]
        self._aside, self._usual = [], None

    def state(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return {"samples": list(self._samples), "aside": list(self._aside)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up where `state()` was taken; Refused('bad-state') where it is none of ours."""
        try:
            samples, aside = ([float(value) for value in state[part]] for part in ("samples", "aside"))
        except (KeyError, TypeError, ValueError) as error:
            raise Refused("bad-state", f"not a baseline: {error!r}", hint="remove the file and learn anew") from error
        if not all(math.isfinite(value) for value in samples + aside):
            raise Refused("bad-state", "a baseline holds numbers only", hint="remove the file and learn anew")
        self._samples, self._aside, self._usual = samples[-math.ceil(MEMORY * self.half_life) :], aside, None


def level(samples: Sequence[float], weights: Sequence[float], baseline: Baseline) -> Typical:
    """Weighted median, MAD and quantiles of the past."""
    median = quantile(samples, weights, 0.5)
    mad = MAD * quantile([abs(sample - median) for sample in samples], weights, 0.5)
    least = max(mad, baseline.least_spread)
    return Typical(
        median,
        up=max(least, (quantile(samples, weights, 0.95) - median) / Q95),
        down=max(least, (median - quantile(samples, weights, 0.05)) / Q95),
    )


def counts(samples: Sequence[float], weights: Sequence[float]) -> Counts:
    """Mean and variance of the past, widened by what so few samples leave open.

    The mean has a Gamma(1/2) prior, so that a past of zeros does not make one an impossibility.
    """
    total = math.fsum(weights)
    mean = (math.fsum(w * x for w, x in zip(weights, samples, strict=True)) + 0.5) / total
    variance = math.fsum(w * (x - mean) ** 2 for w, x in zip(weights, samples, strict=True)) / total
    return Counts(mean, max(mean, variance) + mean / total)


def quantile(samples: Sequence[float], weights: Sequence[float], share: float) -> float:
    """The smallest sample up to which the weights reach `share` of their sum."""
    ordered = sorted(zip(samples, weights, strict=True))
    wanted, reached = share * math.fsum(weights), 0.0
    for sample, weight in ordered:
        reached += weight
        if reached >= wanted:
            return sample
    return ordered[-1][0]


def _weights(count: int, half_life: float) -> list[float]:
    return [0.5 ** ((count - 1 - number) / half_life) for number in range(count)]
