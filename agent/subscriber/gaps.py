"""Gaps asked for and answered: who lacks numbers asks by a signed command, a store answers with what it kept.

    asker  --cmd/STORE: resend 7-9-->  store        store  --res/STORE: the node's own envelopes, then a result-->  asker

What is answered is what the node signed, so an answer can be late and cannot be another one. The
invariants: nobody is given what their role may not read where it was said first; and a number that nobody can give
any more is said to be lost, by name and signed, and stays so.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from agent.clock import Clock
from agent.contract.chain import Range, Span
from agent.contract.command import MOST_NUMBERS, Memory, NotAllowed
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.jws import KeyRing, Signer
from agent.contract.topics import Class, NodeName, Topic, pattern
from agent.contract.types import CommandData, ResultData
from agent.errors import Refused
from agent.subscriber.speaker import Speaker
from agent.transport import Message

log = logging.getLogger(__name__)

MOST_HOURLY = 10_000
"""Numbers that one asker gets in an hour."""

HOUR_S = 3600.0
RANGES = 32
"""What a result has room for."""

Tokens = Callable[[str, int, int], Iterable[tuple[int, str]]]
"""(node, first, last) -> number and token of what is kept."""

Sees = Callable[[NodeName, str, Topic, float], bool]
"""Whether a party of a role may read what belongs under a topic, at an instant."""

Sign = Callable[[str, str, str], None]
"""What was asked for, the whole question, what came of it."""


@dataclass(slots=True)
class Rate:
    """How many numbers each asker has had in the last hour."""

    _given: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)

    def take(self, who: str, count: int, *, at: float) -> bool:
        """Count `count` more for `who`, or False where that is too much."""
        given = self._given.setdefault(who, deque())
        while given and not 0 <= at - given[0][0] < HOUR_S:
            given.popleft()
        if count + sum(numbers for _, numbers in given) > MOST_HOURLY:
            return False
        given.append((at, count))
        return True


class Answers:
    """The side of a store."""

    def __init__(
        self,
        name: NodeName,
        signer: Signer,
        ring: KeyRing,
        tokens: Tokens,
        *,
        clock: Clock,
        sees: Sees,
        sign: Sign = lambda _what, _question, _outcome: None,
    ) -> None:
        """`sign` keeps a record of an answer before it leaves; OSError where none can be kept."""
        self._sign = sign
        self._sees = sees
        self._name = name
        self._speaker = Speaker(name, signer, clock=clock)
        self._ring = ring
        self._tokens = tokens
        self._clock = clock
        self._memory = Memory()
        self._rate = Rate()

    def pattern(self, comune: str) -> str:
        """Where commands for this store come that ask about a comune, or about any (`+`)."""
        return pattern(self._name.union, comune, klass=Class.CMD, kind=self._name.node)

    def answer(self, message: Message) -> list[tuple[str, bytes]]:
        """Topics and payloads that answer a command; none where it is a stranger's, late, or was answered before."""
        at = self._clock.now()
        try:
            asked = open_envelope(message.payload, self._ring, topic=message.topic)
            self._memory.admit(asked, at=at, retained=message.retained)
        except NotAllowed as refused:
            self._signed(f"{asked.maker}", "refused")
            return [self._result(asked, outcome="refused", why=refused.why)]
        except Refused as refused:
            log.warning("command refused", extra={"topic": message.topic, "why": refused.why})
            return []
        if not isinstance(asked.data, CommandData) or asked.data.command != "resend":
            return [self._result(asked, outcome="refused", why="data")]
        return list(self._range(asked, asked.data, at))

    def _range(self, asked: Envelope, command: CommandData, at: float) -> Iterator[tuple[str, bytes]]:
        first, last = command.first or 1, command.last or 1
        count = last - first + 1
        if count > MOST_NUMBERS or not self._rate.take(asked.key.kid, count, at=at):
            yield self._result(asked, outcome="refused", why="rate")
            return
        kept = [(seq, token) for seq, token in self._tokens(command.node, first, last) if token]
        given = [(seq, token) for seq, token in kept if self._may_read(asked, token, at)]
        outcome = "shown" if len(given) == len(kept) else "part" if given else "refused"
        if not self._signed(f"{asked.maker} {command.node} {first}-{last}", outcome):
            yield self._result(asked, outcome="failed", why="disk")
            return
        topic = str(Topic(asked.topic.name, Class.RES, self._name.node))
        yield from ((topic, token.encode()) for _, token in given)
        here, shown = _numbers(kept), _numbers(given)
        if withheld := here.minus(shown):
            yield self._result(asked, outcome="refused", why="role", ranges=withheld)
            return
        gone = Span([(first, last)]).minus(here)
        yield self._result(asked, outcome="failed" if gone else "done", why="gone" if gone else "", ranges=gone)

    def _may_read(self, asked: Envelope, token: str, at: float) -> bool:
        """Of a token whose key is trusted no more nobody knows where it belongs; then nobody may."""
        try:
            topic = open_envelope(token, self._ring).topic
        except Refused:
            return False
        return self._sees(asked.maker, asked.key.role, topic, at)

    def _signed(self, question: str, outcome: str) -> bool:
        try:
            self._sign("resend", question, outcome)
        except OSError as error:
            log.error("no record of an access can be kept, so nothing is shown", extra={"why": str(error)})  # noqa: TRY400 -- no fault of ours to trace
            return False
        return True

    def _result(
        self, asked: Envelope, *, outcome: str, why: str = "", ranges: tuple[Range, ...] = ()
    ) -> tuple[str, bytes]:
        node = str(asked.topic.name)
        data = ResultData(node=node, command=asked.payload.id, outcome=outcome, why=why, ranges=ranges[:RANGES])  # type: ignore[arg-type]
        word = self._speaker.say(Class.RES, self._name.node, data)
        return str(word.topic), word.token


@dataclass(slots=True)
class _Wish:
    """A gap that was asked for: when, how often."""

    asked_at: float
    times: int = 1


@dataclass(slots=True)
class Gaps:
    """The side of an asker: what is missing of each node, what was asked for, what is lost.

    A gap is asked for when it has lasted `patience_s`, then again after twice as long, `times` times in all.
    """

    patience_s: float = 60.0
    times: int = 3
    _since: dict[tuple[str, Range], float] = field(default_factory=dict)
    _wishes: dict[tuple[str, Range], _Wish] = field(default_factory=dict)
    _lost: dict[str, Span] = field(default_factory=dict)

    def due(self, node: str, missing: Iterable[Range], *, at: float) -> list[Range]:
        """Which of the ranges that are missing now to ask for, in pieces that one command may name."""
        lost = self._lost.get(node, Span())
        pieces = [piece for one in Span(missing).minus(lost) for piece in _pieces(one)]
        self._forget(node, pieces)
        return [piece for piece in pieces if self._asks((node, piece), at)]

    def hear(self, envelope: Envelope) -> None:
        """A signed result: numbers that it names as gone are lost."""
        data = envelope.data
        if isinstance(data, ResultData) and data.why == "gone":
            lost = self._lost.setdefault(str(envelope.topic.name), Span())
            for first, last in data.ranges:
                lost.add(first, last)

    def lost(self, node: str) -> tuple[Range, ...]:
        """Numbers of a node that nobody can give any more."""
        return tuple(self._lost.get(node, ()))

    def _asks(self, key: tuple[str, Range], at: float) -> bool:
        since = self._since.setdefault(key, at)
        wish = self._wishes.get(key)
        if wish is None:
            if at - since < self.patience_s:
                return False
            self._wishes[key] = _Wish(at)
            return True
        if wish.times >= self.times or at - wish.asked_at < self.patience_s * 2**wish.times:
            return False
        wish.asked_at, wish.times = at, wish.times + 1
        return True

    def _forget(self, node: str, pieces: list[Range]) -> None:
        """What is no longer missing."""
        kept = {(node, piece) for piece in pieces}
        for known in (self._since, self._wishes):
            for key in [key for key in known if key[0] == node and key not in kept]:
                del known[key]


def _numbers(some: Iterable[tuple[int, str]]) -> Span:
    return Span((seq, seq) for seq, _ in some)


def is_command(topic: str) -> bool:
    """Whether a topic is one of commands."""
    return topic.split("/")[5:6] == [str(Class.CMD)]


def _pieces(one: Range) -> Iterator[Range]:
    first, last = one
    for begin in range(first, last + 1, MOST_NUMBERS):
        yield begin, min(begin + MOST_NUMBERS - 1, last)
