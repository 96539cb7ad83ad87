"""F1, the half of link: killed at any moment, real mosquitto and mutual TLS, nothing is lost.

    python -m tests.faults.f01_kill_link [--count N] [--seed N] [--json]

Sense commits events without a pause; link is killed after a random time and started anew. In the end
the store has every number once, and no kill brought more duplicates than the window holds.

All kills are of one node's link, hundreds within an hour: each costs of the hour's bytes at most the message on its way.
"""

from __future__ import annotations

import random
from collections import Counter

from tests.faults import row
from tests.faults.tools.plant import WINDOW, plant

LONGEST_S = 0.3
EVENTS = 30
BAD = ("lost", "altered", "excess_duplicates")


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` kills; counts of what was seen."""
    randomness = random.Random(seed)
    with plant() as one:
        one.start_store()
        for _ in range(count):
            one.start_link()
            one.put(EVENTS)
            one.work(randomness.uniform(0.0, LONGEST_S))
            one.kill("link")
        one.start_link()
        lost = one.settle()
        return Counter(
            kills=count,
            events=one.put_so_far,
            lost=lost,
            altered=one.altered,
            duplicates=one.repeated,
            excess_duplicates=max(0, one.repeated - WINDOW * (count + 1)),
        )


if __name__ == "__main__":
    raise SystemExit(row.main("F1 kill -9 of link", run, count=300, long=1_500, targets=BAD))
