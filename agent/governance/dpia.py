"""A data protection impact assessment (GDPR art. 35) as far as configurations can tell it; the judgement is a person's."""

from __future__ import annotations

from collections.abc import Iterator

from agent.governance.ground import Ground
from agent.governance.register import (
    contract,
    facts,
    limits,
    open_row,
    public_counts,
    purpose,
    purposes,
    recipients,
    sheet,
    subjects,
)
from agent.governance.sheet import Row, Sheet
from agent.governance.sheet_words import Language, said

RISKS = ("identify", "follow", "small", "access", "long", "creep", "wrong")


def dpia(ground: Ground, language: Language) -> Sheet:
    """Art. 35(7), letters a to d, with what the articles ask for beside them."""
    return sheet(
        ground,
        language,
        "dpia",
        (
            ("description", _description(ground, language)),
            ("necessity", _necessity(ground, language)),
            ("risks", (Row(said(f"risk-{risk}", language), said("risk-weight", language)) for risk in RISKS)),
            ("countered", _countered(ground, language)),
            ("outcome", _outcome(ground, language)),
        ),
    )


def _description(ground: Ground, language: Language) -> Iterator[Row]:
    yield from purposes(ground, language)
    yield from subjects(ground, language)
    yield from recipients(ground, language)
    yield from limits(ground, language)


def _necessity(ground: Ground, language: Language) -> Iterator[Row]:
    yield Row(said("minimal", language), said("minimal-is", language), (contract(language),))
    yield from facts(ground, language, ("budget",))
    for one, _ in ground.agreements:
        why = said("why-needed", language)
        yield Row(f"{why}: {purpose(one, language)} ({one.partner.name})", said("open", language))
    yield open_row("less", language)
    reached = said("rights-are", language, contact=ground.union.contact)
    yield Row(said("rights", language), reached, (contract(language), ground.union_paper.cite("contact")))
    yield open_row("rules", language)
    for one, _ in ground.agreements:
        if one.partner.role == "police":
            title = said("police-rules", language, partner=one.partner.name)
            yield Row(title, said("police-rules-are", language))


def _countered(ground: Ground, language: Language) -> Iterator[Row]:
    masks = [(node.paper.cite(fact.option), int(fact.value)) for node in ground.nodes for fact in node.facts
             if fact.topic.startswith("masks/")]  # fmt: skip
    yield _by("identify", language, *(where for where, _ in masks), masks=sum(number for _, number in masks))
    yield _by("follow", language)
    counts = public_counts(ground, language)
    yield Row(said("risk-small", language), counts.text, counts.sources)
    yield from facts(ground, language, ("learned_k",))
    agreed = [paper.cite("id") for _, paper in ground.agreements]
    yield _by("access", language, *agreed, count=len(agreed))
    keeps = [(ground.union.keep_days.evt, ground.union_paper.cite("keep_days.evt"))]
    keeps += [(one.retention_days, paper.cite("retention_days")) for one, paper in ground.agreements if one.events]
    longest, where = max(keeps)
    yield _by("long", language, where, days=longest)
    digests = ", ".join(f"{node.name} {node.paper.digest}" for node in ground.nodes) or said("none", language)
    yield _by("creep", language, *(node.paper.name for node in ground.nodes), digests=digests)
    yield _by("wrong", language)


def _by(risk: str, language: Language, *sources: str, **values: object) -> Row:
    text = said(f"by-{risk}", language, **values)
    return Row(said(f"risk-{risk}", language), text, sources or (contract(language),))


def _outcome(ground: Ground, language: Language) -> Iterator[Row]:
    yield open_row("opinion", language)
    yield open_row("views", language)
    yield open_row("decision", language)
    first = min(ground.agreements, key=lambda one: one[0].until, default=None)
    if first is None:
        yield Row(said("review", language), said("review-open", language), (ground.union_paper.name,))
    else:
        text = said("review-is", language, day=first[0].until)
        yield Row(said("review", language), text, (first[1].cite("until"),))
