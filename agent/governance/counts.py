"""Counts for the public: hour by hour, small ones withheld, noise that cannot be averaged away.

An hour with fewer than `k` passages says only that there were fewer. On the others lies two-sided
geometric noise (Ghosh, Roughgarden, Sundararajan, 2009), which makes the count of one hour
epsilon-differentially private for one passage. The noise is drawn from a secret, the hour's own name
and its count: publishing an hour again shows the same number, so averaging gains nothing, and when
late counts have changed it, the noise changes too, so subtracting gains nothing either. No hour is
told before it is over. A passage lies in one hour only; somebody who passes m times a day spends m
times epsilon.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

HOUR_S = 3600.0
SETTLED_S = 900.0
"""So long after its end an hour is complete: the last quarter has reached the store."""


@dataclass(frozen=True, slots=True)
class Interval:
    """What one node counted at one place in one interval."""

    node: str
    place: str
    ends_at: float
    count: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Protection:
    """`epsilon` is for one passage; 0 for no noise. Fewer than `k` are withheld."""

    k: int
    epsilon: float
    secret: bytes

    @property
    def mean_error(self) -> float:
        """What the noise adds to or takes from a count, on average: 2a / (1 - a^2) with a = exp(-epsilon)."""
        if not self.epsilon:
            return 0.0
        alpha = math.exp(-self.epsilon)
        return 2 * alpha / (1 - alpha * alpha)


@dataclass(frozen=True, slots=True)
class Hour:
    """One published number; `count` is None where it is withheld."""

    node: str
    place: str
    since: float
    count: int | None
    coverage: float


def hours(intervals: Iterable[Interval], protection: Protection, *, at: float) -> list[Hour]:
    """Hours of every place that are complete `at` an instant, in order; coverage is the share that was really observed."""
    sums: dict[tuple[str, str, float], list[Interval]] = defaultdict(list)
    for one in intervals:
        since = math.floor((one.ends_at - 1.0) / HOUR_S) * HOUR_S
        sums[(one.node, one.place, since)].append(one)
    return [
        Hour(
            node,
            place,
            since,
            protected(round(sum(one.count for one in some)), protection, name=f"{node} {place} {since:.0f}"),
            round(min(1.0, sum(one.coverage for one in some) / 4), 2),
        )
        for (node, place, since), some in sorted(sums.items())
        if since + HOUR_S + SETTLED_S <= at
    ]


def protected(count: int, protection: Protection, *, name: str) -> int | None:
    """The number that may be told for `name`; the threshold looks at the noisy count, so it tells no more than that."""
    noisy = count + noise(protection, name=f"{name} {count}")
    return None if noisy < protection.k else noisy


def noise(protection: Protection, *, name: str) -> int:
    """Two-sided geometric: the difference of two geometric numbers, always the same for a name."""
    if not protection.epsilon:
        return 0
    drawn = hmac.digest(protection.secret, name.encode(), hashlib.sha256)
    return _geometric(drawn[:8], protection.epsilon) - _geometric(drawn[8:16], protection.epsilon)


def _geometric(drawn: bytes, epsilon: float) -> int:
    """How often exp(-epsilon) came before anything else; from 64 bits taken as a number in (0, 1)."""
    uniform = (int.from_bytes(drawn, "big") + 0.5) / 2**64
    return math.floor(math.log(uniform) / -epsilon)
