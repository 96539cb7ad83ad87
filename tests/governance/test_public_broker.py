"""Public counts over a real broker: signed, retained, for everybody, and written by the publisher alone."""

from __future__ import annotations

from random import Random

import pytest

from agent.clock import SystemClock
from agent.commands.public_broker import publish
from agent.contract.topics import Class, NodeName
from agent.contract.types import PublicData, PublicHour
from agent.errors import BrokerRefused
from agent.governance import lists
from agent.governance.rights import rights
from agent.provision.bench import Bench
from agent.provision.keys import load_ring, load_signer
from agent.subscriber import Mark, Reader
from agent.subscriber.describe import describe
from agent.subscriber.speaker import Speaker
from agent.transport.mqtt import MqttTransport
from tests.brokers.mosquitto import Mosquitto
from tests.brokers.waiting import messages
from tests.governance.unions import JUNE, POLICE, folder, loaded

pytestmark = [pytest.mark.slow, pytest.mark.broker]
SQUARE, ANYBODY = "romagna/centre/square", "romagna/centre/anybody"
TOLD = PublicData(
    node="romagna/faenza/n-1", place="gate", hours=(PublicHour(since="2026-06-01T10:00:00.000Z", count=41),), k=10,
    epsilon=1.0, mean_error=0.8509,
)  # fmt: skip


@pytest.fixture
def broker(tmp_path):
    bench, at = Bench.make(tmp_path / "keys", at=SystemClock().now()), SystemClock().now()
    bench.add_signer("publisher", SQUARE, at=at)
    bench.add_signer("operator", "romagna/centre/room", at=at)
    bench.add_reader(ANYBODY, at=at)
    whole, agreed = loaded(folder(tmp_path, POLICE))
    made = Mosquitto(tmp_path / "broker", bench, {}, listed=lists.mosquitto(rights(whole, agreed, at=JUNE)))
    made.start()
    yield made
    made.stop()


def client(broker, name):
    return MqttTransport(broker.address(name), clock=SystemClock(), randomness=Random(0), session_s=0)


def said(broker, name):
    signer = load_signer(broker.bench.signing_key(name))
    return Speaker(NodeName.parse(name), signer, clock=SystemClock()).say(Class.PUB, TOLD.place, TOLD)


def heard_later(broker):
    anybody = client(broker, ANYBODY)
    anybody.subscribe("piazza/v1/romagna/+/+/pub/+")
    anybody.open()
    (message,) = messages(anybody, 1)
    anybody.close()
    return message


def test_whoever_comes_later_reads_what_was_published(broker):
    publish(client(broker, SQUARE), [said(broker, SQUARE)], clock=SystemClock())
    message = heard_later(broker)
    news = Reader(load_ring(broker.bench.ring), partial=True).read(message)
    assert (news.mark, news.retained, message.topic) == (
        Mark.VERIFIED, True, "piazza/v1/romagna/faenza/n-1/pub/gate",
    )  # fmt: skip
    assert news.envelope is not None
    assert (news.envelope.data, str(news.envelope.maker)) == (TOLD, SQUARE)
    assert describe(news.envelope) == "gate: 41 passages told in 1 of 1 hours"


def test_another_party_cannot_publish_them(broker):
    with pytest.raises(BrokerRefused, match="code 135"):
        publish(client(broker, "romagna/centre/room"), [said(broker, SQUARE)], clock=SystemClock())


def test_what_another_role_has_signed_is_not_believed(broker):
    publish(client(broker, SQUARE), [said(broker, "romagna/centre/room")], clock=SystemClock())
    message = heard_later(broker)
    assert Reader(load_ring(broker.bench.ring)).read(message).why == "role"
