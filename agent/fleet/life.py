"""What a simulated node sees: counts every quarter of an hour, its health every hour, now and then an event.

Everything follows from the seed and the node's name. The invariant: records come in the order of their time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from heapq import merge

from agent.contract.topics import NodeName
from agent.records import Event, Health, Phase, Reason, Record, Severity, Stat
from agent.uplink.door import Vocabulary

QUARTER_S = 900.0
HOUR_S = 3600.0
DAY_S = 86_400.0
EVENTS_A_DAY = 20.0
LONGEST_S = 600.0
BUSIEST_HOUR = 18.0
"""Of the day, in the node's own time; the quietest is twelve hours from it."""

WORDS = Vocabulary(rules=frozenset({"stays"}), sources=frozenset({"gate-cam"}), zones=frozenset({"gate"}))
"""What the configuration of such a node would declare."""


def life(name: NodeName, *, seed: int, since: float, until: float) -> Iterator[Record]:
    """All that a node would tell between two instants."""
    randomness = random.Random(f"{seed} {name}")  # noqa: S311 -- a story, not a secret
    parts: list[list[Record]] = [
        [*_stats(randomness, since, until)],
        [*_healths(randomness, since, until)],
        [*_events(randomness, since, until)],
    ]
    yield from merge(*parts, key=lambda record: record.at)


def bustle(at: float) -> float:
    """How busy a square is at an instant, from 0 to 1 over the day."""
    hour = at % DAY_S / HOUR_S
    return 0.5 + 0.5 * math.cos((hour - BUSIEST_HOUR) / 24 * math.tau)


def _stats(randomness: random.Random, since: float, until: float) -> Iterator[Stat]:
    for number in range(1, int((until - since) // QUARTER_S) + 1):
        at = since + number * QUARTER_S
        count = round(randomness.expovariate(1.0) * 6 * bustle(at), 2)
        yield Stat("gate-cam", at - QUARTER_S, at, 0.98, (("gate/person/count", count),))


def _healths(randomness: random.Random, since: float, until: float) -> Iterator[Health]:
    for number in range(int((until - since) // HOUR_S)):
        yield Health(since + number * HOUR_S, (("cpu_temp_c", round(randomness.gauss(55.0, 4.0), 1)),))


def _events(randomness: random.Random, since: float, until: float) -> Iterator[Event]:
    """Stays at the gate, one after the other, each opened and closed."""
    at = since + randomness.expovariate(EVENTS_A_DAY / DAY_S)
    while at < until - LONGEST_S:
        lasts_s = randomness.uniform(10.0, LONGEST_S)
        for phase, seen_s in ((Phase.OPENED, 31.0), (Phase.CLOSED, lasts_s)):
            yield _stay(phase, at, seen_s, lasts_s)
        at += lasts_s + randomness.expovariate(EVENTS_A_DAY / DAY_S)


def _stay(phase: Phase, since: float, seen_s: float, lasts_s: float) -> Event:
    closed = phase is Phase.CLOSED
    return Event(
        id=f"stay {since}", rule="stays", kind="loitering", phase=phase, severity=Severity.NOTICE,
        at=since + lasts_s if closed else since, source="gate-cam",
        reason=Reason("gate/person/stay_s", "stay", round(seen_s, 1), expected=30.0), zone="gate", label="person",
        duration_s=lasts_s if closed else None,
    )  # fmt: skip
