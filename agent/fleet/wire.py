"""A connection and the simulated nodes that use it: one each, as in the field, or one for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from agent.clock import Clock
from agent.contract.topics import Class, Topic, pattern
from agent.errors import BrokerRefused, Refused
from agent.fleet.carrier import Carrier
from agent.transport import NOBODY_SUBSCRIBES, Acknowledged, Connected, Disconnected, Message, Transport
from agent.uplink import unverified
from agent.uplink.simulated import hand_over


class Wire:
    """Owned by one thread."""

    def __init__(self, transport: Transport, carriers: Sequence[Carrier], *, clock: Clock) -> None:
        self.stands = False
        self.sessions = 0
        self.refused = 0
        self._transport = transport
        self._carriers = {str(carrier.name): carrier for carrier in carriers}
        self._clock = clock
        self._mids: dict[int, Carrier] = {}

    @property
    def waiting(self) -> int:
        return sum(carrier.waiting for carrier in self._carriers.values())

    def open(self) -> None:
        for carrier in self._carriers.values():
            name = carrier.name
            self._transport.subscribe(pattern(name.union, name.comune, name.node, Class.RCPT))
        self._transport.open()

    def close(self) -> None:
        self._transport.close()

    def turn(self, timeout_s: float = 0.0) -> None:
        """Hear what happened and hand over what there is room for; BrokerRefused when it never lets us in."""
        for happening in self._transport.poll(timeout_s):
            match happening:
                case Connected():
                    self._begin(resumed=happening.resumed)
                case Disconnected(refused=True) if not self.sessions:
                    raise BrokerRefused(happening.why, hint=happening.hint)
                case Disconnected():
                    self.stands = False
                case Acknowledged():
                    self._acknowledged(happening)
                case Message():
                    self._receive(happening)
        if self.stands:
            with self._transport.together():
                self._fill()

    def say_heads(self) -> None:
        """Publish the signed end of every chain."""
        with self._transport.together():
            for carrier in self._carriers.values():
                hand_over(self._transport, carrier.head())

    def _begin(self, *, resumed: bool) -> None:
        self.stands = True
        self.sessions += 1
        self._mids.clear()
        for carrier in self._carriers.values():
            carrier.begin_session(resumed=resumed, now=self._clock.monotonic())

    def _acknowledged(self, answer: Acknowledged) -> None:
        self.refused += answer.reason > NOBODY_SUBSCRIBES
        carrier = self._mids.pop(answer.mid, None)
        if carrier is not None:
            carrier.acknowledged(answer.mid, delivered=answer.delivered, now=self._clock.monotonic())

    def _receive(self, message: Message) -> None:
        receipt = unverified.receipt(message.payload)
        try:
            carrier = self._carriers.get(str(Topic.parse(message.topic).name))
        except Refused:
            return
        if receipt is not None and carrier is not None:
            carrier.receipt(receipt, self._clock.monotonic())

    def _fill(self) -> None:
        now = self._clock.monotonic()
        for carrier in self._carriers.values():
            for row in carrier.due(now):
                if (mid := hand_over(self._transport, row)) == 0:
                    return
                self._mids[mid] = carrier
                carrier.handed(row, mid, now)
