"""`piazza accept`: what a commissioning leaves. `close` puts the drawn document in place and signs the report.

`close` runs when the page has ended, without a network; the page itself can neither sign nor change the document.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from agent.aim.report import Report, changes, digest, html, signed, verified
from agent.commands.accepted import FILE
from agent.commands.aim import RUN
from agent.commissioning import Commissioning
from agent.config import load
from agent.contract.jws import KeyRing
from agent.errors import Refused, UserError, why
from agent.files import write_atomic
from agent.provision.enrol_node import Place
from agent.provision.keys import load_ring, load_signer

KEPT = "etc/piazza/acceptance"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    close = acts.add_parser("close", help="put the drawn document in place and sign the report")
    close.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="a folder instead of this machine")
    compare = acts.add_parser("compare", help="what changed from one acceptance to the next")
    compare.add_argument("before", type=Path)
    compare.add_argument("now", type=Path)
    compare.add_argument("--ring", type=Path, required=True, metavar="FILE", help="ring.json of who may sign")


def run(options: argparse.Namespace) -> int:
    if options.act == "compare":
        ring = load_ring(options.ring)
        before, now = (_report(path, ring) for path in (options.before, options.now))
        told = list(changes(before, now))
        print("\n".join(told) if told else "nothing changed")
        return 1 if told else 0
    print(closed(options.root))
    return 0


def closed(root: Path) -> str:
    """End the commissioning; what was done, in a sentence. What was not finished changes nothing."""
    commissioning = Commissioning(root / RUN)
    try:
        return _closed(root, commissioning)
    finally:
        commissioning.close()


def _closed(root: Path, commissioning: Commissioning) -> str:
    place, found = Place(root / "etc/piazza"), commissioning.folder / "report.json"
    if not found.exists():
        return "commissioning was not finished: nothing is changed"
    report = msgspec.json.decode(found.read_bytes(), type=Report)
    when = datetime.fromtimestamp(report.at, UTC)
    path = root / KEPT / f"{when:%Y%m%d-%H%M%S}.jws"
    path.parent.mkdir(mode=0o755, exist_ok=True)
    document = place.root / "node.yaml"
    _install(commissioning.proposal, path.with_suffix(".yaml") if document.is_symlink() else document, report)
    token = signed(report, load_signer(place.signing)).encode("ascii")
    write_atomic(path, token)
    page = html(report, f"{when:%Y-%m-%d %H:%M} UTC", signed_digest=digest(token))
    write_atomic(path.with_suffix(".html"), page.encode())
    _hand_over(root, document, token)
    found.unlink()
    return f"{path}: {'accepted' if report.accepted else 'not accepted'}"


def _hand_over(root: Path, document: Path, token: bytes) -> None:
    """Leave the signed report where sense finds it, to tell its digest in the chain."""
    state = root / load(document).state_dir.lstrip("/")
    if state.is_dir():
        write_atomic(state / FILE, token)


def _install(proposal: Path, document: Path, report: Report) -> None:
    """The document that was drawn, if it is good and the one that the report speaks of.

    Where the document comes by update it is a link into a release: then what was drawn is laid beside the report,
    for the maintainer to publish.
    """
    if not proposal.exists():
        return
    content = proposal.read_bytes()
    load(proposal)
    if digest(content) != report.config:
        raise UserError("the drawn document is not the one of the report", hint="open commissioning again")
    write_atomic(document, content)


def _report(path: Path, ring: KeyRing) -> Report:
    try:
        return verified(path.read_text(encoding="ascii").strip(), ring)
    except (OSError, UnicodeDecodeError, Refused) as error:
        raise UserError(f"{path}: {why(error)}", hint="give two files DATE.jws of /etc/piazza/acceptance") from error
