"""Renewal on a real broker, by the real programs: the session that stands carries it, and none is opened beside it for long."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import msgspec
import pytest
import yaml

from agent import cli
from agent.clock import SystemClock
from agent.contract.topics import NodeName
from agent.governance import lists
from agent.governance.rights import rights
from agent.provision.bench import Bench
from agent.provision.ca import Authority, common_name, ends_at, serial_of
from agent.provision.enrol_desk import Desk
from agent.provision.enrol_node import Place, enrol
from agent.provision.identity import Ticket
from agent.provision.revoked import Revoked
from agent.transport import Connected
from agent.transport.mqtt import MqttTransport
from agent.uplink.outbox import Outbox
from agent.uplink.settings import OutboxSettings
from tests.brokers.deployed import Bridged, Server
from tests.brokers.mosquitto import Mosquitto, free_port
from tests.brokers.waiting import first
from tests.governance.one_broker import Granted
from tests.governance.unions import POLICE, UNION, folder, loaded

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(600)]
NODE, STORE = NodeName("romagna", "faenza", "n-1"), NodeName("romagna", "centre", "store-1")
AUTHORITY = NodeName("romagna", "centre", "authority")
BRIDGE = NodeName("romagna", "centre", "bridge-faenza")
PARTIES = [
    *UNION["parties"],
    {"id": "authority", "role": "authority"},
    {"id": BRIDGE.node, "role": "bridge", "comuni": [NODE.comune]},
]
CLOCK = SystemClock()
DAY_S = 86_400.0
PATIENCE_S = 180.0


@dataclass
class Town:
    """A union with its broker; programs are ended with the test."""

    path: Path
    bench: Bench
    broker: Mosquitto
    union: Path
    node: Place
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.path / f"{words[0]}.log").open("ab") as log:
            self.running.append(subprocess.Popen([sys.executable, "-m", "agent", *words], stdout=log, stderr=log))
        return self.running[-1]

    def party(self) -> list[str]:
        return ["--broker", f"localhost:{self.broker.port}", "--keys", str(self.bench.folder)]

    def authority(self) -> None:
        """As `deploy/centre/piazza-authority.service` starts it."""
        self.begin(
            "enrol",
            "serve",
            "--listen",
            "127.0.0.1",
            "--port",
            str(free_port()),
            "--union",
            str(self.union),
            *self.party(),
        )
        self.until(lambda: self.sessions(str(AUTHORITY)))

    def sessions(self, name: str) -> int:
        """How often the broker has taken a session of this name."""
        return sum(f"as {common_name(name)} (" in line for line in self.broker.log)

    def until(self, enough) -> None:
        ends = CLOCK.monotonic() + PATIENCE_S
        while not enough():
            assert CLOCK.monotonic() < ends, "".join(self.broker.log[-20:])
            CLOCK.sleep(0.05)

    def renew(self, *words: str) -> int:
        return cli.main(["enrol", *words])


@pytest.fixture
def place(tmp_path) -> Iterator[Town]:
    at = CLOCK.now()
    bench = Bench.make(tmp_path / "keys", at=at)
    bench.add_signer("store", str(STORE), at=at, days=20)
    bench.add_reader(str(AUTHORITY), at=at)
    bench.add_reader(str(BRIDGE), at=at, days=20)
    revoked = Revoked(Authority(bench.folder / "ca"))
    revoked.add((), at=at)
    union = folder(tmp_path / "union", POLICE, parties=PARTIES)
    listed = lists.mosquitto(rights(*loaded(union), at=at))
    broker = Mosquitto(tmp_path / "broker", bench, {}, f"crlfile {revoked.list_file}", listed=listed)
    broker.start()
    made = Town(tmp_path, bench, broker, union, _node(tmp_path, bench, broker.port))
    yield made
    for process in made.running:
        process.terminate()
    for process in made.running:
        process.wait()
    broker.stop()


def _node(path: Path, bench: Bench, port: int) -> Place:
    """One that enrolled 60 days ago, with a configuration and an empty outbox."""
    place, then, desk = Place(path / "etc"), CLOCK.now() - 60 * DAY_S, Desk(bench)
    for part in ("keys", "tls"):
        (place.root / part).mkdir(parents=True)
    place.ca.write_bytes(bench.ca.read_bytes())
    ticket = Ticket.new(NODE, "localhost:1", at=then)
    place.ticket.write_bytes(msgspec.json.encode(ticket))
    desk.expect(ticket, approved=True)

    class Then(SystemClock):
        def now(self) -> float:
            return then

    enrol(place, lambda asked: desk.take(asked, at=then), clock=Then(), say=print)
    state = path / "state"
    (state / "inbox").mkdir(parents=True)
    Outbox(state / "outbox.sqlite", OutboxSettings()).close()
    broker = {"host": "localhost", "port": port, "ca": str(place.ca), "certificate": str(place.certificate("tls")),
              "key": str(place.key("tls"))}  # fmt: skip
    (place.root / "node.yaml").write_text(yaml.safe_dump(
        {"version": 1, "node": {"union": NODE.union, "comune": NODE.comune, "id": NODE.node},
         "state_dir": str(state), "uplink": {"broker": broker}}
    ))  # fmt: skip
    return place


def days_left(certificate: Path) -> float:
    return (ends_at(certificate.read_text()) - CLOCK.now()) / DAY_S


def test_a_node_renews_over_the_session_of_link(place, capsys):
    """Link carries it; the trial is a second connection without a word, so the broker takes one session in all."""
    place.authority()
    place.begin("link", "--config", str(place.node.root / "node.yaml"))
    place.until(lambda: place.sessions(str(NODE)))
    assert place.renew("renew", "--etc", str(place.node.root), "--wait", "120") == 0
    assert "new certificates are in place" in capsys.readouterr().out
    assert days_left(place.node.certificate("tls")) > 89
    assert place.sessions(str(NODE)) == 1
    assert place.node.ring.read_text() == place.bench.ring.read_text()


def test_a_node_whose_link_does_not_run_has_a_session_of_its_own(place, capsys):
    place.authority()
    assert place.renew("renew", "--etc", str(place.node.root), "--wait", "120") == 0
    assert "new certificates are in place" in capsys.readouterr().out
    assert place.sessions(str(NODE)) == 1


def test_a_store_renews_while_it_runs_and_the_old_certificate_is_worth_nothing_afterwards(place, capsys):
    """Its process holds the session; the next connection is made with the new one, which alone is let in then."""
    place.authority()
    place.begin("store", *place.party(), "--name", str(STORE), "--db", str(place.path / "events.sqlite"))
    place.until(lambda: place.sessions(str(STORE)))
    files = place.bench.tls(str(STORE))
    before = files.certificate.read_text()
    assert place.renew("party", *place.party(), "--name", str(STORE), "--wait", "120") == 0
    assert "a new certificate is in place" in capsys.readouterr().out
    assert (days_left(files.certificate) > 89, place.sessions(str(STORE))) == (True, 1)
    Revoked(Authority(place.bench.folder / "ca")).add([serial_of(before)], at=CLOCK.now())
    place.broker.stop()
    place.broker.start()
    place.until(lambda: place.sessions(str(STORE)) > 1)


@pytest.fixture
def bridged(place) -> Iterator[Town]:
    """The node knows the broker of its comune alone, which is as `deploy/bridge` has it; the centre is the union's own."""

    class OfComune(Bridged):
        def install(self):
            return [self._bridge(NODE.comune, BRIDGE, Server("centre", [], place.broker.port, place.path))]

    parties = Granted(place.bench, [NODE], STORE, STORE, [BRIDGE])
    parties.granted = rights(*loaded(place.union), at=CLOCK.now())
    comune = OfComune(place.path / "comune", parties)
    config = place.node.root / "node.yaml"
    config.write_text(config.read_text().replace(str(place.broker.port), str(comune.servers[0].port)))
    comune.start()
    place.until(lambda: place.sessions(str(BRIDGE)))
    yield place
    comune.close()


def test_a_bridge_renews_its_own_and_carries_what_its_nodes_ask_and_hear(bridged, capsys):
    """Its session is ended for a moment by who renews for it; it comes back by itself, with nobody restarted."""
    bridged.authority()
    assert bridged.renew("party", *bridged.party(), "--name", str(BRIDGE), "--wait", "120") == 0
    assert days_left(bridged.bench.tls(str(BRIDGE)).certificate) > 89
    assert bridged.renew("renew", "--etc", str(bridged.node.root), "--wait", "120") == 0
    assert "new certificates are in place" in capsys.readouterr().out
    assert days_left(bridged.node.certificate("tls")) > 89
    assert bridged.sessions(str(NODE)) == 0, "the centre never saw the node itself"


def test_where_the_authority_is_away_the_old_one_stays_and_it_is_said(place, capsys):
    before = place.node.certificate("tls").read_text()
    assert place.renew("renew", "--etc", str(place.node.root), "--wait", "2") == 1
    assert "no answer from the authority in 2 s" in capsys.readouterr().err
    assert place.node.certificate("tls").read_text() == before
    assert place.renew("party", *place.party(), "--name", str(STORE), "--wait", "2") == 1
    assert "the old certificate stays" in capsys.readouterr().err


def test_what_waits_for_the_sessions_owner_still_waits_after_a_renewal(place):
    """A store that is away for a minute loses nothing by who renews for it."""
    place.authority()
    store = MqttTransport(place.broker.address(str(STORE)), clock=CLOCK, randomness=Random(0), session_s=3600)
    store.subscribe("piazza/v1/romagna/faenza/+/evt/+")
    store.open()
    first(store, Connected)
    store.poll(1.0)
    store.close()
    assert _said(place, b"while it was away")
    assert place.renew("party", *place.party(), "--name", str(STORE), "--wait", "120") == 0
    again = MqttTransport(place.broker.address(str(STORE)), clock=CLOCK, randomness=Random(0), session_s=3600)
    again.open()
    place.until(lambda: any(getattr(news, "payload", b"") == b"while it was away" for news in again.poll(0.2)))
    again.close()


def _said(place, payload: bytes) -> bool:
    """An event of the node, taken by the broker."""
    files = place.node
    there = place.broker.address(str(STORE))
    node = MqttTransport(
        replace(there, certificate=str(files.certificate("tls")), key=str(files.key("tls"))),
        clock=CLOCK, randomness=Random(0), session_s=0,
    )  # fmt: skip
    node.open()
    first(node, Connected)
    node.publish(f"piazza/v1/{NODE}/evt/crossing", payload)
    place.until(lambda: any(getattr(news, "reason", 1) == 0 for news in node.poll(0.2)))
    node.close()
    return True
