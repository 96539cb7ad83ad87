"""From a signed acceptance report to the chain: sense tells its digest once, so nobody can exchange or deny it later.

Whoever closes a commissioning leaves the report in the state folder. The invariants: only what this node's own key
signed is told, and the file goes when the record is on the disk, so a crash in between tells it twice and never not at all.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent.aim.report import Report, digest, verified
from agent.contract.jws import KeyRing
from agent.errors import Refused
from agent.files import read_plain
from agent.records import Audit
from agent.uplink.spool import Spool

log = logging.getLogger(__name__)

FILE = "acceptance.jws"
MAX_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Waiting:
    """A report that is to be told; `digest` is the SHA-256 of its file."""

    path: Path
    digest: str
    outcome: str


def waiting(folder: Path, ring: KeyRing, name: str) -> Waiting | None:
    """The report that lies in the state folder of the node `name`; one that its key did not sign is thrown away."""
    path = folder / FILE
    content = read_plain(path, most=MAX_BYTES)
    if content is None:
        return None
    try:
        report = verified(content.decode("ascii"), ring, name)
    except (Refused, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("a report of acceptance is not told", extra={"said": str(error)})
        path.unlink(missing_ok=True)
        return None
    return Waiting(path, digest(content), outcome(report))


def came(folder: Path) -> bool:
    """Whether a report waits: sense is started anew to tell it, since what may be named is fixed at the start."""
    return (folder / FILE).exists()


def outcome(report: Report) -> str:
    """What the audit record says of it."""
    if not report.accepted:
        return "not-accepted"
    return "night-open" if report.open else "accepted"


def tell(report: Waiting | None, spool: Spool, at: float) -> None:
    """Sign that this report exists, and let go of it once that is on the disk."""
    if report is None:
        return
    spool.put(Audit(at, "accepted", outcome=report.outcome, digest=report.digest))
    spool.flush()
    report.path.unlink(missing_ok=True)
