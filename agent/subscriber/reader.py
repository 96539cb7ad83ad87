"""From a message to what may be believed of it: the signature, and its place in the node's chain.

No I/O and no clock. The invariant: an envelope is given out only when everything about it was
checked; what was refused comes with the reason and without its content.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from agent.contract.chain import BAD, ChainCheck, Finding, Word
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.jws import KeyRing
from agent.contract.sentences import sentence
from agent.contract.topics import PREFIX, Class
from agent.contract.types import EventData
from agent.errors import Refused
from agent.transport import Message

REMEMBER = 256
"""Numbers of a node whose digests are kept, to tell a repetition from a forgery; some 300 bytes each."""


class Mark(StrEnum):
    """What is known of a message, in one word; the last three need a person."""

    VERIFIED = "verified"
    DUPLICATE = "duplicate"
    LATE = "late"
    GAP = "gap"
    ALARM = "alarm"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class News:
    """One message, judged.

    verified    genuine, and the next one of its node
    duplicate   genuine, and seen before
    late        genuine, and fills a gap
    gap         genuine, and numbers before it have not come (they still may)
    alarm       genuine by its key, and against the chain: `findings` says how
    unverified  not genuine; `why` is the reason, there is no envelope
    """

    topic: str
    mark: Mark
    envelope: Envelope | None = None
    findings: tuple[Finding, ...] = ()
    why: str = ""
    retained: bool = False
    token: bytes = b""

    @property
    def genuine(self) -> bool:
        return self.envelope is not None

    @property
    def first_time(self) -> bool:
        """Genuine and not seen before: what a consumer acts on."""
        return self.envelope is not None and self.mark is not Mark.DUPLICATE

    @property
    def node(self) -> str:
        """`union/comune/node` that it speaks of; of an unverified one, what its topic claims."""
        return str(self.envelope.topic.name) if self.envelope else "/".join(self.topic.split("/")[2:5])

    @property
    def sentence(self) -> str:
        """What an event says to a person; empty for other classes."""
        data = self.envelope.data if self.envelope else None
        return sentence(data) if isinstance(data, EventData) else ""


@dataclass(slots=True)
class Reader:
    """Judges messages one by one and remembers, for each node, what its chain looked like.

    `partial` is for a role that may not read every class: numbers that it never sees are no gaps.
    """

    ring: KeyRing
    partial: bool = False
    remember: int = REMEMBER
    _chains: dict[str, ChainCheck] = field(default_factory=dict)

    def read(self, message: Message) -> News:
        """What may be believed of a message."""
        try:
            envelope = opened(message, self.ring)
        except Refused as refused:
            return News(message.topic, Mark.UNVERIFIED, why=refused.why, retained=message.retained)
        found = self._judge(envelope)
        return News(message.topic, _mark(found), envelope, found, retained=message.retained, token=message.payload)

    def chain(self, node: str) -> ChainCheck:
        """What is known of a node's chain; an empty one for a node never heard."""
        return self._chains.setdefault(node, ChainCheck())

    def nodes(self) -> tuple[str, ...]:
        """Nodes whose chain was heard of."""
        return tuple(self._chains)

    def _judge(self, envelope: Envelope) -> tuple[Finding, ...]:
        chain = self.chain(str(envelope.topic.name))
        found = chain.feed(envelope)
        chain.forget(up_to=chain.last - self.remember)
        if self.partial:
            found = tuple(finding for finding in found if finding.word not in _ONLY_IN_FULL_VIEW)
        return found


def opened(message: Message, ring: KeyRing) -> Envelope:
    """The envelope of a message; under `res` also one that a store gives again, of the same node's chain."""
    envelope = open_envelope(message.payload, ring)
    given_again = f"{'/'.join(PREFIX)}/{envelope.topic.name}/{Class.RES}/"
    if str(envelope.topic) == message.topic or (envelope.seq and message.topic.startswith(given_again)):
        return envelope
    raise Refused("topic", f"it belongs under '{envelope.topic}'")


_ONLY_IN_FULL_VIEW = frozenset({Word.GAP, Word.BEHIND, Word.LATE})
_MARKS = {Word.DUPLICATE: Mark.DUPLICATE, Word.LATE: Mark.LATE, Word.GAP: Mark.GAP, Word.BEHIND: Mark.GAP}


def _mark(findings: tuple[Finding, ...]) -> Mark:
    words = {finding.word for finding in findings}
    if words & BAD:
        return Mark.ALARM
    return next((mark for word, mark in _MARKS.items() if word in words), Mark.VERIFIED)
