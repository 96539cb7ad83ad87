"""Stores that share their work by JetStream, as processes, on the cluster of `deploy/nats`."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.commands.fleet import SINCE, carrier
from agent.contract.topics import NodeName
from agent.fleet.simulation import Fleet, names
from agent.fleet.wire import Wire
from agent.provision.bench import Bench
from agent.subscriber.postgres import PostgresStore, PostgresTables
from agent.transport import Address
from agent.transport.mqtt import MqttTransport
from tests.brokers.deployed import NatsCluster, NotInstalled, Parties
from tests.brokers.postgres import postgres

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("postgres"), pytest.mark.timeout(300)]

UNION = "romagna"
STORES = [NodeName(UNION, "centre", f"store-{number}") for number in (1, 2)]
WATCHER = NodeName(UNION, "centre", "watcher")
PATIENCE_S = 120.0
HOURS = 4.0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[NatsCluster]:
    at = SystemClock().now()
    bench = Bench.make(tmp_path / "keys", at=at)
    nodes = names(UNION, comuni=1, nodes=3)
    bench.add_signers("node", [str(name) for name in nodes], at=at)
    bench.add_signers("store", [str(name) for name in STORES], at=at)
    bench.add_reader(str(WATCHER), at=at)
    try:
        made = NatsCluster(tmp_path / "nats", Parties(bench, nodes, STORES[0], WATCHER, other_stores=STORES[1:]))
    except NotInstalled as absent:
        pytest.skip(str(absent))
    with closing(made):
        made.start()
        yield made


@contextmanager
def store(cluster: NatsCluster, number: int, database: str) -> Iterator[subprocess.Popen[bytes]]:
    """`piazza store` on a server of its own, until the end of the block."""
    command = [
        sys.executable, "-m", "agent", "store", "--keys", str(cluster.parties.bench.folder), "--name",
        str(STORES[number]), "--broker", f"localhost:{cluster.servers[number].port}", "--mqtt", "3.1.1", "--comune",
        "comune-1", "--db", database, "--share", "stores", "--from", f"nats://localhost:{cluster.groups[number]}",
    ]  # fmt: skip
    with log(cluster, number).open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def log(cluster: NatsCluster, number: int) -> Path:
    return cluster.folder / f"store-{number}.log"


def wait(enough: Callable[[], bool], why: Callable[[], str]) -> None:
    clock = SystemClock()
    until = clock.monotonic() + PATIENCE_S
    while not enough():
        assert clock.monotonic() < until, why()
        clock.sleep(0.05)


def test_either_store_is_killed_and_everything_is_kept_once(cluster: NatsCluster):
    clock, parties = SystemClock(), cluster.parties
    keys = parties.bench.folder
    with ExitStack() as stack:
        database = stack.enter_context(postgres()).address("piazza")
        first, _ = [stack.enter_context(store(cluster, number, database)) for number in (0, 1)]
        wait(
            lambda: all("joined the group" in log(cluster, number).read_text() for number in (0, 1)),
            lambda: "\n".join(log(cluster, number).read_text()[-3000:] for number in (0, 1)),
        )
        carriers = [carrier(keys, name, seed=1, resend_s=5.0) for name in parties.nodes]
        wires = [Wire(transport(cluster, one.name), [one], clock=clock) for one in carriers]
        fleet = stack.enter_context(closing(Fleet(carriers, wires, clock=clock)))
        fleet.connect()
        report = fleet.live(
            seed=1, since=SINCE, hours=HOURS, say=lambda hour, _made: first.kill() if hour == HOURS / 2 else None
        )
        assert report.lost == 0, log(cluster, 1).read_text()[-3000:]
        kept = stack.enter_context(closing(PostgresStore(database)))
        assert {str(one.name): kept.held(str(one.name)).span for one in carriers} == {
            str(one.name): ((1, one.tail.seq),) for one in carriers
        }
        assert kept.count() == report.envelopes
        tables = stack.enter_context(closing(PostgresTables(database)))
        assert tables.rows("SELECT count(*) FROM equivocation") == [(0,)]


def transport(cluster: NatsCluster, name: NodeName) -> MqttTransport:
    bench = cluster.parties.bench
    files = bench.tls(str(name))
    address = Address(
        "localhost", cluster.servers[2].port, str(bench.ca), str(files.certificate), str(files.key), mqtt="3.1.1"
    )
    return MqttTransport(address, clock=SystemClock(), randomness=random.Random(str(name)), session_s=600)
