"""Questions to the authority by the session of the certificate that they are about, whoever holds it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.clock import Clock, SystemClock
from agent.contract.certificates import topics
from agent.contract.topics import NodeName
from agent.errors import BrokerRefused, Refused
from agent.transport import Address, Asking, Disconnected, tls
from agent.transport.carrying import CarryingTransport
from agent.transport.errand import Errand, Way
from agent.transport.held import is_held
from agent.transport.mqtt import MqttTransport

SESSION_S = 3600
TURN_S = 0.2
NOTHING_OF_OTHERS = 1_000_000
"""What the broker has kept for the session's owner is left for them: nothing that comes is acknowledged."""


def carried(transport: Asking, address: Address, *, clock: Clock) -> Asking:
    """A party's transport that also carries what `piazza enrol party` asks; that of who has no full name as it is."""
    try:
        name = NodeName.parse(tls.common_name(address.certificate).replace(".", "/")) if address.certificate else None
    except Refused:
        name = None
    if name is None:
        return transport
    way = Way.beside(Path(address.certificate), topics(name, "party"))
    return CarryingTransport(transport, way, Path(address.key), clock=clock)


@contextmanager
def turning(address: Address, way: Way, *, clock: SystemClock) -> Iterator[Callable[[], None]]:
    """What to call while an answer is awaited: a pause where another process holds the session, or work on one of our own."""
    if not address.key or is_held(Path(address.key)):
        yield lambda: clock.sleep(TURN_S)
        return
    transport = MqttTransport(address, clock=clock, randomness=random.SystemRandom(), session_s=SESSION_S)
    errand = Errand(way, transport)

    def turn() -> None:
        for news in transport.poll(TURN_S, owing=NOTHING_OF_OTHERS):
            if isinstance(news, Disconnected) and news.refused:
                raise BrokerRefused(news.why, hint=news.hint or "ask who runs the broker")
            errand.hear(news)
        errand.look(clock.monotonic())

    transport.open()
    try:
        yield turn
    finally:
        errand.end()
        transport.close()
