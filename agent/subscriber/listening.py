"""Verified news from a broker as an iterator: the whole of a subscriber in one loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from agent.contract.jws import KeyRing
from agent.contract.topics import pattern
from agent.errors import BrokerRefused
from agent.subscriber.reader import News, Reader
from agent.transport import Disconnected, Message, Transport

POLL_S = 1.0


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

    A filter on the class makes it a partial view: gaps cannot be seen in it. A message is
    acknowledged to the broker when the next one is asked for.
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
