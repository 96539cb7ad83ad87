"""The acceptance report: what was measured when a node was accepted, signed by the node, and what changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from html import escape

import msgspec

from agent.aim.steps import WORDS, Step
from agent.contract.jws import KeyRing, Signer


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One acceptance; `config` is the SHA-256 of the document, `at` an instant."""

    node: str
    at: float
    agent: str
    config: str
    accepted: bool
    steps: tuple[Step, ...]


def digest(document: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(document).hexdigest()


def signed(report: Report, signer: Signer) -> str:
    """The report as a token that the node's key vouches for."""
    return signer.seal(msgspec.json.encode(report))[0]


def verified(token: str, ring: KeyRing) -> Report:
    """What a signed report says; Refused where no key of the ring made it."""
    return msgspec.json.decode(ring.unseal(token).payload, type=Report)


def changes(before: Report, now: Report) -> Iterator[str]:
    """What a person should know that differs, one line each."""
    if before.node != now.node:
        yield f"another node: {before.node}, now {now.node}"
    if before.config != now.config:
        yield f"the document changed: {before.config[:12]}, now {now.config[:12]}"
    if before.agent != now.agent:
        yield f"another version: {before.agent}, now {now.agent}"
    then = {step.id: step for step in before.steps}
    for step in now.steps:
        old = then.get(step.id)
        if old and old.state != step.state:
            yield f"{WORDS[step.id][0]}: was {old.state} ({old.number}), now {step.state} ({step.number})"


def html(report: Report, when: str) -> str:
    """A page to print; it needs nothing from anywhere."""
    rows = "".join(
        f"<tr><td>{escape(WORDS[step.id][0])}<br><small>{escape(WORDS[step.id][1])}</small></td>"
        f"<td>{escape(step.state)}</td><td>{escape(step.number)}</td></tr>"
        for step in report.steps
    )
    verdict = "accepted / accettato" if report.accepted else "NOT accepted / NON accettato"
    return (
        '<!doctype html><meta charset="utf-8"><title>Piazza</title>'
        "<style>body{font:16px sans-serif;max-width:40em;margin:2em auto}td{border-bottom:1px solid #999;padding:.4em}"
        "table{border-collapse:collapse;width:100%}</style>"
        f"<h1>{escape(report.node)}</h1><p>{escape(when)}: {verdict}</p><table>{rows}</table>"
        f"<p>piazza {escape(report.agent)}, document {report.config[:16]}</p>"
        "<p>Signature / Firma: ______________________</p>\n"
    )
