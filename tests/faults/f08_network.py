"""F8: the network between link and broker cuts, resets, swallows, delays and crawls.

    python -m tests.faults.f08_network [--count N] [--seed N] [--json]

Each fault lasts one to three seconds while events come; the wait before sending again is the node's own.
"""

from __future__ import annotations

import random
from collections import Counter

from tests.faults import row
from tests.faults.tools.plant import Plant, plant
from tests.faults.tools.proxy import FAIR, Proxy, Weather

EVERY_S = 0.05
LONGEST_S = 2.5
RESEND_S = 30.0
MOST_DUPLICATES = 0.02
KINDS = ("cut", "reset", "swallow", "delay", "crawl")
BAD = ("lost", "altered", "excess_duplicates")


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` faults of all kinds in turn; counts of what was seen."""
    randomness = random.Random(seed)
    proxies: list[Proxy] = []

    def through(port: int) -> int:
        proxies.append(Proxy(port))
        return proxies[0].port

    with plant(through=through, resend_s=RESEND_S) as one, proxies[0] as proxy:
        one.start_store()
        one.start_link()
        for number in range(count):
            _fault(one, proxy, KINDS[number % len(KINDS)], randomness)
        lost = one.settle()
        return Counter(
            faults=count,
            connections=proxy.connections,
            events=one.put_so_far,
            lost=lost,
            altered=one.altered,
            duplicates=one.repeated,
            excess_duplicates=max(0, one.repeated - int(MOST_DUPLICATES * one.put_so_far)),
        )


def _fault(one: Plant, proxy: Proxy, kind: str, randomness: random.Random) -> None:
    """One fault while events come, and half a second of fair weather after it."""
    match kind:
        case "cut" | "reset":
            proxy.cut(reset=kind == "reset")
        case "swallow":
            proxy.weather = Weather(swallow=True)
        case "delay":
            proxy.weather = Weather(delay_s=randomness.uniform(0.05, 0.3))
        case "crawl":
            proxy.weather = Weather(bytes_per_s=randomness.uniform(2_000, 20_000))
    _live(one, randomness.uniform(1.0, LONGEST_S))
    if kind == "swallow":
        proxy.cut()  # bytes are missing in the stream: TLS would end it anyway
    proxy.weather = FAIR
    _live(one, 0.5)


def _live(one: Plant, seconds: float) -> None:
    """An event every so often."""
    until = one.clock.monotonic() + seconds
    while one.clock.monotonic() < until:
        one.put(1)
        one.work(EVERY_S)


if __name__ == "__main__":
    raise SystemExit(row.main("F8 bad network", run, count=40, long=200, targets=BAD))
