"""The running store: messages in, rows committed, receipts out.

    poll -> open (verify, on every core) -> one thread writes the batch -> receipts -> acknowledged with the next poll but one

While a batch is being written the next one is opened. The invariant: a receipt leaves after the commit
that it speaks of, and a message is acknowledged to the broker after that, so a store that dies at any
moment has promised nothing that it lacks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from agent.clock import Clock
from agent.contract.jws import KeyRing
from agent.contract.topics import CHAINED, EXPIRES_S, Class, pattern
from agent.errors import BrokerRefused, Refused
from agent.subscriber.gaps import Answers, is_command
from agent.subscriber.holding import EventStore, Item, Taken
from agent.subscriber.openers import Openers
from agent.subscriber.receipts import Receipts
from agent.transport import Connected, Disconnected, Happening, Message, Transport

log = logging.getLogger(__name__)

STATED = (Class.STATE, Class.HEAD)
"""Retained statements, which a shared subscription would not be sent: every store takes all of them."""

POLL_S = 0.5
IN_A_ROW = 8
"""Polls that one `run_once` may take while there is something each time."""


@dataclass(slots=True)
class Tally:
    """What the store has done since it began."""

    fresh: int = 0
    repeated: int = 0
    equivocations: int = 0
    refused: int = 0
    receipts: int = 0


@dataclass(frozen=True, slots=True)
class _Writing:
    """A batch that is being written, and the number of messages that it came in."""

    batch: Sequence[Item]
    messages: int
    taken: Future[Taken]


class Keeper:
    """Owned by one thread; only `commit` and a share of the opening run in others, and nobody looks into the store meanwhile."""

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
        threads: int | None = None,
    ) -> None:
        """`comuni`: for brokers that refuse a subscription which is wider than a right.

        `group`: stores that name the same one get each message once among them (MQTT 5 section 4.8.2).
        `threads`: that verify, as many as there are cores to use unless told.
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
        self._absent = ""
        self._openers = Openers(ring, threads=threads)
        self._writer = ThreadPoolExecutor(1, "commit")
        self._writing: _Writing | None = None
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
        """Take what has come, a transaction for each poll; when this is over nothing is under way."""
        try:
            for turn in range(IN_A_ROW):
                owing = self._writing.messages if self._writing else 0
                news = self._transport.poll(0.0 if turn else timeout_s, owing=owing)
                batch = self._heard(news)
                self._settle()
                if not batch:
                    return
                taken = self._writer.submit(self._store.commit, batch, at=self._clock.now())
                self._writing = _Writing(batch, sum(isinstance(one, Message) for one in news), taken)
        finally:
            self._settle()

    def _heard(self, happenings: Iterable[Happening]) -> list[Item]:
        """Act on what happened; the envelopes that came."""
        came: list[Message] = []
        for happening in happenings:
            match happening:
                case Message() if self._answers and is_command(happening.topic):
                    self._settle()
                    self._say(self._answers.answer(happening))
                case Message():
                    came.append(happening)
                case Connected():
                    self._settle()
                    self._stood, self._absent = True, ""
                    self._say_received(self._store.nodes())
                case Disconnected(refused=True) if not self._stood:
                    raise BrokerRefused(happening.why, hint=happening.hint)
                case Disconnected():
                    self._say_absent(happening)
        return self._opened(came)

    def _say_absent(self, end: Disconnected) -> None:
        """Once for each reason; it goes on being tried."""
        if end.why != self._absent:
            log.warning("no broker", extra={"why": end.why, "next": end.hint or "it is tried again and again"})
        self._absent = end.why

    def _say(self, answers: Iterable[tuple[str, bytes]]) -> None:
        with self._transport.together():
            for topic, payload in answers:
                self._transport.publish(topic, payload, expires_s=EXPIRES_S[Class.RES])

    def _opened(self, came: Sequence[Message]) -> list[Item]:
        """What is genuine of it, in its order."""
        batch: list[Item] = []
        at = self._clock.now()
        for message, opened in zip(came, self._openers.open(came), strict=True):
            why = opened.why if isinstance(opened, Refused) else "ended" if opened.envelope.ended(at) else ""
            if why or isinstance(opened, Refused):
                self.tally.refused += 1
                log.warning("refused", extra={"topic": message.topic, "why": why})
            else:
                batch.append(opened)
        return batch

    def _settle(self) -> None:
        """Wait until what is being written is on the disk, and answer it; StoreError where it could not be kept."""
        if self._writing is None:
            return
        writing, self._writing = self._writing, None
        taken = writing.taken.result()
        self.tally.fresh += taken.fresh
        self.tally.repeated += taken.repeated
        self.tally.equivocations += taken.equivocations
        if taken.equivocations:
            log.error("two contents under one number: a key is in two hands", extra={"nodes": taken.nodes})
        self._say_received(taken.nodes, writing.batch)

    def _say_received(self, nodes: Iterable[str], batch: Sequence[Item] = ()) -> None:
        """Also for repetitions: a node that repeats has not had its receipt. Parties that are no nodes wait for none."""
        senders = {key.subject for key in self._ring if key.role == "node"}
        lately: dict[str, set[int]] = {}
        for item in batch:
            lately.setdefault(item.node, set()).add(item.envelope.seq)
        with self._transport.together():
            for node in (node for node in nodes if node in senders):
                topic, token = self._receipts.receipt(node, self._store.held(node), lately=lately.get(node, ()))
                self.tally.receipts += self._transport.publish(topic, token, retain=True) != 0
