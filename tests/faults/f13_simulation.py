"""F13: sixty nodes and a store for three days in bad weather, on one simulated clock; nothing is lost, and it can be repeated.

    python -m tests.faults.f13_simulation [--count N] [--seed N] [--json]

Each of `count` seeds is one simulation of the real spools, outboxes, links, broker in memory, store and
receipts. Nodes crash and begin again from their disk, lose the network for hours, have their clocks set;
messages are lost though acknowledged, doubled and delayed; the broker crashes, with and without its memory;
the store is away. Then everybody has time to settle. The trace is the digest of every message that the broker
took, in order; each simulation is run twice, in two interpreters whose hashes of text differ, and the two
traces must be the same.
"""

from __future__ import annotations

import hashlib
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from agent.clock import SimulatedClock
from agent.contract.chain import Span
from agent.contract.jws import Key, KeyRing
from agent.contract.topics import NodeName
from agent.records import Audit, Event, Health, Phase, Reason, Severity
from agent.subscriber.keeper import Keeper
from agent.subscriber.receipts import Receipts
from agent.subscriber.store import Store
from agent.transport.memory import MemoryBroker, Weather
from agent.uplink.door import Vocabulary
from agent.uplink.envelope import Sealer
from agent.uplink.inbox import Inbox
from agent.uplink.link import Link
from agent.uplink.outbox import Outbox, OutboxReader
from agent.uplink.settings import BrokerSettings, OutboxSettings, UplinkSettings
from agent.uplink.spool import Spool
from tests.contract.makers import signer
from tests.faults import row
from tests.faults.tools.repeated import repeated

NODES = 60
HOURS = 72
STEP_S = 600.0
SETTLING_STEPS = 400
BEGIN = 1_777_624_200.0
STORE = NodeName("romagna", "centre", "store-1")
WORDS = Vocabulary(frozenset({"stays"}), frozenset({"gate-cam"}), frozenset({"gate"}))
SETTINGS = UplinkSettings(BrokerSettings("localhost"), outbox=OutboxSettings(max_mb=8), head_s=3600.0)
BAD = ("lost", "invented", "equivocations", "different_traces")


@dataclass
class NodeClock:
    """The clock of one node: it goes as the others do, from a time of day of its own."""

    world: SimulatedClock
    offset_s: float = 0.0

    def now(self) -> float:
        return max(0.0, self.world.now() + self.offset_s)

    def monotonic(self) -> float:
        return self.world.monotonic()

    def sleep(self, seconds: float) -> None:
        self.world.sleep(seconds)


@dataclass
class Node:
    """One node on its disk; `begin` is what power-on does."""

    name: NodeName
    folder: Path
    broker: MemoryBroker
    ring: KeyRing
    randomness: random.Random
    clock: NodeClock
    boots: int = 0
    made: int = 0
    committed: int = 0
    offline_until: float = 0.0

    def begin(self) -> None:
        self.boots += 1
        key = signer(str(self.name))
        boot = hashlib.sha256(f"{self.name} {self.boots}".encode()).hexdigest()[:8]
        sealer = Sealer(self.name, key, WORDS, clock=self.clock, boot=boot)
        inbox = Inbox(self.folder / "inbox")
        self.spool = Spool(Outbox(self.folder / "outbox.sqlite", SETTINGS.outbox), sealer, inbox, self.ring, SETTINGS)
        self.spool.put(Audit(self.clock.now(), "boot"))
        transport = self.broker.transport(str(self.name))
        reader = OutboxReader(self.folder / "outbox.sqlite")
        self.link = Link(self.name, reader, transport, inbox, SETTINGS, clock=self.clock, randomness=self.randomness)
        self.link.open()

    def crash(self) -> None:
        """What was put and not committed is gone, as it must be; what was committed is the promise."""
        self.broker.cut(str(self.name))
        self.spool._outbox._db.close()
        self.link._reader.close()  # type: ignore[attr-defined]
        self.begin()

    def live(self) -> None:
        """One step: something happens, sense works, link works."""
        at = self.clock.now()
        for _ in range(self.randomness.choice((0, 0, 0, 1, 2))):
            self.made += 1
            self.spool.put(_event(self.made, at))
        if self.randomness.random() < 0.1:
            self.spool.put(Health(at, (("cpu_temp_c", 50.0),)))
        self.spool.tick(at)
        self.committed = self.spool._outbox.tail.seq
        self.carry()

    def carry(self) -> None:
        """Link's share; nothing while the network is away."""
        if self.broker.clock.now() < self.offline_until:
            self.broker.cut(str(self.name))
        else:
            self.link.run_once(0.0)


@dataclass
class World:
    """Everything on one clock."""

    folder: Path
    randomness: random.Random
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(BEGIN))
    nodes: list[Node] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    store_away_until: float = 0.0

    def build(self, nodes: int) -> None:
        weather = Weather(lost=0.01, twice=0.01, delay_s=120.0)
        self.broker = MemoryBroker(self.clock, randomness=self.randomness, weather=weather)
        self.ring = KeyRing()
        self.ring.add(Key(signer("store").kid, signer("store").public, "store", str(STORE)))
        for number in range(nodes):
            name = NodeName("romagna", f"comune-{number % 6}", f"n-{number:04}")
            self.ring.add(Key(signer(str(name)).kid, signer(str(name)).public, "node", str(name)))
            folder = self.folder / str(number)
            folder.mkdir()
            chance = random.Random(self.randomness.random())
            self.nodes.append(Node(name, folder, self.broker, self.ring, chance, NodeClock(self.clock)))
        self.begin_store()
        for node in self.nodes:
            node.begin()

    def begin_store(self) -> None:
        self.store = Store(self.folder / "events.sqlite")
        receipts = Receipts(STORE, signer("store"), clock=self.clock)
        self.keeper = Keeper(
            self.broker.transport("store", session_s=86_400.0), self.ring, self.store, receipts, union="romagna",
            clock=self.clock,
        )  # fmt: skip
        self.keeper.open()

    def step(self, trace: hashlib._Hash, *, faults: bool) -> None:
        self.clock.sleep(STEP_S)
        if faults:
            self.trouble()
        for node in self.nodes:
            node.live() if faults else node.carry()
            if not faults:
                node.spool.tick(node.clock.now())
        if self.clock.now() >= self.store_away_until:
            for _ in range(1 + len(self.nodes) // 10):
                self.keeper.run_once(0.0)
        for message in self.broker.log:
            trace.update(f"{message.topic} {len(message.payload)} ".encode() + message.payload)
            self.counts["messages"] += 1
        self.broker.log.clear()

    def trouble(self) -> None:
        """What goes wrong in one step."""
        chance = self.randomness.random
        for node in self.nodes:
            if chance() < 0.002:
                self.counts["crashes"] += 1
                node.crash()
            if chance() < 0.001:
                self.counts["network_cuts"] += 1
                node.offline_until = self.clock.now() + self.randomness.uniform(600.0, 6 * 3600.0)
            if chance() < 0.0005:
                self.counts["clock_steps"] += 1
                node.clock.offset_s = self.randomness.choice((0.0, -86_400.0, 3600.0, -BEGIN, 2 * 365 * 86_400.0))
        if chance() < 0.02:
            self.counts["broker_crashes"] += 1
            self.broker.crash(forget=chance() < 0.5)
        if chance() < 0.02:
            self.counts["store_crashes"] += 1
            self.broker.cut("store")
            self.store.close()
            self.begin_store()
            self.store_away_until = self.clock.now() + self.randomness.uniform(0.0, 3 * 3600.0)

    def settle(self, trace: hashlib._Hash) -> None:
        """Good weather, until the store has everything or it has lasted too long."""
        self.broker.weather = Weather()
        self.store_away_until = 0.0
        for node in self.nodes:
            node.offline_until = node.clock.offset_s = 0.0
        for _ in range(SETTLING_STEPS):
            self.step(trace, faults=False)
            if not any(self.missing(node) for node in self.nodes):
                return

    def missing(self, node: Node) -> int:
        """Numbers that are committed on the node and not in the store."""
        held = Span(self.store.held(str(node.name)).span)
        return sum(last - first + 1 for first, last in Span([(1, node.committed)]).minus(held))


def run(*, count: int, seed: int, nodes: int = NODES, hours: float = HOURS, jobs: int | None = None) -> Counter[str]:
    """`count` simulations, each of them twice, in `jobs` processes; as many as there are processors without it."""
    counts: Counter[str] = Counter(simulations=count, nodes=nodes, hours=int(hours), lost=0, invented=0)
    counts.update(equivocations=0, different_traces=0, crashes=0, network_cuts=0, clock_steps=0)
    counts.update(broker_crashes=0, store_crashes=0)
    simulate = partial(_traced, nodes=nodes, hours=hours)
    for one in repeated(simulate, seeds=range(seed, seed + count), jobs=jobs):
        counts.update(one.found)
        counts["different_traces"] += not one.same
        print(f"F13 simulation: seed {one.seed} twice, {one.digest[:16]}", file=sys.stderr, flush=True)
    return counts


def _traced(seed: int, *, nodes: int, hours: float) -> tuple[str, Counter[str]]:
    """One simulation, in an interpreter of its own."""
    logging.disable(logging.CRITICAL)  # bad weather is what this is about
    counts: Counter[str] = Counter()
    return simulated(seed, nodes, hours, counts), counts


def simulated(seed: int, nodes: int, hours: float, counts: Counter[str]) -> str:
    """One simulation; the digest of everything that the broker took."""
    trace = hashlib.sha256()
    with _world(seed, nodes) as world:
        for _ in range(int(hours * 3600 / STEP_S)):
            world.step(trace, faults=True)
        for node in world.nodes:
            node.spool.flush()
            node.committed = node.spool._outbox.tail.seq
        world.settle(trace)
        world.counts["committed"] = sum(node.committed for node in world.nodes)
        world.counts["lost"] = sum(world.missing(node) for node in world.nodes)
        world.counts["invented"] = max(0, world.store.count() - world.counts["committed"])
        world.counts["repeated"] = world.keeper.tally.repeated
        world.counts["equivocations"] = world.keeper.tally.equivocations
        counts.update(world.counts)
    return trace.hexdigest()


@contextmanager
def _world(seed: int, nodes: int) -> Iterator[World]:
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as folder:
        world = World(Path(folder), random.Random(seed))
        world.build(nodes)
        try:
            yield world
        finally:
            world.store.close()
            for node in world.nodes:
                node.spool._outbox._db.close()
                node.link._reader.close()  # type: ignore[attr-defined]


def _event(number: int, at: float) -> Event:
    reason = Reason("gate/person/stay_s", "stay", float(number % 900), expected=30.0)
    return Event(
        f"{number}", "stays", "loitering", Phase.OPENED, Severity.NOTICE, at, "gate-cam", reason, "gate", "person"
    )


if __name__ == "__main__":
    raise SystemExit(row.main("F13 simulation", run, count=3, long=12, targets=BAD))
