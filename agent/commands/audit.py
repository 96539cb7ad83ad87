"""`piazza audit`: what was dropped, altered, reordered, duplicated, forged or truncated, and who signed for it.

Reads a file of envelopes, or the database of a store, with whatever else was signed: heads and receipts
in the same file, checkpoints and witnessed heads as notes. Ends with 0 when all is well, 1 when
something is wrong, 2 when there is nothing to judge.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from agent.commands import access
from agent.contract.chain import Range
from agent.contract.checkpoint import notes
from agent.contract.jws import KeyRing
from agent.errors import Refused, UserError, why
from agent.subscriber.audit import FORGED, Evidence, Statement, read_all
from agent.subscriber.audit_chain import Verdict, judge
from agent.subscriber.audit_rows import Rows

BATCH = 1000
ALONE = 4 * BATCH
"""Fewer lines than this are not worth another process."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="*", help="one envelope a line, or topic and envelope")
    parser.add_argument(
        "--db", default="", metavar="FILE|URI", help="the database of a store, with its checkpoints and receipts"
    )
    parser.add_argument("--notes", type=Path, action="append", default=[], help="checkpoints or witnessed heads")
    parser.add_argument(
        "--keys", type=Path, default=Path("ring.json"),
        help="the key ring, or the folder that `piazza keys` made (ring.json)",
    )  # fmt: skip
    parser.add_argument("--name", default="", help="who we are in that folder (default: the only auditor)")
    access.add_arguments(parser)
    parser.add_argument("--from-first", action="store_true", help="every chain of a file must begin at number 1")
    parser.add_argument("--jobs", type=int, default=0, help="processes that verify (default: one for each core)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(options: argparse.Namespace) -> int:
    ring, evidence = access.trusted(options.keys), Evidence()
    jobs = options.jobs or len(os.sched_getaffinity(0))
    for path in options.file:
        evidence.take(verified(_lines(path), ring, jobs=jobs))
    said = [note for path in options.notes for note in _notes(path)]
    if options.db:
        access.sign(access.opened(options, options.db, role="auditor"), "audit", "audit")
        said += _take_database(evidence, options.db, ring, jobs=jobs)
    broken = [why for note in said if (why := _take_note(evidence, note, ring))]
    verdicts = [judge(chain, from_first=options.from_first or bool(options.db)) for chain in evidence.joined()]
    if not verdicts and not evidence.refused:
        raise UserError("no envelope to judge", hint="give a file, or a store's database with --db")
    whole = not evidence.refused and not broken and not any(verdict.wrong for verdict in verdicts)
    report = _document if options.json else _text
    print(report(verdicts, evidence, broken, whole=whole))
    return 0 if whole else 1


def verified(lines: Iterable[bytes], ring: KeyRing, *, jobs: int) -> Iterator[Statement]:
    """Statements in the order of the lines; many lines are shared among `jobs` processes."""
    left = iter(line for line in lines if line.strip())
    first = list(islice(left, ALONE))
    if len(first) < ALONE or jobs == 1:
        yield from read_all(first, ring)
        for batch in _batches(left):
            yield from read_all(batch, ring)
        return
    with ProcessPoolExecutor(jobs) as pool:
        work = partial(_read_plain, ring.to_jwks())
        for found in pool.map(work, (*_batches(iter(first)), *_batches(left))):
            yield from found


def _read_plain(jwks: dict[str, Any], lines: list[bytes]) -> list[Statement]:
    """In a process of its own; a ring holds loaded keys, which cannot be sent."""
    return read_all(lines, KeyRing.from_jwks(jwks))


def _batches(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    while batch := list(islice(lines, BATCH)):
        yield batch


def _take_database(evidence: Evidence, where: str, ring: KeyRing, *, jobs: int) -> list[str]:
    """Everything that a store's database holds; its checkpoints."""
    rows = Rows(where)
    evidence.take(verified(rows.tokens(), ring, jobs=jobs))
    for node, kid, seq, digest in rows.erased():
        evidence.take_erased(node, kid, seq, digest)
    found = rows.notes()
    rows.close()
    return found


def _take_note(evidence: Evidence, note: str, ring: KeyRing) -> str:
    """Nothing, or why a note is not believed."""
    try:
        evidence.take_note(note, ring)
    except Refused as refused:
        return f"{note.partition(chr(10))[0]}: {refused.why}"
    return ""


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", hint="give a file that can be read") from error


def _notes(path: Path) -> list[str]:
    try:
        return list(notes(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, Refused) as error:
        raise UserError(f"{path}: {why(error)}", hint="give a file that `piazza witness` wrote") from error


def _document(verdicts: list[Verdict], evidence: Evidence, broken: list[str], *, whole: bool) -> str:
    chains = [
        {
            "node": one.node, "keys": one.kids, "envelopes": one.envelopes, "last": one.last, "sealed": one.sealed,
            "wrong": one.wrong, "noted": one.noted, "signed_for_by": dict(one.by),
        }
        for one in verdicts
    ]  # fmt: skip
    refused = [
        {"line": line, "word": _word(one), "why": one.kind, "claims": {"node": one.node, "seq": one.seq}}
        for line, one in evidence.refused
    ]
    return json.dumps({"whole": whole, "chains": chains, "refused": refused, "notes_refused": broken})


def _text(verdicts: list[Verdict], evidence: Evidence, broken: list[str], *, whole: bool) -> str:
    lines = [line for verdict in verdicts for line in _about(verdict)]
    for line, one in evidence.refused:
        claims = f", claims to be {one.node} {one.seq}" if one.node else ""
        lines.append(f"line {line}: {_word(one)} ({one.kind}){claims}")
    lines += [f"a note that is not believed: {why}" for why in broken]
    return "\n".join((*lines, "all is well" if whole else "something is wrong"))


def _about(verdict: Verdict) -> Iterator[str]:
    sealed = f", sealed up to {verdict.sealed}" if verdict.sealed else ""
    yield f"{verdict.node} {verdict.kids[0][:8]}: {verdict.envelopes} envelopes up to {verdict.last}{sealed}"
    for word, spans in (*verdict.wrong.items(), *verdict.noted.items()):
        yield f"  {'WRONG' if word in verdict.wrong else 'noted'}  {word}: {_ranges(spans)}"
    for who, spans in verdict.by:
        yield f"  {who} signed for {_ranges(spans)}"


def _word(one: Statement) -> str:
    return "forged" if one.kind in FORGED else "altered"


def _ranges(spans: tuple[Range, ...]) -> str:
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
