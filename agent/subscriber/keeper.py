"""The running store: messages in, rows committed, receipts out.

The invariant: a receipt leaves after the commit that it speaks of, and a message is acknowledged to
the broker after that, so a store that dies at any moment has promised nothing that it lacks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agent.clock import Clock
from agent.contract.envelope import open_envelope
from agent.contract.jws import KeyRing
from agent.contract.topics import CHAINED, EXPIRES_S, Class, pattern
from agent.errors import BrokerRefused, Refused
from agent.subscriber.gaps import Answers, is_command
from agent.subscriber.holding import EventStore, Item
from agent.subscriber.receipts import Receipts
from agent.transport import Connected, Disconnected, Message, Transport

log = logging.getLogger(__name__)

STATED = (Class.STATE, Class.HEAD)
"""Retained statements, which a shared subscription would not be sent: every store takes all of them."""

POLL_S = 0.5


@dataclass(slots=True)
class Tally:
    """What the store has done since it began."""

    fresh: int = 0
    repeated: int = 0
    equivocations: int = 0
    refused: int = 0
    receipts: int = 0


class Keeper:
    """Owned by one thread."""

    def __init__(
        self,
        transport: Transport,
        ring: KeyRing,
        store: EventStore,
        receipts: Receipts,
        *,
        union: str,
        clock: Clock,
        comuni: Sequence[str] = ("+",),
        group: str = "",
        answers: Answers | None = None,
    ) -> None:
        """`comuni`: for brokers that refuse a subscription which is wider than a right.

        `group`: stores that name the same one get each message once among them (MQTT 5 section 4.8.2).
        """
        self._transport = transport
        self._ring = ring
        self._store = store
        self._receipts = receipts
        self._union = union
        self._comuni = comuni
        self._share = f"$share/{group}/" if group else ""
        self._clock = clock
        self._answers = answers
        self._stood = False
        self.tally = Tally()

    def run(self, stopped: Callable[[], bool], *, beat: Callable[[], None] = lambda: None) -> None:
        """Work until `stopped`; BrokerRefused when the broker never lets us in."""
        self.open()
        try:
            while not stopped():
                self.run_once()
                beat()
        finally:
            self._transport.close()

    def open(self) -> None:
        for comune in self._comuni:
            for klass in (*CHAINED, Class.ACK):
                self._transport.subscribe(self._share + pattern(self._union, comune, klass=klass))
            for klass in STATED:
                self._transport.subscribe(pattern(self._union, comune, klass=klass))
            if self._answers:
                self._transport.subscribe(self._answers.pattern(comune))
        self._transport.open()

    def run_once(self, timeout_s: float = POLL_S) -> None:
        """Take what has come, in one transaction."""
        batch: list[Item] = []
        for happening in self._transport.poll(timeout_s):
            match happening:
                case Message() if self._answers and is_command(happening.topic):
                    self._say(self._answers.answer(happening))
                case Message():
                    batch += self._opened(happening)
                case Connected():
                    self._stood = True
                    self._say_received(self._store.nodes())
                case Disconnected(refused=True) if not self._stood:
                    raise BrokerRefused(happening.why, hint=happening.hint)
                case Disconnected():
                    log.warning("no broker", extra={"why": happening.why})
        if batch:
            self._commit(batch)

    def _say(self, answers: Iterable[tuple[str, bytes]]) -> None:
        with self._transport.together():
            for topic, payload in answers:
                self._transport.publish(topic, payload, expires_s=EXPIRES_S[Class.RES])

    def _opened(self, message: Message) -> list[Item]:
        try:
            return [Item(open_envelope(message.payload, self._ring, topic=message.topic), message.payload.decode())]
        except Refused as refused:
            self.tally.refused += 1
            log.warning("refused", extra={"topic": message.topic, "why": refused.why})
            return []

    def _commit(self, batch: list[Item]) -> None:
        taken = self._store.commit(batch, at=self._clock.now())
        self.tally.fresh += taken.fresh
        self.tally.repeated += taken.repeated
        self.tally.equivocations += taken.equivocations
        if taken.equivocations:
            log.error("two contents under one number: a key is in two hands", extra={"nodes": taken.nodes})
        self._say_received(taken.nodes, batch)

    def _say_received(self, nodes: Iterable[str], batch: Sequence[Item] = ()) -> None:
        """Also for repetitions: a node that repeats has not had its receipt."""
        lately: dict[str, set[int]] = {}
        for item in batch:
            lately.setdefault(item.node, set()).add(item.envelope.seq)
        with self._transport.together():
            for node in nodes:
                topic, token = self._receipts.receipt(node, self._store.held(node), lately=lately.get(node, ()))
                self.tally.receipts += self._transport.publish(topic, token, retain=True) != 0
