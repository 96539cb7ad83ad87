"""What a change of agreements lets whom newly see, or takes away, in words.

Compared are the cells (party, verb, comune, class, type) that two sets of rights cover, and the
terms of the agreements themselves, so that two spellings of the same right are no difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.contract.topics import Class
from agent.governance.agreement import Agreement
from agent.governance.rights import ALL, EVENT_KINDS, Right, Verb, rights
from agent.governance.union import Union

Cell = tuple[str, Verb, str, Class, str, str]
"""Party, verb, comune, class, type, node."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One sentence; `widens` when somebody sees more, longer, or may write more."""

    text: str
    widens: bool


def differences(
    union: Union, old: Sequence[Agreement], new: Sequence[Agreement], *, at: float
) -> tuple[Difference, ...]:
    """Everything that is not the same at the instant `at`, and every changed term of an agreement."""
    before, after = (cells(rights(union, some, at=at)) for some in (old, new))
    found = [Difference(text, widens=True) for text in sentences(after - before, "would newly")]
    found += [Difference(text, widens=False) for text in sentences(before - after, "would no longer")]
    return (*found, *_terms(old, new))


def cells(granted: Iterable[Right]) -> set[Cell]:
    """Rights cut into pieces that can be compared one by one."""
    return {
        (one.party, one.verb, one.comune, one.klass, kind, one.node)
        for one in granted
        for kind in (EVENT_KINDS if one.klass is Class.EVT and one.type == ALL else (one.type,))
    }


def sentences(some: set[Cell], would: str) -> Iterator[str]:
    """`police-faenza would newly see loitering in brisighella, faenza`, one for each party and set of comuni."""
    places_of: dict[tuple[str, Verb, Class, str], set[str]] = defaultdict(set)
    for party, verb, comune, klass, kind, node in some:
        places_of[(party, verb, klass, kind)].add(comune if node == ALL else f"{comune}/{node}")
    together: dict[tuple[str, Verb, frozenset[str]], list[str]] = defaultdict(list)
    for (party, verb, klass, kind), found in sorted(places_of.items()):
        together[(party, verb, frozenset(found))].append(kind if klass is Class.EVT and kind != ALL else klass.value)
    for (party, verb, places), what in together.items():
        act = "see" if verb is Verb.READ else "write"
        yield f"{party.rpartition('/')[2]} {would} {act} {_listed(what)} in {_listed(sorted(places))}"


def _terms(old: Sequence[Agreement], new: Sequence[Agreement]) -> Iterator[Difference]:
    before = {one.id: one for one in old}
    after = {one.id: one for one in new}
    for name in sorted(after.keys() - before.keys()):
        one = after[name]
        yield Difference(f"{name}: new, with {one.partner.name}, from {one.since} to {one.until}", widens=True)
    for name in sorted(before.keys() - after.keys()):
        yield Difference(f"{name}: ends, with {before[name].partner.name}", widens=False)
    for name in sorted(before.keys() & after.keys()):
        yield from _changed(name, before[name], after[name])


def _changed(name: str, old: Agreement, new: Agreement) -> Iterator[Difference]:
    if new.until != old.until:
        yield Difference(f"{name}: would end on {new.until} instead of {old.until}", widens=new.until > old.until)
    if new.since != old.since:
        yield Difference(f"{name}: would begin on {new.since} instead of {old.since}", widens=new.since < old.since)
    if new.retention_days != old.retention_days:
        longer = new.retention_days > old.retention_days
        text = f"{name}: would keep events {new.retention_days} days instead of {old.retention_days}"
        yield Difference(text, widens=longer)
    if new.sound != old.sound:
        text = f"{name}: nodes would {'newly' if new.sound else 'no longer'} be allowed to listen"
        yield Difference(text, widens=new.sound)
    if new.purpose != old.purpose:
        yield Difference(f"{name}: would serve {new.purpose} instead of {old.purpose}", widens=True)
    if new.legal_basis != old.legal_basis:
        yield Difference(f"{name}: would rest on '{new.legal_basis}' instead of '{old.legal_basis}'", widens=True)
    if new.partner.name != old.partner.name:
        yield Difference(f"{name}: the partner would be {new.partner.name} instead of {old.partner.name}", widens=True)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
