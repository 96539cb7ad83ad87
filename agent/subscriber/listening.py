"""Verified news from a broker as an iterator: the whole of a subscriber in one loop."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from agent.clock import SystemClock
from agent.contract.jws import KeyRing
from agent.contract.topics import pattern
from agent.errors import BrokerRefused
from agent.subscriber.reader import News, Reader
from agent.transport import Address, Disconnected, Message, Transport
from agent.transport.mqtt import MqttTransport

POLL_S = 1.0


def connect(host: str, port: int = 8883, *, ca: Path, party: Path, session_s: int = 0) -> Transport:
    """A broker over mutual TLS; `party` is the folder of our `tls.pem` and `tls.key`.

    With `session_s` the broker keeps what comes while we are away, for so many seconds. KeyFileError
    for files that cannot work; nothing is sent yet.
    """
    address = Address(host, port, str(ca), str(party / "tls.pem"), str(party / "tls.key"))
    return MqttTransport(address, clock=SystemClock(), randomness=random.SystemRandom(), session_s=session_s)


def listen(
    transport: Transport,
    ring: KeyRing,
    *,
    union: str = "+",
    comune: str = "+",
    node: str = "+",
    klass: str = "+",
) -> Iterator[News]:
    """News for ever, as they come; absent brokers are waited for, BrokerRefused ends it.

    A filter on the class makes it a partial view: gaps cannot be seen in it. A message is acknowledged
    to the broker no earlier than the next one is asked for, so a consumer that dies gets it again.
    """
    reader = Reader(ring, partial=klass != "+")
    transport.subscribe(pattern(union, comune, node, klass))
    with closing(transport):
        transport.open()
        while True:
            for happening in transport.poll(POLL_S):
                match happening:
                    case Message():
                        yield reader.read(happening)
                    case Disconnected(refused=True):
                        raise BrokerRefused(happening.why, hint=happening.hint)
