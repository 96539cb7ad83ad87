"""One hour of one kind of day, what was seen of it in the past, and the robust mean of that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from agent.anomaly.baseline import MAD, quantile
from agent.anomaly.options import DAYS

HOURS = 24
WORKING = DAYS[:5]
LEAST_COVERAGE = 0.25
"""Of less than this share of an hour nothing is said and nothing learned."""
_WINSOR = 3.0

Slot = tuple[str, int]
"""Kind of day, hour of the day."""


class Sample(NamedTuple):
    """One hour as it would have been seen in full; `odd` is the side on which it was set aside."""

    value: float
    coverage: float
    odd: int = 0
    day: int = 0
    """The day it was part of, numbered as they came."""


Past = Mapping[Slot, Sequence[Sample]]
"""The samples of every slot, oldest first."""


def usable(past: Past, slot: Slot) -> list[Sample]:
    """What counts of a slot."""
    return [one for one in past.get(slot, ()) if not one.odd]


def fading(samples: Sequence[Sample], half_life: float) -> list[float]:
    """The weight of each sample: newer ones more, those seen in part less."""
    return [one.coverage * 0.5 ** ((len(samples) - 1 - number) / half_life) for number, one in enumerate(samples)]


def pulled_mean(values: Sequence[float], weights: Sequence[float], *, least: float) -> float:
    """Mean of what lies around the weighted median, what lies farther pulled in (Huber); `least` is a spread."""
    median = quantile(values, weights, 0.5)
    reach = _WINSOR * max(least, MAD * quantile([abs(value - median) for value in values], weights, 0.5))
    pulled = (min(median + reach, max(median - reach, value)) for value in values)
    return math.fsum(w * value for w, value in zip(weights, pulled, strict=True)) / math.fsum(weights)


def alike(slot: Slot) -> Iterator[Slot]:
    """The hours beside it on the same kind of day; the same hour of the other working days."""
    kind, hour = slot
    yield from ((kind, other) for other in (hour - 1, hour + 1) if 0 <= other < HOURS)
    if kind in WORKING:
        yield from ((other, hour) for other in WORKING if other != kind)


def slot_of(name: str) -> Slot:
    """A slot by its name in a state; ValueError where it is none."""
    kind, hour = name.split(" ")
    if not 0 <= int(hour) < HOURS:
        raise ValueError(f"no hour: {name}")
    return kind, int(hour)


def sample_of(value: float, coverage: float, odd: int, day: int = 0) -> Sample:
    """A sample as a state keeps it; ValueError where it is none."""
    return Sample(number(value), share(coverage), int(odd), int(day))


def number(value: float) -> float:
    """A finite number, or ValueError."""
    if not math.isfinite(value):
        raise ValueError("a week holds numbers only")
    return float(value)


def share(value: float) -> float:
    """A coverage of which something is learned, or ValueError."""
    if not LEAST_COVERAGE <= value <= 1.0:
        raise ValueError(f"no coverage: {value}")
    return float(value)
