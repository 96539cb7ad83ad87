"""What a store holds of its nodes: which chain each is in, which numbers are here, what a batch came to.

No I/O. The invariant: of a node's present chain `span` names exactly the numbers that are kept and
those that the node itself signed away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.contract.chain import Range, Span
from agent.contract.envelope import Envelope
from agent.contract.jws import GENESIS
from agent.contract.types import MAX_SEQ, AckData, AuditData


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch; `nodes` are those that are owed a receipt."""

    fresh: int = 0
    repeated: int = 0
    equivocations: int = 0
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """What is here of a node's present chain: its numbers, and the key that signed the highest."""

    chain: int = 0
    last: int = 0
    kid: str = ""
    span: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """An opened envelope with the token that it came in."""

    envelope: Envelope
    token: str

    @property
    def node(self) -> str:
        return str(self.envelope.topic.name)


class EventStore(Protocol):
    """A database that keeps each envelope once; StoreError where it cannot."""

    def commit(self, items: Sequence[Item], *, at: float) -> Taken:
        """Keep a batch in one transaction; on an error nothing of it was kept, and nothing is owed."""

    def held(self, node: str) -> Held:
        """What is on the disk of a node, and what it signed away."""

    def nodes(self) -> tuple[str, ...]:
        """All nodes that anything was kept of."""

    def count(self) -> int:
        """Envelopes kept."""

    def tokens(self, node: str, first: int = 1, last: int = MAX_SEQ) -> Iterable[tuple[int, str]]:
        """Number and token of a node's present chain, in order; an erased one is empty."""

    def close(self) -> None: ...


@dataclass(slots=True)
class Chains:
    """The present chain of each node, and the chain of each key that a node ever used."""

    held: dict[str, Held] = field(default_factory=dict)
    keys: dict[tuple[str, str], int] = field(default_factory=dict)

    def copy(self) -> Chains:
        return Chains(dict(self.held), dict(self.keys))

    def place(self, envelope: Envelope) -> int:
        """The chain that an envelope belongs to; a new key with a number that was given before begins the next one.

        A node that was replaced may be heard from its seventh number on, which the broker retains.
        """
        node, kid = str(envelope.topic.name), envelope.key.kid
        if (node, kid) not in self.keys:
            held = self.held.get(node, Held())
            if not held.chain or envelope.prev == GENESIS or envelope.seq <= held.last:
                held = self.held[node] = Held(held.chain + 1)
            self.keys[node, kid] = held.chain
        return self.keys[node, kid]

    def count(self, envelope: Envelope, chain: int) -> tuple[Range, ...]:
        """A number of `chain` has come; the numbers that the node signs away in it."""
        node = str(envelope.topic.name)
        held, gone = self.held[node], given_up(envelope)
        if chain != held.chain:
            return ()
        span = Span(held.span)
        for first, last in ((envelope.seq, envelope.seq), *gone):
            span.add(first, last)
        newest = (envelope.seq, envelope.key.kid) if envelope.seq > held.last else (held.last, held.kid)
        self.held[node] = Held(chain, *newest, tuple(span))
        return gone


def given_up(envelope: Envelope) -> tuple[Range, ...]:
    """The numbers that a `dropped` record names, which will never come."""
    data = envelope.data
    return tuple(data.ranges) if isinstance(data, AuditData) and data.action == "dropped" else ()


def verdict_row(item: Item) -> tuple[str, str, str, float, str] | None:
    """Node, event, who said it, when, and the token of a person's verdict; None for anything else."""
    data, envelope = item.envelope.data, item.envelope
    return (item.node, data.event, str(envelope.maker), envelope.at, item.token) if isinstance(data, AckData) else None
