"""The same agreement on NATS and RabbitMQ: every party against every class on the real brokers, and a drift is found."""

from __future__ import annotations

from random import Random

import pytest

from agent.clock import SystemClock
from agent.contract.topics import Class, NodeName
from agent.governance.rights import Right, Verb, rights
from agent.governance.table import topics
from agent.governance.table_strict import StrictTrial
from agent.governance.union import PROBE
from agent.provision.bench import Bench
from agent.transport import Address
from agent.transport.mqtt import MqttTransport
from tests.brokers.deployed import Deployment, NatsCluster, NotInstalled, Parties, RabbitCluster
from tests.governance.unions import JUNE, POLICE, folder, loaded

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(600)]
PARTIES = (
    "romagna/faenza/probe",
    "romagna/riolo/probe",
    "romagna/centre/room",
    "romagna/centre/police",
    "romagna/centre/square",
    "romagna/centre/anybody",
)
DRIFT = Right("romagna/centre/police", Verb.READ, "romagna", "riolo", "+", Class.EVT, "crossing")


class OneNats(NatsCluster):
    """One server of the cluster that `deploy/nats` describes: rights are the same, and it starts at once."""

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
    """One server of the cluster that `deploy/rabbitmq` describes."""

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


@pytest.fixture(scope="module", params=[OneNats, OneRabbit], ids=["nats", "rabbitmq"])
def tried(request, tmp_path_factory):
    """One trial on a broker whose list has one right more than the agreement: the police read Riolo too."""
    kind: type[Deployment] = request.param
    path, at = tmp_path_factory.mktemp("broker"), SystemClock().now()
    bench = Bench.make(path / "keys", at=at)
    for name in PARTIES:
        bench.add_reader(name, at=at)
    whole, agreed = loaded(folder(path / "union", POLICE))
    granted = rights(whole, agreed, at=JUNE)
    parties = Granted(bench, (), NodeName.parse(PARTIES[2]), NodeName.parse(PARTIES[2]))
    parties.granted = (*granted, DRIFT)
    try:
        broker = kind(path / "deployed", parties)
    except NotInstalled as missing:
        pytest.skip(f"{missing.message}: {missing.hint}")
    try:
        broker.start()
        trial = StrictTrial(PARTIES, [one for one in topics(whole) if one.name.node == PROBE],
                            lambda party: client(bench, broker.node_ports()[0], party), SystemClock())  # fmt: skip
        trial.run()
    finally:
        broker.close()
    return trial, granted


def client(bench, port, party):
    files = bench.tls(party)
    address = Address("localhost", port, str(bench.ca), str(files.certificate), str(files.key), mqtt="3.1.1")
    return MqttTransport(address, clock=SystemClock(), randomness=Random(0), session_s=0)


def test_only_the_drift_is_wrong(tried):
    """Every party, comune, class and type; the one right too many is found, and nothing else differs."""
    trial, granted = tried
    cells = list(trial.cells(granted))
    assert {(cell.party, cell.verb, cell.topic) for cell in cells if cell.wrong} == {
        ("romagna/centre/police", Verb.READ, "piazza/v1/romagna/riolo/probe/evt/crossing")
    }
    assert len(cells) == len(PARTIES) * len(trial.topics) * 2


def test_with_the_drift_agreed_no_cell_is_wrong(tried):
    trial, granted = tried
    assert not [cell for cell in trial.cells((*granted, DRIFT)) if cell.wrong]
