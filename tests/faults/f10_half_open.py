"""F10: a half-open link, whose bytes go nowhere while no end is told.

    python -m tests.faults.f10_half_open [--count N] [--seed N] [--json]

Noticed within 2.2 times the keepalive (5 s here); five seconds after it has healed the store has everything.
"""

from __future__ import annotations

from collections import Counter

from agent.uplink import numbers
from tests.faults import row
from tests.faults.tools.plant import Plant, plant
from tests.faults.tools.proxy import FAIR, Proxy, Weather

KEEPALIVE_S = 5.0
NOTICED_S = 2.2 * KEEPALIVE_S
RECOVERED_S = 5.0
BAD = ("lost", "noticed_late", "recovered_late")


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` half-open links; counts and the slowest times in milliseconds."""
    proxies: list[Proxy] = []

    def through(port: int) -> int:
        proxies.append(Proxy(port))
        return proxies[0].port

    counts: Counter[str] = Counter(links=count)
    with plant(through=through) as one, proxies[0] as proxy:
        one.start_store()
        one.start_link()
        for _ in range(count):
            one.put(5)
            one.settle()
            proxy.weather = Weather(swallow=True)
            one.put(5)
            noticed_s = one.wait(lambda: not _connected(one))
            proxy.weather = FAIR
            recovered_s = one.wait(lambda: len(one.town.stored()) >= one.put_so_far)
            counts["noticed_late"] += noticed_s > NOTICED_S
            counts["recovered_late"] += recovered_s > RECOVERED_S
            counts["slowest_notice_ms"] = max(counts["slowest_notice_ms"], round(noticed_s * 1000))
            counts["slowest_recovery_ms"] = max(counts["slowest_recovery_ms"], round(recovered_s * 1000))
        counts["lost"] = one.settle()
        counts["events"] = one.put_so_far
    return counts


def _connected(one: Plant) -> bool:
    """As link itself says."""
    return numbers.read(one.town.state / "inbox").get("link_connected") == 1.0


if __name__ == "__main__":
    raise SystemExit(row.main("F10 half-open link", run, count=3, long=9, targets=BAD))
