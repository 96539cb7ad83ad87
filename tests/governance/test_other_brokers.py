"""The same agreement on NATS and RabbitMQ: every party against every class on the real brokers, and a drift is found."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.contract.times import instant
from agent.contract.topics import Class, NodeName
from agent.governance.rights import Right, Verb, rights
from agent.governance.table import Cell, topics
from agent.governance.table_wills import WillTrial
from agent.provision.bench import Bench
from agent.transport import Address
from agent.transport.mqtt import MqttTransport
from tests.brokers.deployed import NotInstalled
from tests.governance.one_broker import ROOM, Granted, OneNats
from tests.governance.unions import JUNE, POLICE, folder, loaded

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(1800)]
COMUNI = [{"id": "faenza", "name": "Faenza"}, {"id": "riolo", "name": "Riolo Terme"}]
ROLES = {
    "room": "operator", "square": "publisher", "store-1": "store", "fleet": "maintainer", "anybody": "public",
    "authority": "authority",
}  # fmt: skip
PROBED = NodeName("romagna", "faenza", "probe")
LISTENER = NodeName("trial", "every", "listener")
DRIFT = Right("romagna/centre/police", Verb.READ, "romagna", "riolo", "+", Class.EVT, "crossing")


@dataclass(frozen=True)
class Tried:
    """What was found on a broker whose list has one right more than the agreement: the police read Riolo too."""

    code: int
    cells: list[dict[str, Any]]
    names: set[str]
    wills: list[Cell]


@pytest.fixture(scope="module")
def nats(tmp_path_factory):
    path = tmp_path_factory.mktemp("nats")
    bench, names = Bench.make(path / "keys", at=SystemClock().now()), tuple(ROLES)
    union = a_union(path, names)
    parties = Granted(bench, (), ROOM, ROOM)
    parties.granted = drifted(union)
    try:
        broker = OneNats(path / "deployed", parties)
    except NotInstalled as missing:
        pytest.skip(f"{missing.message}: {missing.hint}")
    try:
        broker.start()
        yield found(broker, bench, union, names, lost=names)
    finally:
        broker.close()


@pytest.fixture(scope="module")
def rabbitmq(rabbit, tmp_path_factory):
    """Each refusal costs a session there, so fewer are lost."""
    names = tuple(ROLES)
    union = a_union(tmp_path_factory.mktemp("rabbitmq"), names)
    rabbit.go_by(drifted(union))
    return found(rabbit.broker, rabbit.bench, union, names, lost=("room",))


@pytest.fixture(
    params=[
        pytest.param("nats", marks=pytest.mark.xdist_group("nats")),
        pytest.param("rabbitmq", marks=pytest.mark.xdist_group("rabbitmq")),
    ]
)
def tried(request) -> Tried:
    made: Tried = request.getfixturevalue(request.param)
    return made


def a_union(path, names):
    return folder(path / "union", POLICE, comuni=COMUNI, parties=[{"id": name, "role": ROLES[name]} for name in names])


def probed(union):
    """The topics of one node."""
    return [topic for topic in topics(loaded(union)[0]) if topic.name == PROBED]


def drifted(union):
    """What the agreement gives, and one right more; somebody hears everything that is said for the lost."""
    listener = (Right(str(LISTENER), Verb.READ, *_place(topic)) for topic in probed(union))
    return (*rights(*loaded(union), at=JUNE), DRIFT, *listener)


def found(broker, bench, union, names, *, lost) -> Tried:
    command = [sys.executable, "-m", "agent", "patto", "test", str(union), "--at", instant(JUNE), "--json", "--one-by-one", "--retained",
               "--keys", str(bench.folder), "--broker", f"localhost:{broker.node_ports()[0]}"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wills = _lost(broker, bench, probed(union), lost).run(rights(*loaded(union), at=JUNE))
    known = {"faenza/probe", "riolo/probe", "centre/police", *(f"centre/{name}" for name in names)}
    return Tried(done.returncode, [json.loads(line) for line in done.stdout.splitlines()], known, wills)


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
    wrong = {(cell["party"], cell["verb"], cell["topic"]) for cell in tried.cells if cell["expected"] != cell["found"]}
    assert wrong == {("romagna/centre/police", "read", "piazza/v1/romagna/riolo/probe/evt/crossing")}
    assert tried.code == 1


def test_every_party_was_tried_with_every_class(tried):
    names, cells = tried.names, [cell for cell in tried.cells if cell["way"] == "plain"]
    assert {cell["party"] for cell in cells} == {f"romagna/{name}" for name in names}
    assert {cell["topic"].split("/")[5] for cell in cells} == set(Class)
    assert len(cells) == 2 * len(names) * len({cell["topic"] for cell in cells})
    assert sum(cell["found"] for cell in cells) > len(names)


def test_a_filter_that_is_wider_than_a_right_is_refused_whole(tried):
    """Everything, the broker's own topics, a whole class, and a group's subscription to one."""
    tried_wide = [cell for cell in tried.cells if cell["way"] == "wide"]
    assert {cell["topic"] for cell in tried_wide} >= {"#", "$SYS/#", "$share/group/piazza/v1/romagna/+/+/evt/+"}
    assert (len(tried_wide) % len(tried.names), [cell for cell in tried_wide if cell["found"]]) == (0, [])


def test_no_broker_says_for_the_lost_what_they_might_not_have_said_themselves(tried):
    """A will on a topic that its party may not write is refused with the session, or swallowed."""
    assert [cell for cell in tried.wills if cell.wrong] == []
    assert 0 < sum(cell.found for cell in tried.wills) < len(tried.wills)
