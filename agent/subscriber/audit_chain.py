"""The verdict on one chain: which numbers were left out, changed, doubled or taken back, and whose word shows it.

Pure. The invariant: a number is either here with one content, given up by its node's signed word, or it
is said to be missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.contract.chain import Range, Span
from agent.contract.jws import GENESIS
from agent.contract.tree import VACANT, leaf, root
from agent.contract.types import MAX_SEQ
from agent.subscriber.audit import Chain, Head


@dataclass(slots=True)
class Verdict:
    """Words and numbers of one chain.

    wrong:  dropped      left out before the last number that is here
            truncated    signed for, and beyond the last number that is here
            altered      its line is changed, or it is not the content that the next one, a head or a witness names
            forged       two contents under one number: the key is in two hands
            rewritten    up to here it is not the list that a checkpoint sealed
            rolled-back  within one boot a later head promises less
    noted:  duplicated, reordered, given-up, erased
    by:     who signed for numbers that are not here
    """

    node: str
    kids: tuple[str, ...]
    envelopes: int = 0
    last: int = 0
    wrong: dict[str, tuple[Range, ...]] = field(default_factory=dict)
    noted: dict[str, tuple[Range, ...]] = field(default_factory=dict)
    by: list[tuple[str, tuple[Range, ...]]] = field(default_factory=list)
    sealed: int = 0
    """Up to here a checkpoint was recomputed and found right."""


def judge(chain: Chain, *, from_first: bool) -> Verdict:
    """What is to be said of a chain; with `from_first` it must begin at number 1."""
    verdict = Verdict(chain.node, tuple(sorted(chain.kids)), sum(map(len, chain.links.values())), chain.last)
    absent = _absent(chain, from_first=from_first)
    missing = Span(absent.minus(chain.given_up))
    altered = Span(_mismatched(chain))
    for first, last in chain.altered:
        altered.add(first, last)
    lost = Span(missing.minus(chain.altered))
    _say(verdict.wrong, "dropped", _cut(lost, at_most=chain.last))
    _say(verdict.wrong, "truncated", _cut(lost, beyond=chain.last))
    _say(verdict.wrong, "altered", altered)
    _say(verdict.wrong, "forged", _numbers(seq for seq, links in chain.links.items() if len(links) > 1))
    _say(verdict.wrong, "rolled-back", Span(_rolled_back(chain.heads)))
    verdict.sealed = _compare_seals(chain, verdict)
    for word, span in (("duplicated", chain.again), ("reordered", chain.late), ("erased", chain.erased)):
        _say(verdict.noted, word, span)
    _say(verdict.noted, "given-up", Span(absent.minus(missing)))
    verdict.by = list(_signed_for(chain, lost))
    return verdict


def _absent(chain: Chain, *, from_first: bool) -> Span:
    """Numbers that exist by somebody's word and are not here."""
    begin = 1 if from_first or chain.sealed else min(chain.links, default=MAX_SEQ)
    promised = [head.seq for head in chain.heads] + [last for one in chain.promises for _, last in one.span]
    exists = Span([(begin, max([chain.last, *promised]))])
    return Span(exists.minus(_numbers(chain.links)))


def _mismatched(chain: Chain) -> Iterator[Range]:
    """Numbers whose content is not the one that the next number, or a head, names."""
    for seq, links in chain.links.items():
        before = {link.digest for link in chain.links.get(seq - 1, [])}
        for link in links:
            if link.prev and ((seq == 1) != (link.prev == GENESIS) or (before and link.prev not in before)):
                yield max(1, seq - 1), max(1, seq - 1)
    for head in chain.heads:
        here = {link.digest for link in chain.links.get(head.seq, [])}
        if here and head.digest not in here:
            yield head.seq, head.seq


def _rolled_back(heads: list[Head]) -> Iterator[Range]:
    """What later heads of one boot no longer promise."""
    by_boot: dict[str, list[Head]] = {}
    for head in heads:
        if head.boot:
            by_boot.setdefault(head.boot, []).append(head)
    for told in by_boot.values():
        highest = 0
        for head in sorted(told, key=lambda head: head.mono):
            if head.seq < highest:
                yield head.seq + 1, highest
            highest = max(highest, head.seq)


def _compare_seals(chain: Chain, verdict: Verdict) -> int:
    """Recompute each checkpoint whose numbers are all here; the largest that is right."""
    right = 0
    leaves: list[bytes] = []
    for found in sorted(chain.sealed, key=lambda one: one.checkpoint.size):
        checkpoint = found.checkpoint
        vacant = Span(checkpoint.vacant)
        while len(leaves) < checkpoint.size and (entry := _entry(chain, len(leaves) + 1, vacant)) is not None:
            leaves.append(leaf(entry))
        if len(leaves) < checkpoint.size:
            break
        if root(leaves[: checkpoint.size]) == checkpoint.root:
            right = checkpoint.size
        else:
            _say(verdict.wrong, "rewritten", Span([(right + 1, checkpoint.size)]))
    return right


def _entry(chain: Chain, seq: int, vacant: Span) -> bytes | None:
    if any(first <= seq <= last for first, last in vacant):
        return VACANT
    links = chain.links.get(seq)
    return bytes.fromhex(links[0].digest) if links else None


def _signed_for(chain: Chain, lost: Span) -> Iterator[tuple[str, tuple[Range, ...]]]:
    """Each party that signed for something that is not here, once."""
    words: dict[str, Span] = {}
    for one in chain.promises:
        _add(words.setdefault(one.who, Span()), one.span)
    for head in chain.heads:
        words.setdefault(head.who, Span()).add(1, head.seq)
    for who, span in sorted(words.items()):
        gone = tuple(_both(lost, span))
        if gone:
            yield who, gone


def _both(one: Span, other: Span) -> Span:
    return Span(one.minus(Span(one.minus(other))))


def _cut(span: Span, *, at_most: int = MAX_SEQ, beyond: int = 0) -> Span:
    return _both(span, Span([(beyond + 1, at_most)]))


def _numbers(numbers: Iterable[int]) -> Span:
    """A set of numbers as ranges."""
    found: list[Range] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return Span(found)


def _add(span: Span, more: Span) -> None:
    for first, last in more:
        span.add(first, last)


def _say(words: dict[str, tuple[Range, ...]], word: str, span: Span) -> None:
    if found := tuple(span):
        words[word] = (*words.get(word, ()), *found)
