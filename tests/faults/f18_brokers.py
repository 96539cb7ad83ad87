"""F18: the contract on every deployment that is shipped, and one of its servers killed in the middle.

    python -m tests.faults.f18_brokers [--count N] [--seed N] [--json]

On one mosquitto, a mosquitto of the comune bridged to one in the centre, three NATS servers with JetStream
and three RabbitMQ, each as configured in `deploy/`: a fleet of nodes with real envelopes over mutual TLS, a
store as a process, a watcher who joins late and a node that is lost without a good-bye. Halfway a server
is killed, while events are under way; of a cluster the one that most clients are on, which stays away, of
mosquitto (the centre's first) the only one, which comes back. Clients reach a cluster through a balancer
that gives them a server that lives. A broker that is not installed is left out, and counted.
"""

from __future__ import annotations

import logging
import multiprocessing
import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.clock import SystemClock
from agent.commands.fleet import SINCE, carrier
from agent.contract.chain import Range
from agent.contract.topics import Class, NodeName, Topic
from agent.fleet.carrier import Carrier
from agent.fleet.simulation import Fleet, Report, names
from agent.fleet.wire import Wire
from agent.provision.bench import Bench
from agent.provision.keys import load_ring, load_signer
from agent.subscriber.keeper import Keeper
from agent.subscriber.receipts import Receipts
from agent.subscriber.store import Store
from agent.transport import Address, Connected, Happening, Message, Subscribed, Will
from agent.transport.mqtt import MqttTransport
from tests.brokers.deployed import DEPLOYMENTS, Bridged, Deployment, NotInstalled, OneMosquitto, Parties
from tests.faults import row
from tests.faults.tools.proxy import Proxy

UNION = "romagna"
NODES = 4
HOURS = 6.0
KEEPALIVE_S = 5
PATIENCE_S = 60.0
RESEND_S = 5.0
"""Short, so that the row fits into minutes; a node waits half a minute."""
STORE = NodeName(UNION, "centre", "store-1")
WATCHER = NodeName(UNION, "centre", "watcher")
BRIDGE = NodeName(UNION, "centre", "bridge-comune-1")
BAD = ("lost", "altered", "not_whole", "heads_not_kept", "wills_not_said")
_FORKS = multiprocessing.get_context("forkserver")


def run(*, count: int, seed: int, only: str = "") -> Counter[str]:
    """`count` times each deployment, or `only` the one of that name; counts of what was seen."""
    counts: Counter[str] = Counter({"deployments": 0, "not_installed": 0, "envelopes": 0, **dict.fromkeys(BAD, 0)})
    logging.disable(logging.CRITICAL)  # faults are what this is about
    try:
        for kind in DEPLOYMENTS * count:
            if only in ("", kind.NAME):
                with suppress(NotInstalled):
                    _try(kind, seed, counts)
                    continue
                counts["not_installed"] += 1
    finally:
        logging.disable(logging.NOTSET)
    return counts


def _try(kind: type[Deployment], seed: int, counts: Counter[str]) -> None:
    with tempfile.TemporaryDirectory(dir=row.MEMORY, ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        parties = _parties(Path(folder))
        deployed = kind(Path(folder) / "deployed", parties)
        stack.callback(deployed.close)
        deployed.start()
        counts["not_whole"] += deployed.members() != len(deployed.servers)
        place = stack.enter_context(Place.opened(Path(folder), deployed))
        stack.enter_context(place.storing())
        report, stored = _live(place, seed)
        counts["deployments"] += 1
        counts["envelopes"] += report.envelopes
        counts[f"{kind.NAME}_published_again"] += report.resent
        counts["lost"] += report.lost
        counts["altered"] += sum(stored[str(one.name)] != ((1, one.tail.seq),) for one in place.carriers)
        counts["heads_not_kept"] += not place.late_watcher_sees_head()
        counts["wills_not_said"] += not place.will_is_said()


def _live(place: Place, seed: int) -> tuple[Report, dict[str, tuple[Range, ...]]]:
    """Hours of a fleet with a kill in their middle; the report, and what the store has of each node."""
    wires = [Wire(place.transport(str(one.name), session_s=600), [one], clock=place.clock) for one in place.carriers]
    fleet = Fleet(place.carriers, wires, clock=place.clock)
    fleet.connect()
    try:
        report = fleet.live(seed=seed, since=SINCE, hours=HOURS, say=place.kill_at(HOURS / 2))
    finally:
        fleet.close()
    store = Store(place.database)
    spans = {str(one.name): store.held(str(one.name)).span for one in place.carriers}
    store.close()
    return report, spans


@dataclass
class Place:
    """A deployment with its balancers, the keys of everybody, and the nodes."""

    folder: Path
    deployed: Deployment
    for_nodes: Proxy
    for_store: Proxy
    clock: SystemClock
    carriers: list[Carrier]

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, deployed: Deployment) -> Iterator[Place]:
        keys = deployed.parties.bench.folder
        with Proxy(deployed.node_ports()[0]) as for_nodes, Proxy(deployed.store_ports()[0]) as for_store:
            carriers = [carrier(keys, name, seed=1, resend_s=RESEND_S) for name in deployed.parties.nodes]
            yield cls(folder, deployed, for_nodes, for_store, SystemClock(), carriers)

    @property
    def database(self) -> Path:
        return self.folder / "events.sqlite"

    def address(self, name: str, port: int) -> Address:
        bench = self.deployed.parties.bench
        files = bench.tls(name)
        return Address(
            "localhost", port, str(bench.ca), str(files.certificate), str(files.key), keepalive_s=KEEPALIVE_S
        )

    def transport(self, name: str, *, session_s: int, port: int = 0, will: Will | None = None) -> MqttTransport:
        address = self.address(name, port or self.for_nodes.port)
        return MqttTransport(address, clock=self.clock, randomness=random.Random(name), session_s=session_s, will=will)

    @contextmanager
    def storing(self) -> Iterator[None]:
        """A store in a process of its own."""
        bench, parties = self.deployed.parties.bench, self.deployed.parties
        files = (str(self.database), str(bench.ring), str(bench.signing_key(str(STORE))))
        address = self.address(str(STORE), self.for_store.port)
        process = _FORKS.Process(target=_store, args=(address, parties.comuni, *files), daemon=True)
        process.start()
        try:
            yield
        finally:
            process.kill()
            process.join()

    def kill_at(self, hour: float) -> Callable[[float, int], None]:
        """What kills a server when simulated time has come so far, and the store has begun."""

        def say(now: float, _made: int) -> None:
            if now == hour:
                until = self.clock.monotonic() + PATIENCE_S
                while not self._kept() and self.clock.monotonic() < until:
                    self.clock.sleep(0.05)
                self._kill_one()

        return say

    def _kept(self) -> int:
        """Envelopes in the store, as another reader of its database sees them."""
        with (
            suppress(sqlite3.OperationalError),
            closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as db,
        ):
            return int(db.execute("SELECT count(*) FROM envelope").fetchone()[0])
        return 0

    def late_watcher_sees_head(self) -> bool:
        """Whether the signed end of a chain still stands on the broker for somebody who comes now."""
        watcher = self._watcher(str(Topic(self.carriers[0].name, Class.HEAD, "node")))
        with closing(watcher):
            return self._sees(watcher, Message)

    def will_is_said(self) -> bool:
        """Whether others are told what a node left with the broker when its connection is cut."""
        name = self.carriers[0].name
        topic = str(Topic(name, Class.STATE, "node"))
        node = self.transport(str(name), session_s=600, will=Will(topic, b"lost", delay_s=0))
        node.open()
        with closing(self._watcher(topic)) as watcher:
            ready = self._sees(watcher, Subscribed) and self._sees(node, Connected)
            node.close(lost=True)
            return ready and self._sees(watcher, Message)

    def _watcher(self, topic: str) -> MqttTransport:
        watcher = self.transport(str(WATCHER), session_s=0, port=self.for_store.port)
        watcher.subscribe(topic)
        watcher.open()
        return watcher

    def _sees(self, transport: MqttTransport, kind: type[Happening]) -> bool:
        """Whether something of a kind happens within a patient time."""
        until = self.clock.monotonic() + PATIENCE_S
        while self.clock.monotonic() < until:
            if any(isinstance(one, kind) for one in transport.poll(0.2)):
                return True
        return False

    def _kill_one(self) -> None:
        """A cluster loses the server that the balancers use; a single mosquitto comes back at once."""
        servers = self.deployed.servers
        servers[0].kill()
        if isinstance(self.deployed, OneMosquitto):
            servers[0].start()
            servers[0].wait()
        if isinstance(self.deployed, Bridged):
            servers[1].kill()
            servers[1].start()
            servers[1].wait()
        self.for_nodes.target = self.deployed.node_ports()[0]
        self.for_store.target = self.deployed.store_ports()[0]


def _parties(folder: Path) -> Parties:
    at = SystemClock().now()
    bench = Bench.make(folder / "keys", at=at)
    nodes = names(UNION, comuni=1, nodes=NODES)
    bench.add_signers("node", [str(name) for name in nodes], at=at)
    bench.add_signer("store", str(STORE), at=at)
    bench.add_reader(str(WATCHER), at=at)
    bench.add_reader(str(BRIDGE), at=at)
    return Parties(bench, nodes, STORE, WATCHER, [BRIDGE])


def _store(address: Address, comuni: list[str], database: str, ring: str, key: str) -> None:
    logging.disable(logging.CRITICAL)
    clock = SystemClock()
    transport = MqttTransport(address, clock=clock, randomness=random.Random(), session_s=3600)
    receipts = Receipts(STORE, load_signer(Path(key)), clock=clock)
    Keeper(
        transport, load_ring(Path(ring)), Store(Path(database)), receipts, union=UNION, clock=clock, comuni=comuni
    ).run(lambda: False)


if __name__ == "__main__":
    raise SystemExit(row.main("F18 brokers", run, count=1, targets=BAD))
