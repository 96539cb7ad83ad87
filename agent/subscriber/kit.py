"""The whole of a subscriber as one object: verified, in order, each once, gaps filled, receipts given.

    kit = Kit(transport, ring, signer, union="romagna")
    for news in kit: ...

What a role has no right to is left out: who may command asks a store for what is missing, and who is a store
gives receipts. The invariant: a receipt leaves only after the body of the loop is done with what it speaks of.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

from agent.clock import Clock, SystemClock
from agent.contract.jws import KeyRing, Signer
from agent.contract.times import instant
from agent.contract.topics import CHAINED, EXPIRES_S, Class, NodeName, pattern
from agent.contract.types import CommandData
from agent.errors import BrokerRefused, KeyFileError
from agent.subscriber.gaps import Gaps
from agent.subscriber.holding import Chains, Held
from agent.subscriber.order import InOrder
from agent.subscriber.reader import News, Reader
from agent.subscriber.receipts import Receipts
from agent.subscriber.speaker import Speaker
from agent.transport import Disconnected, Message, Transport

POLL_S = 0.5
ASKERS = frozenset({"operator"})
"""Roles that ask a store for what is missing (`cmd`): those that may give commands and read every class of the chain."""

WHOLE_VIEW = frozenset({"operator", "store"})
"""Roles that read every class of the chain: to others a number that they never see is no gap."""

PATIENCE_S = 2.0
"""A gap that lasts so long is asked for; what a network only reordered has come by then."""

HOLD_S = {True: 30.0, False: 5.0}
"""What came early waits so long for what is missing, if that can be asked for or not."""

TOLD = frozenset({*CHAINED, Class.STATE, Class.ACK})


@dataclass(slots=True)
class _Done:
    """What the loop is done with, by node, and who is owed a receipt for it."""

    chains: Chains = field(default_factory=Chains)
    owed: dict[str, set[int]] = field(default_factory=dict)

    def add(self, news: News, *, again: bool = False) -> None:
        """`again`: a repetition, whose node has not had its receipt."""
        if news.envelope is None or not news.envelope.seq:
            return
        if not again:
            self.chains.count(news.envelope, self.chains.place(news.envelope))
        if news.node in self.chains.held:
            self.owed.setdefault(news.node, set()).add(news.envelope.seq)


class Kit:
    """An iterator of news that ends with BrokerRefused; absent brokers are waited for.

    `signer` is our own key, whose role the ring knows; without it nothing is asked for and no receipt given. `partial` is
    for a reader without a key who may not see every class of the chain.
    """

    def __init__(
        self,
        transport: Transport,
        ring: KeyRing,
        signer: Signer | None = None,
        *,
        union: str = "+",
        comune: str = "+",
        partial: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """KeyFileError for a signer whom the ring does not know."""
        self._transport = transport
        self._clock = clock or SystemClock()
        self._pattern = pattern(union, comune)
        self._receipts: Receipts | None = None
        self._speaker: Speaker | None = None
        if signer is not None:
            name, role = _party(ring, signer)
            partial = role not in WHOLE_VIEW
            self._receipts = Receipts(name, signer, clock=self._clock) if role == "store" else None
            self._speaker = Speaker(name, signer, clock=self._clock) if role in ASKERS else None
        self._reader = Reader(ring, partial=partial)
        self._order = None if partial else InOrder(HOLD_S[self._speaker is not None])
        self._gaps = Gaps(PATIENCE_S)
        self._stores: dict[str, str] = {}
        self._done = _Done()

    def __iter__(self) -> Iterator[News]:
        self._transport.subscribe(self._pattern)
        with closing(self._transport):
            self._transport.open()
            while True:
                for news in self._turn():
                    yield news
                    self._done.add(news)
                self._ask()
                self._give_receipts()

    def missing(self, node: str) -> tuple[tuple[int, int], ...]:
        """Numbers of a node that have not come and may still come."""
        return self._reader.chain(node).missing()

    def lost(self, node: str) -> tuple[tuple[int, int], ...]:
        """Numbers of a node that its store signed away: nobody can give them any more."""
        return self._gaps.lost(node)

    def _turn(self) -> Iterator[News]:
        for happening in self._transport.poll(POLL_S):
            match happening:
                case Message():
                    yield from self._heard(self._reader.read(happening))
                case Disconnected(refused=True):
                    raise BrokerRefused(happening.why, hint=happening.hint)
        if self._order is not None:
            yield from self._order.advance(self._clock.now())

    def _heard(self, news: News) -> Iterator[News]:
        """What the loop hears of a message: results and receipts are for us."""
        if news.envelope is None:
            yield news
            return
        self._gaps.hear(news.envelope)
        if news.envelope.klass is Class.RCPT:
            self._stores[news.node] = news.envelope.topic.type
        if not news.first_time:
            self._done.add(news, again=True)
        elif news.envelope.klass in TOLD:
            yield from [news] if self._order is None else self._order.add(news, at=self._clock.now())

    def _ask(self) -> None:
        """Have the store of a node say again what is missing."""
        if self._speaker is None:
            return
        at = self._clock.now()
        for node, store in self._stores.items():
            for first, last in self._gaps.due(node, self.missing(node), at=at):
                deadline = instant(at + EXPIRES_S[Class.CMD])
                data = CommandData(node=node, command="resend", deadline=deadline, first=first, last=last)
                word = self._speaker.say(Class.CMD, store, data)
                self._transport.publish(str(word.topic), word.token, expires_s=EXPIRES_S[Class.CMD])

    def _give_receipts(self) -> None:
        if self._receipts is None or not self._done.owed:
            return
        with self._transport.together():
            for node, lately in self._done.owed.items():
                held = self._done.chains.held.get(node, Held())
                topic, token = self._receipts.receipt(node, held, lately=lately)
                self._transport.publish(topic, token, retain=True)
        self._done.owed.clear()


def _party(ring: KeyRing, signer: Signer) -> tuple[NodeName, str]:
    """The name and the role of our own key."""
    for key in ring:
        if key.kid == signer.kid:
            return NodeName.parse(key.subject), key.role
    raise KeyFileError("the key ring does not know our own key", hint="take the ring that came with it")
