"""What level to expect in an hour: its own weeks, hours that are alike while these are few, and the season.

The season is the median of what the last fortnight lay off the weeks before; how far values spread is taken
from the recent hours at about the same time of day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.anomaly.baseline import MAD, Typical, quantile
from agent.anomaly.options import DAYS
from agent.anomaly.slots import HOURS, Past, Slot, alike, fading, number, pulled_mean, share, usable

RECENT = 336
"""Hours that spread and season are learned from: a fortnight."""
LENT = 0.5
"""Weight of what similar hours say, in samples of the hour itself."""
FEW = 48
"""Hours without which spread and season are not known."""
_NEAR = 3
"""Hours to both sides in which values spread alike."""
_Q95 = 1.96
"""Standard deviations within which 95 % of a normal distribution are."""


class Pair(NamedTuple):
    """What was seen in an hour of the day, and what so much of the weeks before (`weight`) had it be."""

    hour: int
    value: float
    expected: float
    weight: float
    coverage: float


@dataclass(slots=True)
class Levelled:
    """The level model over the samples of `past`, which somebody else keeps."""

    past: Past
    half_life: float
    least_spread: float
    _recent: list[Pair] = field(default_factory=list)
    _season: float | None = None

    def usual(self, slot: Slot, coverage: float) -> Typical:
        """What is expected of an hour of which the share `coverage` was seen."""
        expected, weight = self._expected(slot)
        season = self._in_season() if slot[0] in DAYS else 0.0
        spread = self._spread(slot[1]) * math.sqrt(1.0 / coverage + 1.0 / weight)
        return Typical(expected + season, spread, spread)

    def see(self, slot: Slot, value: float, coverage: float) -> None:
        """A value beside what the weeks before had it be."""
        if slot[0] not in DAYS:
            return
        self._recent = [*self._recent, Pair(slot[1], value, *self._expected(slot), coverage)][-RECENT:]
        if slot[1] == 0 or len(self._recent) == FEW:
            self._season = None

    def state(self) -> list[list[float]]:
        """Plain values that JSON can hold."""
        return [list(pair) for pair in self._recent]

    def restore(self, state: list[list[float]]) -> None:
        """Take up where `state()` was taken; TypeError or ValueError where it is none of ours."""
        self._recent = [_pair(*listed) for listed in state][-RECENT:]
        self._season = None

    def _expected(self, slot: Slot) -> tuple[float, float]:
        """Expectation of a full hour, and the weight that it rests on."""
        own = usable(self.past, slot)
        weights = fading(own, self.half_life)
        centre = pulled_mean([one.value for one in own], weights, least=self.least_spread)
        weight = math.fsum(weights)
        lent = [self._middle(other) for other in alike(slot) if usable(self.past, other)]
        if not lent:
            return centre, weight
        return (centre * weight + LENT * math.fsum(lent) / len(lent)) / (weight + LENT), weight + LENT

    def _middle(self, slot: Slot) -> float:
        own = usable(self.past, slot)
        return quantile([one.value for one in own], [one.coverage for one in own], 0.5)

    def _in_season(self) -> float:
        """Special days are too far apart to say anything of the last fortnight."""
        if self._season is None:
            gaps = [pair.value - pair.expected for pair in self._recent]
            self._season = quantile(gaps, [1.0] * len(gaps), 0.5) if len(gaps) >= FEW else 0.0
        return self._season

    def _spread(self, hour: int) -> float:
        season = self._in_season()
        near = [p for p in self._recent if min((p.hour - hour) % HOURS, (hour - p.hour) % HOURS) <= _NEAR]
        gaps = [abs(p.value - p.expected - season) for p in near or self._recent]
        if not gaps:
            return self.least_spread
        ones = [1.0] * len(gaps)
        return max(self.least_spread, MAD * quantile(gaps, ones, 0.5), quantile(gaps, ones, 0.95) / _Q95)


def _pair(hour: float, value: float, expected: float, weight: float, coverage: float) -> Pair:
    if weight <= 0.0:
        raise ValueError(f"no weight: {weight}")
    return Pair(int(hour), number(value), number(expected), number(weight), share(coverage))
