"""The record of processing activities (GDPR art. 30), from the union, its agreements and what its nodes run.

The invariant: a row without a source is one that a person has to complete.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.contract.italian import ITALIAN as SPOKEN
from agent.contract.schemas import VERSION
from agent.contract.times import instant
from agent.contract.topics import CHAINED
from agent.governance import terms
from agent.governance.agreement import DAY_S, Agreement
from agent.governance.ground import Ground, Paper
from agent.governance.notice import ENGLISH, ITALIAN
from agent.governance.sheet import Row, Section, Sheet
from agent.governance.sheet_words import Language, said

_DESCRIBED = ("cameras", "masks", "places", "labels", "sensors", "sound", "events")
_MEASURED = ("outbox_mb", "budget", "learned_k")


def register(ground: Ground, language: Language) -> Sheet:
    """Art. 30(1), letters a to g."""
    return sheet(
        ground,
        language,
        "register",
        (
            ("controller", _controller(ground, language)),
            ("purposes", purposes(ground, language)),
            ("subjects", subjects(ground, language)),
            ("recipients-title", _recipients(ground, language)),
            ("transfers", _transfers(ground, language)),
            ("limits", limits(ground, language)),
            ("measures", _measures(ground, language)),
        ),
    )


def sheet(ground: Ground, language: Language, title: str, sections: tuple[tuple[str, Iterator[Row]], ...]) -> Sheet:
    """Titled sections under the names and digests of all papers."""
    papers = ", ".join(f"{paper.name} {paper.digest}" for paper in ground.papers)
    return Sheet(
        language,
        said(title, language),
        said("intro", language, at=instant(ground.at), papers=papers),
        (said("head-what", language), said("head-says", language), said("head-from", language)),
        [Section(said(name, language), tuple(rows)) for name, rows in sections],
    )


def purposes(ground: Ground, language: Language) -> Iterator[Row]:
    """Why, and on which ground: the union's own, and of each agreement."""
    yield _given(ground.union_paper, "legal_basis", ground.union.legal_basis, "own-basis", language)
    for one, paper in ground.agreements:
        why = said("purpose-of", language, purpose=purpose(one, language), basis=one.legal_basis)
        yield Row(one.partner.name, why, (paper.cite("purpose"), paper.cite("legal_basis")))


def purpose(one: Agreement, language: Language) -> str:
    """The purpose of an agreement in words."""
    return ITALIAN.purposes[one.purpose] if language == "it" else one.purpose.replace("-", " ")


def subjects(ground: Ground, language: Language) -> Iterator[Row]:
    """Who is seen, and what each node looks at and tells."""
    for word in ("passers", "data", "reporters"):
        yield Row(said(word, language), said(f"{word}-are", language), (contract(language),))
    kept = said("staff-are", language, days=ground.union.keep_days.audit)
    yield Row(said("staff", language), kept, (contract(language), ground.union_paper.cite("keep_days.audit")))
    yield from facts(ground, language, _DESCRIBED)


def facts(ground: Ground, language: Language, topics: tuple[str, ...]) -> Iterator[Row]:
    """What every node's configuration says about `topics`."""
    for node in ground.nodes:
        for fact in node.facts:
            topic, _, thing = fact.topic.partition("/")
            if topic in topics:
                title = said(topic, language, node=node.name, thing=thing)
                yield Row(title, _value(topic, fact.value, language), (node.paper.cite(fact.option),))


def recipients(ground: Ground, language: Language) -> Iterator[Row]:
    """Everybody outside the union who receives, what and until when."""
    named = {comune.id: comune.name for comune in ground.union.comuni}
    for one, paper in ground.agreements:
        words = ITALIAN if language == "it" else ENGLISH
        events = "; ".join(words.events.get(kind, kind) for kind in one.events)
        what = said(
            "receives", language, what=said(f"role-{one.partner.role}", language, events=events),
            comuni=", ".join(named[comune] for comune in one.comuni), since=one.since, until=one.until, contact=one.partner.contact,
        )  # fmt: skip
        options = (*(("events",) if one.events else ()), "comuni", "since", "until", "partner.contact")
        yield Row(one.partner.name, what, tuple(paper.cite(option) for option in options))
    if not ground.agreements:
        yield Row(said("recipients", language), said("none", language), (ground.union_paper.name,))


def limits(ground: Ground, language: Language) -> Iterator[Row]:
    """How long the store, the partners, the broker and the nodes keep what was told."""
    for klass in CHAINED:
        days = said("days", language, days=getattr(ground.union.keep_days, klass))
        where = (ground.union_paper.cite(f"keep_days.{klass}"),)
        yield Row(said("store-keeps", language, klass=klass), days, where)
    for one, paper in ground.agreements:
        if one.events:
            days = said("days", language, days=one.retention_days)
            yield Row(said("partner-keeps", language, partner=one.partner.name), days, (paper.cite("retention_days"),))
    waits = terms.expires_s([one for one, _ in ground.agreements], at=ground.at)[CHAINED[0]]
    shortest = [paper.cite("retention_days") for one, paper in ground.agreements
                if one.events and one.retention_days * DAY_S == waits]  # fmt: skip
    days = said("days", language, days=waits // DAY_S)
    yield Row(said("broker-keeps", language), days, tuple(shortest) or (contract(language),))
    yield from facts(ground, language, ("outbox_mb",))


def contract(language: Language) -> str:
    """What holds for every configuration."""
    return said("from-contract", language, version=VERSION)


def open_row(word: str, language: Language) -> Row:
    """A line that only a person can complete."""
    return Row(said(word, language), said("open", language))


def public_counts(ground: Ground, language: Language) -> Row:
    """How published numbers are protected."""
    guard, paper = ground.union.public, ground.union_paper
    text = said("public-are", language, k=guard.k, epsilon=f"{guard.epsilon:g}")
    return Row(said("public-counts", language), text, (paper.cite("public.k"), paper.cite("public.epsilon")))


def _controller(ground: Ground, language: Language) -> Iterator[Row]:
    union, paper = ground.union, ground.union_paper
    yield Row(said("union", language), union.name, (paper.cite("name"),))
    yield Row(said("contact", language), union.contact, (paper.cite("contact"),))
    yield _given(paper, "dpo", union.dpo, "dpo", language)
    yield Row(said("joint", language), ", ".join(one.name for one in union.comuni), (paper.cite("comuni"),))
    yield open_row("joint-contacts", language)


def _recipients(ground: Ground, language: Language) -> Iterator[Row]:
    yield from recipients(ground, language)
    for one, paper in ground.agreements:
        if one.partner.role == "police":
            yield Row(one.partner.name, said("own-record", language), (paper.cite("partner.role"),))
    yield open_row("processors", language)


def _transfers(ground: Ground, language: Language) -> Iterator[Row]:
    yield open_row("where-broker", language)
    yield open_row("safeguards", language)
    yield from facts(ground, language, ("broker",))


def _measures(ground: Ground, language: Language) -> Iterator[Row]:
    yield Row(said("signed", language), said("signed-is", language), (contract(language),))
    yield public_counts(ground, language)
    yield from facts(ground, language, _MEASURED)


def _given(paper: Paper, option: str, value: str | None, word: str, language: Language) -> Row:
    """A line from an option that may be left out, and then waits for a person."""
    return Row(said(word, language), value, (paper.cite(option),)) if value else open_row(word, language)


def _value(topic: str, value: str, language: Language) -> str:
    """What a configuration says, in the words of the record where it speaks of things rather than of names and numbers."""
    if value in ("true", "false", "none"):
        return said(value, language)
    if language == "it" and topic in ("labels", "events"):
        words = ITALIAN.events if topic == "events" else SPOKEN.plurals
        return ", ".join(words.get(word, word) for word in value.split(", "))
    return value
