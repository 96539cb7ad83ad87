"""An agreement ends on every broker: a police session that is open loses exactly its access, by `piazza patto apply` alone.

It ends also where that is gone with the documents, by a shell and the lists that were laid down beforehand.

The clock is the instant that the command is told. Nobody else reconnects, and nothing that is said meanwhile is lost.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from agent import cli
from agent.clock import SystemClock
from agent.commands.in_force import LastGood
from agent.contract.topics import NodeName
from agent.governance.beforehand import Beforehand
from agent.governance.rights import rights
from agent.provision.bench import Bench
from agent.transport import Acknowledged, Address, Disconnected, Happening, Message, Transport
from agent.transport.mqtt import MqttTransport
from tests.brokers.deployed import Deployment, NotInstalled, OneMosquitto
from tests.brokers.waiting import first, opened
from tests.governance.one_broker import Granted, OneNats
from tests.governance.unions import JUNE, POLICE, folder, loaded, police

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(600)]
ROOM, OFFICER, NODE = "romagna/centre/room", "romagna/centre/police", "romagna/faenza/probe"
COMUNI = [{"id": "faenza", "name": "Faenza"}]
AWAY = "romagna/centre/carabinieri"
CROSSINGS = "piazza/v1/romagna/faenza/+/evt/crossing"
EVENT = "piazza/v1/romagna/faenza/probe/evt/crossing"
LAST_SECOND, NEXT_SECOND = "2026-12-31T22:59:59Z", "2026-12-31T23:00:00Z"


class WithNumber(OneMosquitto):
    """As shipped, with its process number in a file."""

    def _server(self, shipped, name, more):
        return super()._server(
            shipped, name, {"log_dest stderr": f"pid_file {self.folder}/pid\nlog_dest stderr", **more}
        )

    def reached(self):
        return self.folder / "centre/acl", ["--reload", str(self.folder / "pid")]


class Nats(OneNats):
    def reached(self):
        folder = self.folder / "broker-1"
        return folder / "authorization.conf", ["--broker", "nats", "--reload", str(folder / "pid")]


@dataclass
class Town:
    """A broker with the list of June, and how `piazza patto apply` reaches it."""

    broker: Deployment
    bench: Bench
    union: Path
    access: Path
    words: list[str]

    def apply(self, at: str) -> int:
        return cli.main(["patto", "apply", str(self.union), "--at", at, "--write", str(self.access), *self.words])

    def switch(self, now: str) -> int:
        """What runs each minute on the broker's machine, with a shell's own commands alone."""
        command = ["sh", str(Beforehand(self.access).switch), str(self.access), self.words[-1], now]
        return subprocess.run(["env", "-i", "PATH=/usr/bin:/bin", *command], check=False).returncode

    def client(self, name: str, *, session_s: int = 0) -> MqttTransport:
        files = self.bench.tls(name)
        there = Address("localhost", self.broker.node_ports()[0], str(self.bench.ca), str(files.certificate),
                        str(files.key), mqtt="3.1.1")  # fmt: skip
        return MqttTransport(there, clock=SystemClock(), randomness=Random(0), session_s=session_s)


@pytest.fixture(
    params=[
        pytest.param(WithNumber, id="mosquitto"),
        pytest.param(Nats, id="nats"),
        pytest.param("rabbit", id="rabbitmq", marks=pytest.mark.xdist_group("rabbitmq")),
    ]
)
def town(request, tmp_path):
    away = police(id="second", partner=POLICE["partner"] | {"id": "carabinieri"})
    union = folder(tmp_path / "union", POLICE, away, comuni=COMUNI, parties=[{"id": "room", "role": "operator"}])
    if request.param == "rabbit":
        shared = request.getfixturevalue("rabbit")
        words = ["--broker", "rabbitmq", "--rabbitmqctl", shared.broker.control]
        with_keys(shared.bench)
        shutil.rmtree(Beforehand(shared.access).folder, ignore_errors=True)  # of a test whose clock was later than ours
        authority = shared.bench.folder / "ca/ca.key"
        kept = authority.read_bytes()
        yield Town(shared.broker, shared.bench, union, shared.access, words)
        authority.write_bytes(kept)
        return
    bench = Bench.make(tmp_path / "keys", at=SystemClock().now())
    with_keys(bench)
    parties = Granted(bench, (), NodeName.parse(ROOM), NodeName.parse(ROOM))
    parties.granted = rights(*loaded(union), at=JUNE)
    try:
        broker = request.param(tmp_path / "deployed", parties)
    except NotInstalled as missing:
        pytest.skip(f"{missing.message}: {missing.hint}")
    access, words = broker.reached()
    try:
        broker.start()
        yield Town(broker, bench, union, access, words)
    finally:
        broker.close()


def with_keys(bench):
    for name in {ROOM, OFFICER, AWAY, NODE} - set(bench.names()):
        bench.add_reader(name, at=SystemClock().now())


def told(node: Transport, topic: str, payload: bytes) -> None:
    """Say something, and wait until the broker has it."""
    while not (mid := node.publish(topic, payload)):
        node.poll(0.05)
    while first(node, Acknowledged).mid != mid:
        pass


def heard(reader: Transport, payload: bytes) -> list[Happening]:
    """Everything up to the message `payload`; fails when that does not come."""
    news: list[Happening] = []
    clock = SystemClock()
    until = clock.monotonic() + 120
    while not any(isinstance(one, Message) and one.payload == payload for one in news):
        news += reader.poll(0.05)
        assert clock.monotonic() < until, news
    return news


def cut(news: list[Happening]) -> bool:
    return any(isinstance(one, Disconnected) for one in news)


def payloads(news: list[Happening]) -> list[bytes]:
    return [one.payload for one in news if isinstance(one, Message)]


def test_the_police_lose_exactly_their_access_at_the_end(town):
    """Until the last second they hear everything, afterwards nothing, though their session would be kept for an hour.

    Nor is handed over what waited for another partner, whose machine was away meanwhile and comes back too late. The
    authority's machine is away on that day; it takes no part.
    """
    node, room = town.client(NODE), town.client(ROOM)
    officer, away = town.client(OFFICER, session_s=3600), town.client(AWAY, session_s=3600)
    try:
        assert town.apply(LAST_SECOND) == 0
        for one in (room, officer, away):
            opened(one, CROSSINGS)
        opened(node)
        away.close()
        told(node, EVENT, b"before")
        heard(room, b"before")
        heard(officer, b"before")
        (town.bench.folder / "ca/ca.key").unlink()
        assert town.apply(NEXT_SECOND) == 0
        until_taken(town, node, room, officer)
        told(node, EVENT, b"after")
        assert not cut(heard(room, b"after"))
        assert b"after" not in payloads([news for _ in range(40) for news in officer.poll(0.05)])
        away.open()
        news = [one for _ in range(100) for one in away.poll(0.05)]
        assert news
        assert payloads(news) == []
    finally:
        for one in (node, room, officer, away):
            one.close()


def test_the_end_needs_neither_piazza_nor_the_documents_nor_the_authority(town):
    """All of them are gone before the day; a session that is open, and stays so, loses its access all the same."""
    node, room, officer = town.client(NODE), town.client(ROOM), town.client(OFFICER, session_s=3600)
    try:
        assert town.apply(LAST_SECOND) == 0
        for path in (town.bench.folder / "ca/ca.key", town.union / "union.yaml", LastGood(town.access).file):
            path.unlink()
        for one in (room, officer):
            opened(one, CROSSINGS)
        opened(node)
        assert town.switch("20261231225959") == 0
        told(node, EVENT, b"before")
        heard(room, b"before")
        heard(officer, b"before")
        assert town.switch("20261231230000") == 0
        until_taken(town, node, room, officer)
        told(node, EVENT, b"after")
        assert not cut(heard(room, b"after"))
        assert b"after" not in payloads([news for _ in range(40) for news in officer.poll(0.05)])
    finally:
        for one in (node, room, officer):
            one.close()


def until_taken(town, node, room, officer):
    """A broker may take a moment to read its list: say something until the police no longer hear it."""
    clock = SystemClock()
    until, number = clock.monotonic() + 120, 0
    while clock.monotonic() < until:
        number += 1
        token = f"turn {number}".encode()
        told(node, EVENT, token)
        assert not cut(heard(room, token))
        if token not in payloads([news for _ in range(20) for news in officer.poll(0.05)]):
            return
    pytest.fail("the police hear on")
