"""What only a real broker shows: TLS, refusals, versions of the protocol, failures of our own."""

from __future__ import annotations

import random
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest
from paho.mqtt.client import MQTTMessage

from agent.clock import SimulatedClock, SystemClock
from agent.errors import ConfigError, KeyFileError
from agent.provision.bench import LOOPBACK, Bench
from agent.provision.ca import Authority, TlsFiles
from agent.transport import Acknowledged, Address, Connected, Disconnected, Message, Will, session
from agent.transport.mqtt import MqttTransport
from agent.transport.terms import Protocol
from tests.brokers.mosquitto import Mosquitto, free_port
from tests.brokers.old import old_broker
from tests.brokers.waiting import first, messages, opened, until
from tests.serving import served
from tests.transport.conftest import Clients, MosquittoBench

MakeBroker = Callable[..., Mosquitto]


def failure(address: Address, **options: object) -> Disconnected:
    """Why a client that opens does not get in."""
    clock = SystemClock()
    client = MqttTransport(address, clock=clock, randomness=random.Random(1), **options)  # type: ignore[arg-type]
    client.open()
    try:
        return first(client, Disconnected)
    finally:
        client.close()


def days_from_now(days: float) -> float:
    return SystemClock().now() + days * 86_400


def with_other_broker(
    keys: Bench, folder: Path, *, days: int = 30, at: float, hosts: Sequence[str] = LOOPBACK
) -> Bench:
    """The same authority and clients, and a broker with another certificate."""
    shutil.copytree(keys.folder, folder)
    other = Bench(folder)
    for path in (other.broker.certificate, other.broker.key):
        path.unlink()
    Authority(folder / "ca").server(other.broker, hosts, at=at, days=days)
    return other


def refusal(address: Address) -> Disconnected:
    """The first word of a client that nobody lets in, once it is sure that it is refused."""
    client = MqttTransport(address, clock=SystemClock(), randomness=random.Random(1))
    client.open()
    try:
        news = until(client, lambda news: any(isinstance(item, Disconnected) and item.refused for item in news))
    finally:
        client.close()
    return next(item for item in news if isinstance(item, Disconnected) and item.refused)


@pytest.fixture
def address() -> Address:
    """A port of loopback where nobody listens."""
    return Address("127.0.0.1", free_port())


@pytest.fixture
def mute() -> Iterator[Address]:
    """Somebody who takes the connection and closes it as soon as anything is said."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)

    threading.Thread(target=serve, daemon=True).start()
    yield Address("127.0.0.1", server.getsockname()[1])
    server.shutdown(socket.SHUT_RDWR)
    server.close()


TAKEN_IN = b"\x20\x03\0\0\0"
"""CONNACK without a property."""

MALFORMED = {
    "a property twice": TAKEN_IN + b"\x32\x0f\0\x03a/b\0\x01\x06\x03\0\x01r\x03\0\x01r?",
    "a property of another packet": TAKEN_IN + b"\x32\x0e\0\x03a/b\0\x01\x05\x11\0\0\0\x01?",
    "a property that nobody knows": TAKEN_IN + b"\x32\x0c\0\x03a/b\0\x01\x03\x7f\0\0?",
    "a property that is no text": TAKEN_IN + b"\x32\x0d\0\x03a/b\0\x01\x04\x03\0\x01\xff?",
    "a property that is cut off": TAKEN_IN + b"\x32\x0b\0\x03a/b\0\x01\x02\x02\0?",
    "a name that was never given": TAKEN_IN + b"\x32\x09\0\0\0\x01\x03\x23\0\x01?",
    "a message that is cut off": TAKEN_IN + b"\x32\x01\0",
    "a quality of service of 3": TAKEN_IN + b"\x36\x09\0\x03a/b\0\x01\0?",
    "a length without an end": TAKEN_IN + b"\x32\xff\xff\xff\xff\xff",
    "a packet that nobody knows": TAKEN_IN + b"\0\0",
    "reasons that nobody knows": TAKEN_IN + b"\x40\x04\0\x01\x55\0" + b"\x90\x04\0\x01\0\x55" + b"\xe0\x02\x55\0",
    "a welcome that is cut off": b"\x20\x01\0",
    "a welcome for a reason that nobody knows": b"\x20\x03\0\x55\0",
    "a welcome with a property of nought": b"\x20\x06\0\0\x03\x21\0\0",
}
"""What a broker that is no better than anybody on the network may say."""


@contextmanager
def saying(said: bytes) -> Iterator[Address]:
    """A broker that answers whatever it hears first in these bytes."""

    class Broker(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            self.request.sendall(said)
            with suppress(ConnectionError):
                self.request.recv(4096)

    server = ThreadingTCPServer(("127.0.0.1", 0), Broker)
    with served(server):
        yield Address("127.0.0.1", server.server_address[1])


@pytest.mark.parametrize("said", list(MALFORMED.values()), ids=list(MALFORMED))
def test_what_no_broker_may_say_ends_the_session_and_not_the_process(said: bytes):
    with saying(said) as address:
        assert not failure(address, client_id="anna").refused


@pytest.mark.broker
def test_the_session_is_mqtt_5_where_the_broker_speaks_it(mosquitto: MosquittoBench):
    assert opened(mosquitto.transport("anna")).protocol == 5


@pytest.mark.slow
def test_a_broker_without_mqtt_5_gets_3_1_1():
    with old_broker() as address:
        bruno = Clients().client(address, client_id="bruno", session_s=0)
        assert opened(bruno, "state/+").protocol == 4
        bruno.close()


def test_mqtt_3_1_1_carries_all_that_is_needed():
    with old_broker(mqtt="3.1.1") as address:
        bench = Clients()
        anna = bench.client(address, client_id="anna", will=Will("state/anna", b"lost"))
        bruno = bench.client(address, client_id="bruno", session_s=0)
        opened(anna)
        opened(bruno, "state/+")
        anna.publish("state/anna", b"up", expires_s=60)
        assert messages(bruno, 1) == [Message("state/anna", b"up")]
        anna.close(lost=True)
        assert messages(bruno, 1) == [Message("state/anna", b"lost")]
        bruno.close()


def test_a_broker_that_hangs_up_on_mqtt_5_is_asked_with_3_1_1_next(mute: Address):
    client = MqttTransport(mute, clock=SystemClock(), randomness=random.Random(1), client_id="anna")
    client.open()
    assert not first(client, Disconnected).refused
    assert client._protocol == Protocol.V311
    client.close()


@pytest.mark.broker
def test_the_certificates_name_is_the_clients_name(brokers: MakeBroker):
    broker = brokers()
    opened(MosquittoBench(broker).transport("anna"))
    broker.stop()
    assert any("as anna (" in line for line in broker.log)


@pytest.mark.broker
def test_what_a_role_may_not_read_does_not_reach_it(brokers: MakeBroker):
    rights = {"anna": ["write #"], "bruno": ["read open/#"]}
    bench = MosquittoBench(brokers(rights=rights))
    bruno = bench.transport("bruno")
    anna = bench.transport("anna")
    opened(bruno, "#")
    opened(anna)
    anna.publish("closed/x", b"secret")
    anna.publish("open/x", b"public")
    assert messages(bruno, 1) == [Message("open/x", b"public")]


@pytest.mark.broker
def test_what_a_role_may_not_write_is_refused_in_the_acknowledgement(brokers: MakeBroker):
    bench = MosquittoBench(brokers(rights={"anna": ["read #"]}))
    anna = bench.transport("anna")
    opened(anna)
    mid = anna.publish("open/x", b"x")
    assert until(anna, bool)[0] == Acknowledged(mid, 135)


@pytest.mark.broker
def test_a_certificate_of_another_authority_is_refused_by_the_broker(mosquitto: MosquittoBench, tmp_path: Path):
    foreign = Bench.make(tmp_path / "foreign", at=days_from_now(0))
    foreign.add_reader("anna", at=days_from_now(0))
    files = foreign.tls("anna")
    why = failure(replace(mosquitto.broker.address("anna"), certificate=str(files.certificate), key=str(files.key)))
    assert "ask" in why.hint or "renewed" in why.hint


@pytest.mark.broker
def test_an_expired_certificate_is_refused(mosquitto: MosquittoBench, keys: Bench, tmp_path: Path):
    late = TlsFiles(tmp_path / "late.pem", tmp_path / "late.key")
    Authority(keys.folder / "ca").client(late, "anna", at=days_from_now(-3), days=1)
    address = replace(mosquitto.broker.address("anna"), certificate=str(late.certificate), key=str(late.key))
    assert refusal(address).hint


@pytest.mark.broker
def test_a_broker_of_an_unknown_authority_is_not_trusted(mosquitto: MosquittoBench, tmp_path: Path):
    foreign = Bench.make(tmp_path / "foreign", at=days_from_now(0))
    why = failure(replace(mosquitto.broker.address("anna"), ca=str(foreign.ca)))
    assert why.refused
    assert "is not signed by" in why.why


@pytest.mark.broker
def test_a_broker_under_another_name_is_not_trusted(brokers: MakeBroker, keys: Bench, tmp_path: Path):
    other = with_other_broker(keys, tmp_path / "keys", at=days_from_now(0), hosts=["broker.example"])
    why = failure(brokers(bench=other).address("anna"))
    assert why.refused
    assert "not for the name localhost" in why.why


@pytest.mark.broker
@pytest.mark.parametrize(("from_day", "said"), [(30, "is not valid yet"), (-60, "has expired")])
def test_a_clock_that_does_not_fit_the_brokers_certificate_is_said_in_one_sentence(
    brokers: MakeBroker, keys: Bench, tmp_path: Path, from_day: int, said: str
):
    """A node without a clock battery starts in 1970; there the clock is wrong, not the certificate."""
    other = with_other_broker(keys, tmp_path / "keys", at=days_from_now(from_day))
    why = failure(brokers(bench=other).address("anna"))
    assert why.refused
    assert said in why.why
    assert "as the clock of this machine says" in why.why
    assert why.hint.startswith("set the clock of this machine")


def test_an_absent_broker_is_no_refusal(address: Address):
    why = failure(address, client_id="anna")
    assert not why.refused
    assert "no broker answers" in why.why


def test_the_waits_for_an_absent_broker_grow_and_stay_bounded(address: Address):
    clock = SimulatedClock(1e9)
    client = MqttTransport(address, clock=clock, randomness=random.Random(7), client_id="anna")
    client.open()
    tries: list[float] = []
    while len(tries) < 20:
        tries += [clock.now() for item in client.poll(60.0) if isinstance(item, Disconnected)]
    waits = [after - before for before, after in pairwise(tries)]
    assert 0.25 <= waits[0] <= 0.5
    assert all(15.0 <= wait <= 30.0 for wait in waits[-10:])
    assert len(set(waits)) > 15  # jitter


@pytest.mark.broker
def test_a_topic_that_is_no_text_ends_nobody(mosquitto: MosquittoBench):
    """Mosquitto refuses such a one; a subject of NATS may be any bytes."""
    anna = mosquitto.transport("anna")
    opened(anna)
    assert isinstance(anna, MqttTransport)
    assert anna._session
    strange = MQTTMessage(mid=7, topic=b"piazza/v1/\xff")
    strange.payload = b"x"
    anna._session._on_message(anna._session._client, None, strange)
    (message,) = messages(anna, 1)
    assert (message.topic, message.payload) == ("piazza/v1/\ufffd", b"x")


@pytest.mark.broker
def test_an_exception_in_a_callback_rises_out_of_poll(mosquitto: MosquittoBench, monkeypatch: pytest.MonkeyPatch):
    """Whoever polls dies of it; no thread ends in silence."""
    anna, bruno = mosquitto.transport("anna"), mosquitto.transport("bruno")
    opened(bruno, "news")
    opened(anna)

    def broken(*_: object) -> Message:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(session, "Message", broken)
    anna.publish("news", b"x")
    with pytest.raises(ZeroDivisionError):
        messages(bruno, 1)


@pytest.mark.broker
def test_a_renewed_certificate_is_used_for_the_next_session(brokers: MakeBroker, keys: Bench, tmp_path: Path):
    """Renewal replaces the files under a running process."""
    files = TlsFiles(tmp_path / "tls.pem", tmp_path / "tls.key")
    Authority(keys.folder / "ca").client(files, "anna", at=days_from_now(0), days=30)
    broker = brokers()
    address = replace(broker.address("anna"), certificate=str(files.certificate), key=str(files.key))
    anna = MosquittoBench(broker).client(address)
    opened(anna)
    files.key.unlink()
    Authority(keys.folder / "ca").client(files, "anna", at=days_from_now(0), days=1)
    broker.kill()
    broker.start()
    first(anna, Connected)
    anna.close()


@pytest.mark.broker
def test_files_that_do_not_fit_together_are_the_users_fault(mosquitto: MosquittoBench, keys: Bench):
    wrong = replace(mosquitto.broker.address("anna"), key=str(keys.tls("bruno").key))
    with pytest.raises(KeyFileError, match="do not fit together"):
        mosquitto.client(wrong)


def test_a_missing_file_is_named(keys: Bench):
    address = Address("localhost", ca=str(keys.ca), certificate="absent", key=str(keys.tls("anna").key))
    with pytest.raises(KeyFileError, match="absent"):
        MqttTransport(address, clock=SystemClock(), randomness=random.Random(1))


def test_half_of_the_tls_files_is_not_enough(keys: Bench):
    with pytest.raises(ConfigError, match="all of ca, certificate and key"):
        MqttTransport(Address("localhost", ca=str(keys.ca)), clock=SystemClock(), randomness=random.Random(1))


@pytest.mark.parametrize("host", ["broker.example", "192.0.2.1", "::2"])
def test_nothing_leaves_this_machine_without_tls(host: str):
    with pytest.raises(ConfigError, match="needs TLS"):
        MqttTransport(Address(host), clock=SystemClock(), randomness=random.Random(1))
