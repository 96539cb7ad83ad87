"""A TLS connection that sends in gulps."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from agent.provision.bench import Bench
from agent.transport.gulps import GULP_BYTES, GulpingSocket
from tests.contract.makers import AT

Pair = tuple[GulpingSocket, ssl.SSLSocket]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench.make(tmp_path_factory.mktemp("gulps") / "keys", at=AT)


@pytest.fixture
def pair(bench: Bench) -> Iterator[Pair]:
    """A connection that does not wait, and its other end, which waits a minute at the most."""
    ours, theirs = socket.socketpair()
    at_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    at_server.load_cert_chain(bench.broker.certificate, bench.broker.key)
    at_client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    at_client.check_hostname, at_client.verify_mode = False, ssl.CERT_NONE
    at_client.sslsocket_class = GulpingSocket
    ended: list[ssl.SSLSocket] = []
    server = threading.Thread(target=lambda: ended.append(at_server.wrap_socket(theirs, server_side=True)))
    server.start()
    client = at_client.wrap_socket(ours)
    server.join()
    client.setblocking(False)
    ended[0].settimeout(60.0)
    assert isinstance(client, GulpingSocket)
    yield client, ended[0]
    client.close()
    ended[0].close()


def received(end: ssl.SSLSocket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        found += end.recv(65536)
    return found


def test_small_writes_wait_and_leave_as_one_in_their_order(pair: Pair):
    ours, theirs = pair
    assert [ours.send(part) for part in (b"one ", b"two ", b"three")] == [4, 4, 5]
    assert ours.waiting == 13
    ours.flush()
    assert ours.waiting == 0
    assert theirs.recv(65536) == b"one two three", "one record, so one read"


def test_much_does_not_wait(pair: Pair):
    ours, theirs = pair
    ours.send(bytes(GULP_BYTES + 1))
    assert ours.waiting < GULP_BYTES
    theirs.recv(65536)


def test_what_the_network_does_not_take_stays_in_its_order(pair: Pair):
    ours, theirs = pair
    told = b"".join(b"%07d\n" % number for number in range(200_000))
    for begin in range(0, len(told), 1000):
        ours.send(told[begin : begin + 1000])
    assert ours.waiting, "more than the buffers of the kernel hold"
    found = b""
    while len(found) < len(told):
        ours.flush()
        found += theirs.recv(65536)
    assert found == told


def test_the_last_words_leave_before_the_connection_closes(pair: Pair):
    ours, theirs = pair
    ours.send(b"good-bye")
    ours.close()
    assert received(theirs, 8) == b"good-bye"


def test_a_lost_connection_is_told_when_it_is_written_to(pair: Pair):
    ours, theirs = pair
    theirs.close()
    with pytest.raises(OSError, match=r"."):
        shout(ours, times=3)


def shout(end: GulpingSocket, *, times: int) -> None:
    """The first words into a closed connection may still go out; the answer to them is that it is closed."""
    for _ in range(times):
        end.send(b"anybody there?")
        end.flush()


def test_what_arrives_is_given_byte_by_byte_in_its_order(pair: Pair):
    ours, theirs = pair
    theirs.sendall(b"one")
    theirs.sendall(b"two")
    assert b"".join(heard(ours) for _ in range(6)) == b"onetwo"
    with pytest.raises(ssl.SSLWantReadError):
        ours.recv(1)


def test_what_was_read_ahead_is_pending(pair: Pair):
    """Whoever polls the network for it would wait for ever."""
    ours, theirs = pair
    theirs.sendall(b"four")
    assert heard(ours) == b"f"
    assert ours.pending() == 3


def test_nothing_is_given_while_it_rests_and_nothing_is_lost(pair: Pair):
    ours, theirs = pair
    theirs.sendall(b"ab")
    assert heard(ours) == b"a"
    ours.resting = True
    with pytest.raises(BlockingIOError):
        ours.recv(1)
    ours.resting = False
    assert heard(ours) == b"b"


def test_the_end_comes_after_what_was_said_before_it(pair: Pair):
    ours, theirs = pair
    theirs.sendall(b"a")
    theirs.close()
    assert (heard(ours), heard(ours)) == (b"a", b"")


def heard(end: GulpingSocket) -> bytes:
    """The next byte, as soon as it is there; nothing at the end."""
    while not end.pending():
        assert select.select([end], [], [], 60.0)[0]
        try:
            return end.recv(1)
        except ssl.SSLWantReadError:  # a word of TLS itself
            continue
    return end.recv(1)
