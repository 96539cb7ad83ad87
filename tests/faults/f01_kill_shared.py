"""F1, the half of stores that share their work: either is killed at any moment, nothing is lost.

    python -m tests.faults.f01_kill_shared [--count N] [--seed N] [--json]

Two stores take one shared subscription of mosquitto and write one PostgreSQL. One of them, by chance, is
killed after a random time and started anew, while a node's real link carries events. What the broker had
dealt to the dead one comes again from the node. In the end the database has every number once, and
both stores have given receipts.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

from agent.clock import SystemClock
from agent.contract.topics import NodeName
from agent.provision.keys import load_ring, load_signer
from agent.subscriber.keeper import Keeper
from agent.subscriber.postgres import PostgresStore
from agent.subscriber.receipts import Receipts
from agent.transport import Address
from agent.transport.mqtt import MqttTransport
from tests.brokers.postgres import postgres
from tests.brokers.roles import rights
from tests.brokers.town import NODE, STORE, WATCHER, Town
from tests.faults import row
from tests.faults.tools.plant import Plant, plant

OTHER = NodeName(STORE.union, STORE.comune, "store-2")
STORES = (STORE, OTHER)
EVENTS = 30
LONGEST_S = 0.5
PATIENCE_S = 120.0
BAD = ("lost", "altered", "idle_stores")


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` kills; counts of what was seen."""
    randomness = random.Random(seed)
    with postgres() as server, plant(prepare=_admit) as one:
        address = server.address("piazza")
        for name in STORES:
            _start(one, name, address)
        one.start_link()
        _see_both_work(one)
        for _ in range(count):
            one.put(EVENTS)
            one.work(randomness.uniform(0.0, LONGEST_S))
            victim = randomness.choice(STORES)
            one.kill(str(victim))
            _start(one, victim, address)
        return Counter(
            kills=count,
            lost=_settled(one, address),
            events=one.put_so_far,
            altered=one.altered,
            duplicates=one.repeated,
            idle_stores=len(STORES) - len(one.gave_receipts),
        )


def _see_both_work(one: Plant) -> None:
    """Events one by one until both stores have given receipts: one that starts slowly on a busy machine is not idle."""
    until = one.clock.monotonic() + PATIENCE_S / 2
    while len(one.gave_receipts) < len(STORES) and one.clock.monotonic() < until:
        one.put(1)
        one.work(0.1)


def _admit(place: Town) -> None:
    """A second store with a key and rights of its own."""
    place.bench.add_signer("store", str(OTHER), at=SystemClock().now())
    known = rights(NODE, store=str(STORE), watcher=WATCHER)
    place.broker.rights = known | {str(OTHER): known[str(STORE)]}
    place.broker.stop()
    place.broker.start()


def _start(one: Plant, name: NodeName, address: str) -> None:
    bench = one.town.bench
    files = (str(bench.ring), str(bench.signing_key(str(name))))
    one.start(str(name), _store, (one.town.broker.address(str(name)), name, address, *files))


def _store(where: Address, name: NodeName, database: str, ring: str, key: str) -> None:
    """As `piazza store --share` runs it: no session that outlives it."""
    logging.disable(logging.CRITICAL)
    clock = SystemClock()
    transport = MqttTransport(where, clock=clock, randomness=random.Random(), session_s=0)
    receipts = Receipts(name, load_signer(Path(key)), clock=clock)
    store = PostgresStore(database)
    Keeper(transport, load_ring(Path(ring)), store, receipts, union=name.union, clock=clock, group="stores").run(
        lambda: False
    )


def _settled(one: Plant, address: str) -> int:
    """Wait until the database has everything; how many numbers it lacks in the end."""
    with closing(PostgresStore(address)) as seen:
        with suppress(RuntimeError):
            one.wait(lambda: seen.held(str(NODE)).span == ((1, one.put_so_far),), at_most_s=PATIENCE_S)
        return one.put_so_far - seen.count()


if __name__ == "__main__":
    raise SystemExit(row.main("F1 kill -9 of stores that share", run, count=30, long=100, targets=BAD))
