"""Nodes without cameras: records become envelopes with the keys, the door and the chain of real ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.clock import SimulatedClock
from agent.contract.jws import Signer
from agent.contract.topics import EXPIRES_S, RETAINED, Class, NodeName
from agent.contract.types import StateData
from agent.records import ClockQuality, Record
from agent.simulation.script import BUTTON, CAMERA, GATE, RULES
from agent.transport import Transport
from agent.uplink.database import Tail
from agent.uplink.door import Vocabulary
from agent.uplink.envelope import Sealer

WORDS = Vocabulary(rules=frozenset(RULES), sources=frozenset({CAMERA, BUTTON}), zones=frozenset({GATE}))
BIRTH = StateData(
    status="up",
    agent="0.1.0",
    cfg="a" * 12,
    model="b" * 12,
    contract="c" * 12,
    clock=ClockQuality.NTP,
    delete_on="receipt",
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message as its node would hand it to the broker."""

    topic: str
    token: bytes
    retain: bool
    expires_s: int | None


@dataclass(slots=True)
class SimulatedNode:
    """The chain of one node; its clock is the story's."""

    name: NodeName
    signer: Signer
    clock: SimulatedClock
    tail: Tail = field(default_factory=Tail)
    _sealer: Sealer = field(init=False)

    def __post_init__(self) -> None:
        self._sealer = Sealer(
            self.name, self.signer, WORDS, clock=self.clock, boot="00000001", trust=lambda: ClockQuality.NTP
        )

    def birth(self) -> Outgoing:
        """That it is there."""
        return self._statement(*self._sealer.state(BIRTH), Class.STATE)

    def head(self) -> Outgoing:
        """How long its chain is now."""
        return self._statement(*self._sealer.head(self.tail), Class.HEAD)

    def seal(self, record: Record) -> Iterator[Outgoing]:
        """The envelopes of a record, as the next ones of the chain; the clock goes to its time."""
        self.clock.advance_to(record.at)
        for draft in self._sealer.drafts(record):
            token, digest = draft.seal(self.tail.seq + 1, self.tail.digest)
            self.tail = Tail(self.tail.seq + 1, digest)
            yield Outgoing(draft.topic, token.encode(), draft.klass in RETAINED, EXPIRES_S.get(draft.klass))

    def _statement(self, topic: str, token: str, klass: Class) -> Outgoing:
        return Outgoing(topic, token.encode(), klass in RETAINED, EXPIRES_S.get(klass))


def hand_over(transport: Transport, outgoing: Outgoing) -> int:
    """Publish one message; 0 when there is no session."""
    return transport.publish(outgoing.topic, outgoing.token, retain=outgoing.retain, expires_s=outgoing.expires_s)
