"""Is this stream whole? Order, gaps, duplicates and equivocation of one node's envelopes.

No I/O: opened envelopes in, findings out, in any order of arrival. The invariants: one number has
one digest for ever, and a number that was seen or promised is either here, explained by a signed
`dropped` record, or missing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from operator import itemgetter

from agent.contract.envelope import Envelope
from agent.contract.jws import GENESIS
from agent.contract.types import AuditData, Data, HeadData

Range = tuple[int, int]
_PROMISES = 64
"""Heads that are kept while what they promise has not come."""


class Word(StrEnum):
    """What can be said of a stream; the bad ones are in BAD."""

    OK = "ok"
    LATE = "late"
    DUPLICATE = "duplicate"
    GAP = "gap"
    DROPPED = "dropped"
    BEHIND = "behind"
    RESTART = "restart"
    OLD = "old"
    EQUIVOCATION = "equivocation"
    BROKEN = "broken"
    ROLLED_BACK = "rolled-back"


BAD = frozenset({Word.EQUIVOCATION, Word.BROKEN, Word.ROLLED_BACK})
"""Words that no network can cause: somebody altered, cloned or restored something."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One word about the numbers `first` to `last`.

    ok         the next number, joined to the one before
    late       a number that was missing has come
    duplicate  the same envelope once more
    gap        these numbers were left out (they may still come)
    dropped    the node says, signed, that it gave these up
    behind     a head promises these; they have not come yet
    restart    a new chain from a new key begins
    old        an envelope of a chain that has ended so
    equivocation  another content under a number that was seen, or that a head names
    broken     this envelope does not name the digest of the one before
    rolled-back   a later head promises less than an earlier one
    """

    word: Word
    first: int
    last: int


class Span:
    """A set of whole numbers as sorted ranges that do not touch."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._ranges: list[Range] = []
        for first, last in ranges:
            self.add(first, last)

    def __iter__(self) -> Iterator[Range]:
        return iter(self._ranges)

    def add(self, first: int, last: int) -> None:
        """Take in `first` to `last`; nothing where last < first. Quick at the end, where numbers usually come."""
        ranges = self._ranges
        if last < first:
            return
        if not ranges or first > ranges[-1][1] + 1:
            ranges.append((first, last))
            return
        begin = bisect_left(ranges, first - 1, key=itemgetter(1))
        end = bisect_right(ranges, last + 1, key=itemgetter(0))
        for a, b in ranges[begin:end]:
            first, last = min(a, first), max(b, last)
        ranges[begin:end] = [(first, last)]

    def remove(self, first: int, last: int) -> None:
        """Let go of `first` to `last`; of nothing where last < first."""
        if last < first:
            return
        kept: list[Range] = []
        for a, b in self._ranges:
            kept += [part for part in ((a, min(b, first - 1)), (max(a, last + 1), b)) if part[0] <= part[1]]
        self._ranges = kept

    def minus(self, other: Span) -> tuple[Range, ...]:
        """What is here and not in `other`."""
        rest = Span(self)
        for first, last in other:
            rest.remove(first, last)
        return tuple(rest)


@dataclass(frozen=True, slots=True)
class _Link:
    """What an envelope said of itself."""

    digest: str
    prev: str


@dataclass(slots=True)
class ChainCheck:
    """The envelopes of one node, looked at as they come.

    A stream that is joined in the middle is whole from its first number on; give `whole=True` where
    it must begin at 1. Memory grows by some 300 bytes a number; `forget` lets go of old ones.
    `last` is the highest number that came.
    """

    whole: bool = False
    last: int = 0
    _links: dict[int, _Link] = field(default_factory=dict)
    _left_out: Span = field(default_factory=Span)
    _given_up: Span = field(default_factory=Span)
    _promised: dict[int, str] = field(default_factory=dict)
    _latest_head: tuple[str, float, int] = ("", 0.0, 0)
    _kids: set[str] = field(default_factory=set)
    _ended: set[str] = field(default_factory=set)
    _forgotten: int = 0

    def feed(self, envelope: Envelope) -> tuple[Finding, ...]:
        """What this envelope, chained or a head, tells about the stream; others tell nothing."""
        if isinstance(envelope.data, HeadData):
            return tuple(self._feed_head(envelope, envelope.data))
        return tuple(self._feed_link(envelope)) if envelope.seq else ()

    def missing(self) -> tuple[Range, ...]:
        """Numbers that were left out, or promised by a head and not here, and that nothing explains."""
        return self._absent().minus(self._given_up)

    def dropped(self) -> tuple[Range, ...]:
        """Absent numbers that the node itself gave up and signed for."""
        return self._absent().minus(Span(self.missing()))

    def forget(self, *, up_to: int) -> None:
        """Let go of everything up to a number; what comes of it again counts as a duplicate unseen."""
        self._forgotten = max(self._forgotten, up_to)
        self._links = {number: link for number, link in self._links.items() if number > up_to}
        self._promised = {number: digest for number, digest in self._promised.items() if number > up_to}
        self._left_out.remove(0, up_to)
        self._given_up.remove(0, up_to)

    def _absent(self) -> Span:
        absent = Span(self._left_out)
        absent.add(self._next(), max(self._promised, default=0))
        return absent

    def _next(self) -> int:
        """The number that should come next, as far as that is known."""
        known = self.last or self._forgotten
        return known + 1 if known or self.whole else max(self._promised, default=0) + 1

    def _feed_link(self, envelope: Envelope) -> Iterator[Finding]:
        seq, link = envelope.seq, _Link(envelope.digest, envelope.prev)
        if envelope.key.kid in self._ended:
            yield Finding(Word.OLD, seq, seq)
            return
        if self._begins_anew(envelope):
            yield Finding(Word.RESTART, seq, seq)
            self._begin_anew()
        known = self._links.get(seq)
        if known is not None or seq <= self._forgotten:
            same = known is None or known.digest == link.digest
            yield Finding(Word.DUPLICATE if same else Word.EQUIVOCATION, seq, seq)
            return
        yield from self._place(seq)
        self._kids.add(envelope.key.kid)
        self._links[seq] = link
        yield from self._joints(seq, link)
        yield from self._explain(envelope.data)

    def _place(self, seq: int) -> Iterator[Finding]:
        """Where the number stands among those that came."""
        expected = self.last + 1 if self.last or self.whole else seq
        yield Finding(Word.LATE if seq < self.last else Word.OK, seq, seq)
        self._left_out.remove(seq, seq)
        self._left_out.add(expected, seq - 1)
        for first, last in Span([(expected, seq - 1)]).minus(self._given_up):
            yield Finding(Word.GAP, first, last)
        self.last = max(self.last, seq)

    def _joints(self, seq: int, link: _Link) -> Iterator[Finding]:
        """Whether it names the one before, the one after names it, and heads named the same."""
        before, after = self._links.get(seq - 1), self._links.get(seq + 1)
        if (seq == 1) != (link.prev == GENESIS) or (before is not None and before.digest != link.prev):
            yield Finding(Word.BROKEN, seq, seq)
        if after is not None and after.prev != link.digest:
            yield Finding(Word.BROKEN, seq + 1, seq + 1)
        if self._promised.get(seq, link.digest) != link.digest:
            yield Finding(Word.EQUIVOCATION, seq, seq)

    def _explain(self, data: Data) -> Iterator[Finding]:
        if isinstance(data, AuditData) and data.action == "dropped":
            for first, last in data.ranges:
                self._given_up.add(first, last)
                yield Finding(Word.DROPPED, first, last)

    def _begins_anew(self, envelope: Envelope) -> bool:
        """A new key goes on with the numbers, or begins with some that were given before."""
        unknown = bool(self._kids) and envelope.key.kid not in self._kids
        return unknown and (envelope.prev == GENESIS or envelope.seq <= self.last)

    def _begin_anew(self) -> None:
        self._ended |= self._kids
        self._kids, self._links, self._promised = set(), {}, {}
        self._left_out, self._given_up = Span(), Span()
        self.last, self._forgotten, self._latest_head = 0, 0, ("", 0.0, 0)

    def _feed_head(self, envelope: Envelope, head: HeadData) -> Iterator[Finding]:
        if self._kids and envelope.key.kid not in self._kids:
            return  # of a chain that ended, or of one whose beginning has not come yet
        yield from self._compare_heads((envelope.payload.boot, envelope.payload.mono, head.seq))
        known = self._links.get(head.seq)
        named = known.digest if known else self._promised.get(head.seq, head.digest)
        if named != head.digest:
            yield Finding(Word.EQUIVOCATION, head.seq, head.seq)
        self._promised.setdefault(head.seq, head.digest)
        waiting = sorted(number for number in self._promised if number > self.last)
        self._promised = {number: self._promised[number] for number in waiting[-_PROMISES:]}
        if head.seq >= self._next():
            yield Finding(Word.BEHIND, self._next(), head.seq)

    def _compare_heads(self, head: tuple[str, float, int]) -> Iterator[Finding]:
        """Within one boot the promise may only grow."""
        boot, mono, seq = self._latest_head
        if boot == head[0]:
            if (head[1] - mono) * (head[2] - seq) < 0:
                yield Finding(Word.ROLLED_BACK, min(seq, head[2]) + 1, max(seq, head[2]))
            head = max(self._latest_head, head)
        self._latest_head = head
