"""NATS's own protocol, and a consumer group over what an MQTT gateway keeps."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.clock import SystemClock
from agent.transport import Acknowledged, Address, Connected, Message, Subscribed
from agent.transport.grouped import GroupedTransport
from agent.transport.jetstream import Group, _check, durable, subject_of, topic_of
from agent.transport.mqtt import MqttTransport
from agent.transport.nats import Delivery, Parser, Said
from tests.brokers.deployed import PLACES, Server
from tests.brokers.mosquitto import free_port
from tests.brokers.waiting import first, opened, until

TOPIC = "piazza/v1/u/c/n/evt/loitering"
FILTER = "piazza/v1/u/c/+/evt/+"
TEXT = (
    b'INFO {"server_id":"x"}\r\n'
    b"MSG a.b 1 5\r\nhello\r\n"
    b"MSG a.b 2 $JS.ACK.1 0\r\n\r\n"
    b"HMSG c 1 r 12 17\r\nNATS/1.0\r\n\r\nhello\r\n"
    b"HMSG c 3 29 29\r\nNATS/1.0 408 Request Time\r\n\r\n\r\n"
    b"PING\r\n-ERR 'Permissions Violation'\r\n"
)
SAYS = [
    Said("INFO", '{"server_id":"x"}'),
    Delivery("a.b", 1, "", "", "", b"hello"),
    Delivery("a.b", 2, "$JS.ACK.1", "", "", b""),
    Delivery("c", 1, "r", "", "NATS/1.0\r\n\r\n", b"hello"),
]


@given(some.lists(some.integers(1, 60), min_size=1, max_size=40))
def test_what_a_server_says_is_the_same_in_whatever_pieces_it_comes(sizes: list[int]):
    parser, found, begin = Parser(), list[Delivery | Said](), 0
    for size in sizes:
        found += parser.feed(TEXT[begin : begin + size])
        begin += size
    found += parser.feed(TEXT[begin:])
    assert found[:4] == SAYS
    assert isinstance(found[4], Delivery)
    assert found[4].status == "408 Request Time"
    assert found[5:] == [Said("PING", ""), Said("-ERR", "'Permissions Violation'")]


@pytest.mark.parametrize("text", [b"MSG a\r\n", b"MSG a 1 99999999\r\n", b"HMSG a 1 9 3\r\n", b"MSG a x 3\r\nabc\r\n"])
def test_what_is_no_nats_is_said(text: bytes):
    with pytest.raises(ValueError, match=r".+"):
        list(Parser().feed(text))


@pytest.mark.parametrize(
    ("subject", "said"), [(b"a.\xff", "a.\ufffd"), ("a.\x85b".encode(), "a.\x85b"), ("a.\u2028b".encode(), "a.\u2028b")]
)
def test_a_subject_of_any_bytes_holds_up_nothing_that_comes_after_it(subject: bytes, said: str):
    """Whoever may publish one would otherwise end every connection of the group, again and again."""
    found = list(Parser().feed(b"MSG " + subject + b" 1 r 2\r\nhi\r\nMSG a.b 1 0\r\n\r\n"))
    assert found == [Delivery(said, 1, "r", "", "", b"hi"), Delivery("a.b", 1, "", "", "", b"")]


def answered(payload: bytes, status: str = "") -> None:
    _check(Delivery("_INBOX.1", 9, "", status, "", payload))


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"type": "io.nats.jetstream.api.v1.consumer_create_response"}'])
def test_an_answer_of_jetstream_that_names_no_error_is_a_yes(payload: bytes):
    answered(payload)


@pytest.mark.parametrize(
    "payload",
    [b"{", b"[]", b"null", b"7", b"\xff", b'{"error": "no"}', b'{"error": {"description": 7}}', b"[" * 100_000],
)
def test_an_answer_of_jetstream_in_another_shape_is_refused_with_one_sentence(payload: bytes):
    with pytest.raises(OSError, match="JetStream: an answer that cannot be read"):
        answered(payload)


@pytest.mark.parametrize(
    ("payload", "status", "why"),
    [
        (b'{"error": {"code": 404, "description": "stream not found"}}', "", "stream not found"),
        (b'{"error": {}}', "", "an error without a reason"),
        (b"", "503", "503"),
    ],
)
def test_a_no_of_jetstream_is_told_in_its_words(payload: bytes, status: str, why: str):
    with pytest.raises(OSError, match=f"^JetStream: {why}$"):
        answered(payload, status)


def test_a_topic_is_a_subject_and_back():
    assert subject_of(FILTER) == "$MQTT.msgs.piazza.v1.u.c.*.evt.*"
    assert topic_of(subject_of(TOPIC)) == TOPIC
    assert durable("stores", FILTER) == "stores-piazza-v1-u-c-evt"


# One server with its gateway, without TLS, on this machine

Join = Callable[..., GroupedTransport]


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Of NATS and of MQTT."""
    program = shutil.which("nats-server", path=PLACES)
    if program is None:
        pytest.skip("nats-server is not installed: see requirements/apt-brokers.txt")
    nats, mqtt = free_port(), free_port()
    configuration = tmp_path / "nats.conf"
    configuration.write_text(
        f"server_name: one\nlisten: 127.0.0.1:{nats}\njetstream {{ store_dir: {json.dumps(str(tmp_path))} }}\n"
        f"mqtt {{ listen: 127.0.0.1:{mqtt} }}\n"
    )
    server = Server("nats", [program, "-c", str(configuration)], mqtt, tmp_path)
    server.start()
    server.wait()
    yield nats, mqtt
    server.kill()


@pytest.fixture
def join(ports: tuple[int, int]) -> Iterator[Join]:
    """A member of the group, connected both ways."""
    made: list[GroupedTransport] = []

    def joined(name: str, *, ack_wait_s: float = 300.0) -> GroupedTransport:
        nats, mqtt = (Address("localhost", port, mqtt="3.1.1") for port in ports)
        chance, clock = random.Random(name), SystemClock()
        plain = MqttTransport(mqtt, clock=clock, randomness=chance, client_id=name, session_s=0)
        group = Group(nats, clock=clock, randomness=chance, ack_wait_s=ack_wait_s)
        one = GroupedTransport(plain, group)
        one.subscribe(f"$share/stores/{FILTER}")
        one.subscribe("piazza/v1/u/c/+/head/+")
        one.open()
        made.append(one)
        if len(made) == 1:  # the consumer is there before anything is said; who comes later takes what is there
            until(one, lambda news: Connected in map(type, news) and group._line is not None)
        return one

    yield joined
    for one in made:
        one.close()


def say(transport: GroupedTransport, *payloads: bytes, topic: str = TOPIC) -> None:
    for payload in payloads:
        transport.publish(topic, payload)


def heard(*members: GroupedTransport, count: int, owing: bool = False) -> list[list[bytes]]:
    """What each was given, by turns, until it is so many together."""
    found: list[list[bytes]] = [[] for _ in members]
    clock = SystemClock()
    end = clock.monotonic() + 60.0
    while sum(map(len, found)) < count and clock.monotonic() < end:
        for member, mine in zip(members, found, strict=True):
            news = member.poll(0.05, owing=len(mine) if owing else 0)
            mine += [one.payload for one in news if isinstance(one, Message)]
    return found


@pytest.mark.slow
def test_each_message_is_dealt_to_one_of_the_group(join: Join):
    anna, bruno = join("anna"), join("bruno")
    told = [b"%d" % number for number in range(40)]
    say(anna, *told)
    mine, other = heard(anna, bruno, count=40)
    assert sorted(mine + other) == sorted(told)


@pytest.mark.slow
def test_what_a_member_that_died_had_been_dealt_goes_to_another(join: Join):
    anna = join("anna", ack_wait_s=1.0)
    say(anna, b"1", b"2", b"3")
    assert set(heard(anna, count=3, owing=True)[0]) == {b"1", b"2", b"3"}
    anna.close(lost=True)
    bruno = join("bruno", ack_wait_s=1.0)
    until(bruno, lambda news: {one.payload for one in news if isinstance(one, Message)} == {b"1", b"2", b"3"})


@pytest.mark.slow
def test_a_member_that_goes_gives_back_what_it_has_not_acknowledged(join: Join):
    anna = join("anna")
    say(anna, b"1", b"2")
    assert heard(anna, count=2, owing=True) == [[b"1", b"2"]]
    anna.poll(0.0, owing=1)
    anna.close()
    assert heard(join("bruno"), count=1) == [[b"2"]]


@pytest.mark.slow
def test_what_comes_while_nobody_of_the_group_is_there_waits(join: Join, ports: tuple[int, int]):
    join("anna").close()
    clock, address = SystemClock(), Address("localhost", ports[1], mqtt="3.1.1")
    node = MqttTransport(address, clock=clock, randomness=random.Random(1), client_id="node", session_s=0)
    opened(node)
    node.publish(TOPIC, b"meanwhile")
    first(node, Acknowledged)
    node.close()
    assert heard(join("bruno"), count=1) == [[b"meanwhile"]]


@pytest.mark.slow
def test_everything_else_goes_over_mqtt_to_every_member(join: Join):
    anna, bruno = join("anna"), join("bruno")
    first(bruno, Subscribed)
    say(anna, b"7", topic="piazza/v1/u/c/n/head/node")
    assert heard(anna, bruno, count=2) == [[b"7"], [b"7"]]
