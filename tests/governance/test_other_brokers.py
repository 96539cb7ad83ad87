"""The same agreement on NATS and RabbitMQ: every party against every class on the real brokers, and a drift is found."""

from __future__ import annotations

import json
import subprocess
import sys
from random import Random

import pytest

from agent.clock import SystemClock
from agent.contract.times import instant
from agent.contract.topics import Class, NodeName
from agent.governance.rights import Right, Verb, rights
from agent.governance.table import topics
from agent.governance.table_wills import WillTrial
from agent.provision.bench import Bench
from agent.transport import Address
from agent.transport.mqtt import MqttTransport
from tests.brokers.deployed import NatsCluster, NotInstalled, Parties, RabbitCluster
from tests.governance.unions import JUNE, POLICE, folder, loaded

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(600)]
COMUNI = [{"id": "faenza", "name": "Faenza"}, {"id": "riolo", "name": "Riolo Terme"}]
ROLES = {
    "room": "operator", "square": "publisher", "store-1": "store", "fleet": "maintainer", "anybody": "public",
    "authority": "authority",
}  # fmt: skip
ROOM = NodeName("romagna", "centre", "room")
PROBED = NodeName("romagna", "faenza", "probe")
LISTENER = NodeName("trial", "every", "listener")
DRIFT = Right("romagna/centre/police", Verb.READ, "romagna", "riolo", "+", Class.EVT, "crossing")


class OneNats(NatsCluster):
    """One server of the cluster that `deploy/nats` describes: rights are the same, and it starts at once."""

    TRIED = LOST = tuple(ROLES)

    def install(self):
        first = super().install()[:1]
        path = self.folder / "broker-1" / "nats.conf"
        text = path.read_text()
        start, end = text.index("cluster {"), text.index("# The gateway")
        path.write_text((text[:start] + text[end:]).replace("stream_replicas: 3", "stream_replicas: 1"))
        return first

    def members(self):
        return 1


class OneRabbit(RabbitCluster):
    """One server of the cluster that `deploy/rabbitmq` describes; each refusal costs a session, so fewer are tried."""

    TRIED = ("room", "square")
    LOST = ("room",)

    def install(self):
        first = super().install()[:1]
        path = self.folder / "broker-1" / "rabbitmq.conf"
        kept = [line for line in path.read_text().splitlines() if not line.startswith("cluster_")]
        path.write_text("\n".join(kept) + "\n")
        return first


class Granted(Parties):
    """Parties with the rights that an agreement gives them."""

    granted: tuple[Right, ...] = ()

    def rights(self):
        return list(self.granted)


EACH = [
    pytest.param(OneNats, id="nats", marks=pytest.mark.xdist_group("nats")),
    pytest.param(OneRabbit, id="rabbitmq", marks=pytest.mark.xdist_group("rabbitmq")),
]  # started once, by one worker


@pytest.fixture(scope="module", params=EACH)
def tried(request, tmp_path_factory):
    """One trial on a broker whose list has one right more than the agreement: the police read Riolo too."""
    kind: type[OneNats | OneRabbit] = request.param
    path, at = tmp_path_factory.mktemp("broker"), SystemClock().now()
    bench = Bench.make(path / "keys", at=at)
    listed = [{"id": name, "role": ROLES[name]} for name in kind.TRIED]
    union = folder(path / "union", POLICE, comuni=COMUNI, parties=listed)
    whole, agreed = loaded(union)
    parties = Granted(bench, (), ROOM, ROOM)
    granted = rights(whole, agreed, at=JUNE)
    said = [topic for topic in topics(whole) if topic.name == PROBED]
    parties.granted = (*granted, DRIFT, *(Right(str(LISTENER), Verb.READ, *_place(topic)) for topic in said))
    try:
        broker = kind(path / "deployed", parties)
    except NotInstalled as missing:
        pytest.skip(f"{missing.message}: {missing.hint}")
    try:
        broker.start()
        command = [sys.executable, "-m", "agent", "patto", "test", str(union), "--at", instant(JUNE), "--json", "--one-by-one",
                   "--keys", str(bench.folder), "--broker", f"localhost:{broker.node_ports()[0]}"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wills = _lost(broker, bench, said, kind.LOST).run(granted)
    finally:
        broker.close()
    names = {"faenza/probe", "riolo/probe", "centre/police", *(f"centre/{name}" for name in kind.TRIED)}
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], names, wills


def _place(topic):
    return topic.name.union, topic.name.comune, topic.name.node, topic.klass, topic.type


def _lost(broker, bench, said, parties):
    """The police, a node and these parties, each lost once for every topic of the node."""
    names = [DRIFT.party, str(PROBED), *(str(ROOM).replace("room", name) for name in parties)]
    for name in {*names, str(LISTENER)} - set(bench.names()):
        bench.add_reader(name, at=SystemClock().now())

    def client(name, will=None):
        files = bench.tls(name)
        there = Address(
            "localhost", broker.node_ports()[0], str(bench.ca), str(files.certificate), str(files.key), mqtt="3.1.1"
        )
        return MqttTransport(there, clock=SystemClock(), randomness=Random(0), session_s=0, will=will)

    return WillTrial(names, said, client, client(str(LISTENER)), SystemClock())


def test_only_the_drift_is_wrong(tried):
    """Every party, comune, class and type; the one right too many is found, and nothing else differs."""
    code, cells, _, _ = tried
    wrong = {(cell["party"], cell["verb"], cell["topic"]) for cell in cells if cell["expected"] != cell["found"]}
    assert wrong == {("romagna/centre/police", "read", "piazza/v1/romagna/riolo/probe/evt/crossing")}
    assert code == 1


def test_every_party_was_tried_with_every_class(tried):
    _, found, names, _ = tried
    cells = [cell for cell in found if cell["way"] == "plain"]
    assert {cell["party"] for cell in cells} == {f"romagna/{name}" for name in names}
    assert {cell["topic"].split("/")[5] for cell in cells} == set(Class)
    assert len(cells) == 2 * len(names) * len({cell["topic"] for cell in cells})
    assert sum(cell["found"] for cell in cells) > len(names)


def test_a_filter_that_is_wider_than_a_right_is_refused_whole(tried):
    """Everything, the broker's own topics, a whole class, and a group's subscription to one."""
    _, found, names, _ = tried
    tried_wide = [cell for cell in found if cell["way"] == "wide"]
    assert {cell["topic"] for cell in tried_wide} >= {"#", "$SYS/#", "$share/group/piazza/v1/romagna/+/+/evt/+"}
    assert (len(tried_wide) % len(names), [cell for cell in tried_wide if cell["found"]]) == (0, [])


def test_no_broker_says_for_the_lost_what_they_might_not_have_said_themselves(tried):
    """A will on a topic that its party may not write is refused with the session, or swallowed."""
    *_, wills = tried
    assert [cell for cell in wills if cell.wrong] == []
    assert 0 < sum(cell.found for cell in wills) < len(wills)
