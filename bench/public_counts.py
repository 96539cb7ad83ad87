"""What protecting public counts costs: the error that threshold and noise add, on the passages of simulated places.

A month of hours of quiet, usual and busy places, by the day's rhythm of the simulation. For each k and epsilon: how much of
all passages stands in hours that are withheld, and by how much the others are wrong, in passages and as a share.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Sequence
from random import Random
from typing import Any

from agent.governance.counts import HOUR_S, Hour, Interval, Protection, hours
from bench.machine import show

DAYS = 30
PLACES = {"quiet": 6.0, "usual": 60.0, "busy": 600.0}
"""Passages in the fullest hour of the day."""
WAYS = ((10, 0.0), (10, 1.0), (10, 0.5), (5, 1.0), (20, 1.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    figures: dict[str, Any] = {"days": DAYS, "seed": options.seed}
    for place, most in PLACES.items():
        intervals = _month(place, most, Random(f"{options.seed} {place}"))
        true = {hour.since: hour.count or 0 for hour in hours(intervals, Protection(1, 0.0, b""), at=math.inf)}
        for k, epsilon in WAYS:
            told = hours(intervals, Protection(k, epsilon, bytes([options.seed]) * 32), at=math.inf)
            figures |= {f"{place}, k {k}, ε {epsilon:g}: {name}": value for name, value in _cost(told, true).items()}
    show(figures, as_json=options.json)


def _month(place: str, most: float, randomness: Random) -> list[Interval]:
    """Quarters of an hour with as many passages as the time of day makes likely."""
    quarters = range(DAYS * 96)
    return [
        Interval("u/c/n", place, (number + 1) * HOUR_S / 4, _drawn(most * _share(number) / 4, randomness), 1.0)
        for number in quarters
    ]


def _share(quarter: int) -> float:
    """The day's rhythm: next to nobody at night, most at noon and in the evening."""
    hour = quarter % 96 / 4
    peaks = math.exp(-(((hour - 12) / 2.5) ** 2)) + math.exp(-(((hour - 18.5) / 2.0) ** 2))
    return min(1.0, 0.02 + peaks)


def _drawn(mean: float, randomness: Random) -> int:
    """Poisson, by multiplication (Knuth)."""
    limit, product, count = math.exp(-mean), randomness.random(), 0
    while product > limit:
        product, count = product * randomness.random(), count + 1
    return count


def _cost(told: Sequence[Hour], true: dict[float, int]) -> dict[str, float]:
    shown = [(hour.count, true[hour.since]) for hour in told if hour.count is not None]
    everything, seen = sum(true.values()), sum(real for _, real in shown)
    errors = [abs(count - real) for count, real in shown]
    return {
        "hours withheld": round(1 - len(shown) / len(told), 4),
        "passages withheld": round(1 - seen / everything, 4),
        "mean error of a told hour": round(statistics.fmean(errors), 3) if errors else 0.0,
        "error of all that is told": round(abs(sum(count for count, _ in shown) - seen) / seen, 5) if seen else 0.0,
    }


if __name__ == "__main__":
    main()
