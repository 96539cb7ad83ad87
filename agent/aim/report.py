"""The acceptance report: what was measured when a node was accepted, signed by the node, and what changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from html import escape
from pathlib import Path

import msgspec

from agent.aim.steps import Step
from agent.aim.words import STATES, TITLES
from agent.contract.jws import KeyRing, Signer
from agent.errors import Refused


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One acceptance; `config` is the SHA-256 of the document, `at` an instant, `before` the digest of an earlier report."""

    node: str
    at: float
    agent: str
    config: str
    accepted: bool
    steps: tuple[Step, ...]
    before: str = ""

    @property
    def open(self) -> tuple[str, ...]:
        """Steps that another visit has to close."""
        return tuple(step.id for step in self.steps if step.state == "later")


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def signed(report: Report, signer: Signer) -> str:
    """The report as a token that the node's key vouches for."""
    return signer.seal(msgspec.json.encode(report))[0]


def verified(token: str, ring: KeyRing, name: str = "") -> Report:
    """What a signed report says; Refused where no node's key of the ring made it, or that of another node."""
    unsealed = ring.unseal(token)
    report = msgspec.json.decode(unsealed.payload, type=Report)
    if (unsealed.key.role, unsealed.key.subject) != ("node", report.node) or (name and name != report.node):
        raise Refused("role", "a report of acceptance is signed by the node that it is of")
    return report


def newest(folder: Path, ring: KeyRing, name: str) -> tuple[Report, str] | None:
    """The last report of a node that is kept in a folder, with the digest of its file; None where there is none."""
    for path in sorted(folder.glob("*.jws"), reverse=True):
        try:
            token = path.read_bytes()
            return verified(token.decode("ascii"), ring, name), digest(token)
        except (OSError, Refused, msgspec.DecodeError, UnicodeDecodeError):
            continue
    return None


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
        if old is None:
            yield f"{TITLES[step.id][0]}: not looked at then, now {_told(step)}"
        elif old.state != step.state:
            yield f"{TITLES[step.id][0]}: was {_told(old)}, now {_told(step)}"


def _told(step: Step) -> str:
    number = step.number[0]
    return f"{step.state} ({number})" if number else step.state


def html(report: Report, when: str, *, signed_digest: str) -> str:
    """A page to print, in both languages; it needs nothing from anywhere. `signed_digest` names the signed file."""
    rows = "".join(_row(step) for step in report.steps)
    verdict = "accepted / accettato" if report.accepted else "NOT accepted / NON accettato"
    left = "".join(f", {TITLES[step][0]} / {TITLES[step][1]}: open / aperto" for step in report.open)
    return (
        '<!doctype html><meta charset="utf-8"><title>Piazza</title>'
        "<style>body{font:15px sans-serif;max-width:46em;margin:2em auto}td{border-bottom:1px solid #999;padding:.3em;vertical-align:top}"
        "table{border-collapse:collapse;width:100%}small{color:#444}code{font-size:.8em;word-break:break-all}</style>"
        f"<h1>{escape(report.node)}</h1><p>{escape(when)}: <b>{verdict}</b>{escape(left)}</p><table>{rows}</table>"
        f"<p>piazza {escape(report.agent)}, document {report.config[:16]}</p>"
        f"<p>SHA-256 of the signed report / del verbale firmato<br><code>{signed_digest}</code></p>"
        "<p>Signature / Firma: ______________________</p>\n"
    )


def _row(step: Step) -> str:
    english, italian = TITLES[step.id]
    number, todo = step.number, step.todo if step.state != "ok" or step.why else ("", "")
    lines = [*dict.fromkeys(number), *dict.fromkeys(todo)]
    return (
        f"<tr><td>{escape(english)}<br><small>{escape(italian)}</small></td>"
        f"<td>{STATES[step.state][0]}<br><small>{STATES[step.state][1]}</small></td>"
        f"<td>{'<br>'.join(escape(line) for line in lines if line)}</td></tr>"
    )
