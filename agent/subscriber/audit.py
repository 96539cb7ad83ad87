"""What somebody kept, held against everything that was signed for it: what is not as it should be, and by whose word.

    lines, rows --read--> Statement --+
    receipts, notes ------------------+--> one Chain for each key that began one --> judged by audit_chain

The invariants: nothing counts that no key of the ring signed, and whatever order things come in, the
same is said of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from agent.contract.chain import Range, Span
from agent.contract.checkpoint import Opened, opened
from agent.contract.envelope import open_envelope
from agent.contract.jws import GENESIS, KeyRing, unb64
from agent.contract.types import AuditData, HeadData, ReceiptData
from agent.errors import Refused

FORGED = frozenset({"unknown-key", "header", "role", "source", "topic"})
"""Refusals of what somebody else made; all others are of something that was changed."""


class Statement(msgspec.Struct, array_like=True, frozen=True):
    """What one line shows; `kind` is link, head, receipt, other, or the reason of a refusal.

    Of a refused line, `node` and `seq` are what it claims. `ranges` is what the kind is about.
    """

    kind: str
    node: str = ""
    kid: str = ""
    seq: int = 0
    digest: str = ""
    prev: str = ""
    ranges: tuple[Range, ...] = ()
    maker: str = ""
    boot: str = ""
    mono: float = 0.0


@dataclass(slots=True)
class Link:
    """One number's content; `prev` is empty where only the digest was kept."""

    digest: str
    prev: str
    line: int


@dataclass(slots=True)
class Promise:
    """Somebody's signed word for the numbers of `span`."""

    who: str
    span: Span


@dataclass(slots=True)
class Head:
    """A signed end of the chain: the digest of one number; `who` says it, a node or a witness for it."""

    who: str
    seq: int
    digest: str
    boot: str = ""
    mono: float = 0.0


@dataclass(slots=True)
class Chain:
    """All that is known of the numbers that begin with one key."""

    node: str
    kids: set[str]
    links: dict[int, list[Link]] = field(default_factory=dict)
    again: Span = field(default_factory=Span)
    late: Span = field(default_factory=Span)
    given_up: Span = field(default_factory=Span)
    erased: Span = field(default_factory=Span)
    altered: Span = field(default_factory=Span)
    heads: list[Head] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    sealed: list[Opened] = field(default_factory=list)
    last: int = 0

    def take(self, seq: int, link: Link) -> None:
        """Another copy of a number, or its first."""
        known = self.links.setdefault(seq, [])
        if any(one.digest == link.digest for one in known):
            self.again.add(seq, seq)
            return
        known.append(link)
        if seq < self.last:
            self.late.add(seq, seq)
        self.last = max(self.last, seq)


def read(line: bytes, ring: KeyRing) -> Statement:
    """What one line shows: a token, or its topic and the token with a space between."""
    topic, space, token = line.strip().rpartition(b" ")
    try:
        envelope = open_envelope(token, ring, topic=topic.decode("utf-8", "replace") if space else None)
    except Refused as refused:
        return Statement(refused.why, *_claimed(token))
    node, data, payload = str(envelope.topic.name), envelope.data, envelope.payload
    match data:
        case ReceiptData():
            return Statement(
                "receipt", node, data.key, data.cum, ranges=((1, data.cum), *data.ranges), maker=str(envelope.maker)
            )
        case HeadData():
            return Statement(
                "head", node, envelope.key.kid, data.seq, data.digest, boot=payload.boot, mono=payload.mono
            )
        case AuditData(action="dropped"):
            ranges = data.ranges
        case _:
            ranges = ()
    kind = "link" if envelope.seq else "other"
    return Statement(kind, node, envelope.key.kid, envelope.seq, envelope.digest, envelope.prev, ranges)


def read_all(lines: Sequence[bytes], ring: KeyRing) -> list[Statement]:
    """`read` for many."""
    return [read(line, ring) for line in lines]


def _claimed(token: bytes) -> tuple[str, str, int]:
    """Node, key and number that a refused token speaks of, as far as it can be read; nobody signed for it."""
    try:
        header, body, _ = token.split(b".")
        payload = msgspec.json.decode(unb64(body.decode("ascii")), type=_Claim)
        kid = msgspec.json.decode(unb64(header.decode("ascii")), type=_Claim).kid
    except (Refused, ValueError, RecursionError):
        return "", "", 0
    return payload.source.removeprefix("//piazza/"), kid, payload.seq


class _Claim(msgspec.Struct, frozen=True):
    source: str = ""
    seq: int = 0
    kid: str = ""


@dataclass(slots=True)
class Evidence:
    """Everything that was read, sorted by the chain that it is about."""

    chains: dict[tuple[str, str], Chain] = field(default_factory=dict)
    refused: list[tuple[int, Statement]] = field(default_factory=list)
    lines: int = 0

    def take(self, statements: Iterable[Statement]) -> None:
        """Lines in their order."""
        for one in statements:
            self.lines += 1
            match one.kind:
                case "link":
                    self._link(one)
                case "head":
                    where = self._chain(one.node, one.kid)
                    where.heads.append(Head(one.node, one.seq, one.digest, one.boot, one.mono))
                case "receipt":
                    self._chain(one.node, one.kid).promises.append(Promise(one.maker, Span(one.ranges)))
                case "other":
                    pass
                case _:
                    self.refused.append((self.lines, one))

    def take_erased(self, node: str, kid: str, seq: int, digest: str) -> None:
        """A number of which the content was erased; given after the lines, since it has no place among them."""
        chain = self._chain(node, kid)
        chain.links.setdefault(seq, []).append(Link(digest, "", 0))
        chain.last = max(chain.last, seq)
        chain.erased.add(seq, seq)

    def take_note(self, note: str, ring: KeyRing) -> None:
        """A checkpoint or a witnessed head; Refused for one that nobody known signed."""
        found = opened(note, ring)
        checkpoint = found.checkpoint
        chain = self._chain(checkpoint.node, checkpoint.kid)
        who = " and ".join([key.subject for key in found.signers] + [key.subject for key, _ in found.witnesses])
        if checkpoint.is_head:
            chain.heads.append(Head(f"{checkpoint.node}, seen by {who}", checkpoint.size, checkpoint.root.hex()))
        else:
            chain.sealed.append(found)
            held = Span([(1, checkpoint.size)])
            chain.promises.append(Promise(who, Span(held.minus(Span(checkpoint.vacant)))))

    def joined(self) -> Iterator[Chain]:
        """The chains, with those of a renewed key put to the one that they go on."""
        left = sorted(self.chains.values(), key=lambda chain: (chain.node, min(chain.links, default=0)))
        while left:
            chain = left.pop(0)
            for other in [one for one in left if one.node == chain.node and _goes_on(chain, one)]:
                _merge(chain, other)
                left.remove(other)
            for _, claim in self.refused:
                if claim.node == chain.node and claim.kid in chain.kids and claim.kind not in FORGED:
                    chain.altered.add(claim.seq, claim.seq)
            yield chain

    def _link(self, one: Statement) -> None:
        chain = self._chain(one.node, one.kid)
        chain.take(one.seq, Link(one.digest, one.prev, self.lines))
        for first, last in one.ranges:
            chain.given_up.add(first, last)

    def _chain(self, node: str, kid: str) -> Chain:
        known = self.chains.get((node, kid))
        if known is None:
            known = self.chains[node, kid] = Chain(node, {kid})
        return known


def _goes_on(chain: Chain, other: Chain) -> bool:
    """Whether the first number of `other` names the digest of the one before it in `chain`."""
    first = min(other.links, default=0)
    names = {link.prev for link in other.links.get(first, [])} - {GENESIS, ""}
    return any(link.digest in names for link in chain.links.get(first - 1, []))


def _merge(chain: Chain, other: Chain) -> None:
    for seq, links in sorted(other.links.items()):
        for link in links:
            chain.take(seq, link)
    for mine, theirs in (
        (chain.again, other.again), (chain.late, other.late), (chain.given_up, other.given_up),
        (chain.erased, other.erased), (chain.altered, other.altered),
    ):  # fmt: skip
        for first, last in theirs:
            mine.add(first, last)
    chain.kids |= other.kids
    chain.heads += other.heads
    chain.promises += other.promises
    chain.sealed += other.sealed
