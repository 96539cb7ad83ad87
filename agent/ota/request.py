"""A request for signatures: one file that travels to a signer's machine and back, by stick or by mail.

The invariant: what comes back can add signatures and nothing else; a document that was altered on
the way is no longer the draft that waits, and its signatures count for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from agent.errors import UserError
from agent.files import write_atomic
from agent.ota import keys, metadata
from agent.ota.authority import Authority


class Paper(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One document to sign, and the ids of the keys that may."""

    role: str
    document: str
    keys: tuple[str, ...]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="piazza-ota-request", tag_field="kind"):
    """All that waits for signatures; `says` is for people, and nothing is decided by it."""

    union: str
    papers: tuple[Paper, ...]
    says: tuple[str, ...] = ()


def request(authority: Authority, *, says: tuple[str, ...] = ()) -> Request:
    """What waits in an authority; UserError where nothing does."""
    papers = tuple(
        Paper(role, (authority.draft(role) or b"").decode(), tuple(_able(authority, role)))
        for role in authority.drafts()
    )
    if not papers:
        raise UserError("nothing waits for a signature", hint="piazza ota release makes something to sign")
    return Request(authority.settings.union, papers, says)


def sign(asked: Request, pen: keys.Pen) -> tuple[Request, list[str]]:
    """The request with this key's signatures, and a sentence for each paper that was signed."""
    papers, signed = [], []
    for paper in asked.papers:
        if pen.id not in paper.keys:
            papers.append(paper)
            continue
        body = metadata.facts(paper.document.encode()).body
        document = metadata.with_signature(paper.document.encode(), pen.id, pen.sign(body))
        papers.append(msgspec.structs.replace(paper, document=document.decode()))
        signed.append(described(paper))
    if not signed:
        raise UserError("this key is asked for none of these documents", hint="sign with a key that is")
    return msgspec.structs.replace(asked, papers=tuple(papers)), signed


def receive(authority: Authority, answer: Request) -> int:
    """Add the right signatures of an answer to the drafts; how many were new."""
    return sum(_receive(authority, paper) for paper in answer.papers)


def described(paper: Paper) -> str:
    """What a signer puts a name to, read from the document itself."""
    found = metadata.facts(paper.document.encode())
    lines = [f"{paper.role} version {found.version}"]
    if found.kind == "root":
        lines += [f"  {role}: {one.threshold} of {len(one.keys)}" for role, one in _appointed(paper)]
    else:
        lines += [f"  hands on to {role}: {one.threshold} of {len(one.keys)}" for role, one in _appointed(paper)]
        lines += [f"  {path} {one.sha256[:12]}" for path, one in metadata.offered(paper.document.encode()).items()]
    return "\n".join(lines)


def load(path: Path) -> Request:
    """A request file; UserError where it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Request)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: no request for signatures: {error}", hint="make one: piazza ota request") from error


def waiting(authority: Authority) -> Iterator[str]:
    """What waits for whose signatures, in words."""
    for role in authority.drafts():
        for need in authority.needs(role):
            left = [keyid for keyid in need.committee.ids if keyid not in need.signed]
            if not need.met:
                count = need.committee.threshold - len(need.signed)
                yield f"waits: {role} for {count} of {keys.called(left, authority.names)}"


def save(path: Path, asked: Request) -> None:
    write_atomic(path, msgspec.json.format(msgspec.json.encode(asked), indent=1) + b"\n")


def _appointed(paper: Paper) -> Iterator[tuple[str, metadata.Committee]]:
    yield from metadata.committees(paper.document.encode()).items()


def _able(authority: Authority, role: str) -> Iterator[str]:
    yield from dict.fromkeys(keyid for need in authority.needs(role) for keyid in need.committee.ids)


def _receive(authority: Authority, paper: Paper) -> int:
    ours, theirs = authority.draft(paper.role), paper.document.encode()
    if ours is None or metadata.facts(ours).body != metadata.facts(theirs).body:
        return 0
    new = 0
    for need in authority.needs(paper.role):
        for keyid in sorted(metadata.signers(theirs, need.committee)):
            draft = authority.draft(paper.role) or ours
            if keyid not in metadata.signers(draft, need.committee):
                authority.put_draft(
                    paper.role, metadata.with_signature(draft, keyid, metadata.signature(theirs, keyid))
                )
                new += 1
    return new
