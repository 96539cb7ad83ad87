"""A certificate tried on a second connection: the broker's own judgement, and no harm to the session that stands."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from agent.clock import SystemClock
from agent.errors import BrokerAbsent, BrokerRefused
from agent.provision.bench import Bench
from agent.provision.ca import Authority, TlsFiles, serial_of
from agent.provision.revoked import Revoked
from agent.transport import Disconnected
from agent.transport.mqtt import MqttTransport
from agent.transport.trial import try_certificate
from tests.brokers.mosquitto import Mosquitto, free_port
from tests.brokers.waiting import messages, opened

pytestmark = [pytest.mark.slow, pytest.mark.broker]
NODE = "romagna/faenza/n-1"


@pytest.fixture
def bench(tmp_path):
    made = Bench.make(tmp_path / "keys", at=SystemClock().now())
    made.add_reader(NODE, at=SystemClock().now())
    return made


@pytest.fixture
def broker(tmp_path, bench):
    revoked = Revoked(Authority(bench.folder / "ca"))
    revoked.add((), at=SystemClock().now())
    rights = {NODE: ["readwrite piazza/v1/romagna/faenza/n-1/#"]}
    made = Mosquitto(tmp_path / "broker", bench, rights, more=f"crlfile {revoked.list_file}")
    made.start()
    yield made
    made.stop()


def again(bench, folder):
    """Another certificate for the same key and name."""
    old = bench.tls(NODE)
    text = Authority(bench.folder / "ca").again(old, at=SystemClock().now() + 1, days=90)
    (folder / "new.pem").write_text(text)
    return TlsFiles(folder / "new.pem", old.key)


def test_a_renewed_certificate_is_let_in_and_the_session_that_stands_stays(broker, bench, tmp_path):
    node = MqttTransport(broker.address(NODE), clock=SystemClock(), randomness=Random(0))
    opened(node, "piazza/v1/romagna/faenza/n-1/#")
    fresh = again(bench, tmp_path)
    try_certificate(replace(broker.address(NODE), certificate=str(fresh.certificate)), clock=SystemClock(), quiet_s=2.0)
    while not node.publish("piazza/v1/romagna/faenza/n-1/evt/crossing", b"still here"):
        assert not any(isinstance(news, Disconnected) for news in node.poll(0.05))
    assert [message.payload for message in messages(node, 1)] == [b"still here"]
    node.close()


def test_a_certificate_of_another_authority_is_refused(broker, bench, tmp_path):
    stranger = Bench.make(tmp_path / "stranger", at=SystemClock().now())
    stranger.add_reader(NODE, at=SystemClock().now())
    files = stranger.tls(NODE)
    there = replace(broker.address(NODE), certificate=str(files.certificate), key=str(files.key))
    with pytest.raises(BrokerRefused):
        try_certificate(there, clock=SystemClock(), quiet_s=60.0)


def test_a_revoked_certificate_is_refused(broker, bench, tmp_path):
    fresh = again(bench, tmp_path)
    Revoked(Authority(bench.folder / "ca")).add([serial_of(fresh.certificate.read_text())], at=SystemClock().now())
    broker.stop()
    broker.start()
    there = replace(broker.address(NODE), certificate=str(fresh.certificate))
    with pytest.raises(BrokerRefused, match="revoked"):
        try_certificate(there, clock=SystemClock(), quiet_s=60.0)


def test_where_nobody_answers_nothing_is_known(broker):
    there = replace(broker.address(NODE), port=free_port())
    with pytest.raises(BrokerAbsent):
        try_certificate(there, clock=SystemClock())
