"""The authority's desk as a party of the broker: who has a certificate asks over the session that stands.

It hears one class of message alone and says one. The invariant: every answer is signed by the authority, and is for
the name whose topic the question came by.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

import msgspec

from agent.clock import Clock
from agent.contract.certificates import MAX_REPLY_BYTES, MAX_WISH_BYTES, SIGNED, Given, Reply, Wish
from agent.contract.jws import b64
from agent.contract.topics import EXPIRES_S, Class, NodeName, Topic, pattern
from agent.errors import Refused, UserError
from agent.provision.bench import Bench
from agent.provision.ca import Authority
from agent.provision.enrol import Answer, Petition, Word
from agent.transport import Disconnected, Exchange, Message, Transport

log = logging.getLogger(__name__)

LOOK_S = 10.0
"""How soon somebody of a new comune is heard."""

NODE = "node"
"""Last level of what a node asks; whoever else asks says `party`."""

Ask = Callable[[str, Wish], Answer]


class Counter:
    """Owned by one thread; `turn` again and again."""

    def __init__(
        self,
        transport: Transport,
        bench: Bench,
        *,
        node: Callable[[Petition], Answer],
        party: Ask,
        places: Callable[[], Iterable[tuple[str, str]]],
        clock: Clock,
        alone: threading.Lock,
    ) -> None:
        """`places` are the (union, comune) from which somebody may ask; `alone` is held while the desk is asked."""
        self._transport = transport
        self._authority = Authority(bench.folder / "ca")
        self._node, self._party, self._places = node, party, places
        self._clock, self._alone = clock, alone
        self._heard: set[tuple[str, str]] = set()
        self._looked_at = float("-inf")
        self._refused = ""

    def open(self) -> None:
        self._look()
        self._transport.open()

    def turn(self, timeout_s: float) -> None:
        """Answer whoever has asked."""
        if self._clock.monotonic() - self._looked_at >= LOOK_S:
            self._look_again()
        for news in self._transport.poll(timeout_s):
            if isinstance(news, Message):
                self._hear(news)
            elif isinstance(news, Disconnected) and news.refused and news.why != self._refused:
                self._refused = news.why
                log.error("the broker refuses the authority", extra={"why": news.why, "hint": news.hint})

    def close(self) -> None:
        self._transport.close()

    def _look_again(self) -> None:
        """Documents that have become unreadable change nothing: who was heard is heard on."""
        try:
            self._look()
        except UserError as error:
            log.warning("new comuni are not heard yet", extra={"why": error.message, "next": error.hint})

    def _look(self) -> None:
        self._looked_at = self._clock.monotonic()
        for union, comune in sorted(set(self._places()) - self._heard):
            self._heard.add((union, comune))
            self._transport.subscribe(pattern(union, comune, "+", Class.CSR))

    def _hear(self, message: Message) -> None:
        try:
            topic = Topic.parse(message.topic)
            wish = _wish(message.payload)
        except ValueError as error:  # Refused and msgspec's are; so is what is no UTF-8
            log.info("no wish for a certificate", extra={"topic": message.topic, "why": str(error)})
            return
        with self._alone:
            answer = self._asked(topic, wish)
        log.info("renewal answered", extra={"who": str(topic.name), "word": str(answer.word), "why": answer.why})
        told = Exchange("", message.exchange.correlation) if message.exchange else None
        there = str(Topic(topic.name, Class.CRT, topic.type))
        self._transport.publish(
            there, self._signed(topic.name, wish.nonce, answer), expires_s=EXPIRES_S[Class.CRT], exchange=told
        )

    def _asked(self, topic: Topic, wish: Wish) -> Answer:
        name = str(topic.name)
        if topic.type != NODE:
            return self._party(name, wish)
        return self._node(Petition(name, "", wish.request, wish.page, wish.signing, wish.proof))

    def _signed(self, name: NodeName, nonce: str, answer: Answer) -> bytes:
        """A key ring that makes it longer than a broker carries stays here: the node keeps the one that it has."""
        said = self._reply(name, nonce, answer)
        if len(said) <= MAX_REPLY_BYTES:
            return said
        log.warning("the key ring is too long for an answer", extra={"who": str(name), "bytes": len(said)})
        return self._reply(name, nonce, msgspec.structs.replace(answer, ring=""))

    def _reply(self, name: NodeName, nonce: str, answer: Answer) -> bytes:
        given = msgspec.json.encode(
            Given(
                nonce=nonce,
                name=str(name),
                word="granted" if answer.word is Word.GRANTED else "refused",
                why=answer.why,
                link=answer.link,
                page=answer.page,
                ring=answer.ring,
            )
        )
        return msgspec.json.encode(Reply(given.decode(), b64(self._authority.sign(SIGNED + given))))


def _wish(payload: bytes) -> Wish:
    if len(payload) > MAX_WISH_BYTES:
        raise Refused("too-big", f"{len(payload)} bytes")
    return msgspec.json.decode(payload, type=Wish)
