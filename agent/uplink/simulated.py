"""A node without cameras: how it is born, seals what it is given, and hands it to a broker.

    records (a story, a seed)  ->  door, chain and signature of a real node  ->  what its link would publish

Both floors of pretended nodes stand on it: `piazza fleet` and `piazza union`. The invariant: an envelope
of such a node cannot be told from one of a node that has eyes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.clock import SimulatedClock
from agent.contract.jws import Signer
from agent.contract.topics import EXPIRES_S, RETAINED, Class, NodeName
from agent.contract.types import StateData
from agent.records import ClockQuality, Record
from agent.transport import Transport
from agent.uplink.database import Tail
from agent.uplink.door import Vocabulary
from agent.uplink.envelope import Sealer

BIRTH = StateData(
    status="up",
    agent="0.1.0",
    cfg="a" * 12,
    model="b" * 12,
    contract="c" * 12,
    clock=ClockQuality.NTP,
    delete_on="receipt",
)
"""What a node says of itself that has no configuration and no model."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message as its node would hand it to the broker; `seq` is 0 outside the chain."""

    topic: str
    token: bytes
    klass: Class
    seq: int = 0

    @property
    def retain(self) -> bool:
        return self.klass in RETAINED

    @property
    def expires_s(self) -> int | None:
        return EXPIRES_S.get(self.klass)


class Simulated:
    """The chain of one node; its clock is the story's."""

    def __init__(
        self, name: NodeName, signer: Signer, clock: SimulatedClock, words: Vocabulary, *, boot: str = "00000001"
    ) -> None:
        """`words` is what the node's configuration would declare."""
        self.name = name
        self.clock = clock
        self.tail = Tail()
        self._sealer = Sealer(name, signer, words, clock=clock, boot=boot, trust=lambda: ClockQuality.NTP)

    def birth(self, state: StateData = BIRTH) -> Outgoing:
        """That it is there, and what it runs."""
        return _outgoing(*self._sealer.state(state), Class.STATE)

    def head(self) -> Outgoing:
        """How long its chain is now."""
        return _outgoing(*self._sealer.head(self.tail), Class.HEAD)

    def seal(self, record: Record) -> Iterator[Outgoing]:
        """The envelopes of a record, as the next ones of the chain; the clock goes to its time."""
        self.clock.advance_to(record.at)
        for draft in self._sealer.drafts(record):
            token, digest = draft.seal(self.tail.seq + 1, self.tail.digest)
            self.tail = Tail(self.tail.seq + 1, digest)
            yield _outgoing(draft.topic, token, draft.klass, self.tail.seq)


def hand_over(transport: Transport, outgoing: Outgoing) -> int:
    """Publish one message; 0 when there is no session."""
    return transport.publish(outgoing.topic, outgoing.token, retain=outgoing.retain, expires_s=outgoing.expires_s)


def _outgoing(topic: str, token: str, klass: Class, seq: int = 0) -> Outgoing:
    return Outgoing(topic, token.encode(), Class(klass), seq)
