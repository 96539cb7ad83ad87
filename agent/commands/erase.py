"""`piazza erase`: what a store has kept long enough goes; number and digest stay, so the chain can still be checked.

How long is long enough says the union's own document, one of its agreements, or the caller. Only what a checkpoint
has sealed is erased, so `piazza witness seal` comes first. The store signs for it in the log of accesses, before and
after. Ends with 0, or with 1 where something is old enough and waits for a checkpoint.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from agent.clock import SystemClock
from agent.commands import access
from agent.contract.times import instant
from agent.contract.topics import CHAINED
from agent.errors import UserError
from agent.governance import agreement, union
from agent.subscriber.accesses import AccessLog
from agent.subscriber.erase import Erasure, erase

DAY_S = 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--db", default="events.sqlite", metavar="FILE|URI", help="or postgresql://...; default: events.sqlite"
    )
    parser.add_argument(
        "--keep", action="append", default=[], metavar="CLASS=DAYS", help=f"for each of {', '.join(CHAINED)}, or all"
    )
    parser.add_argument("--union", type=Path, metavar="DIR", help="keep as long as `keep_days` of its union.yaml says")
    parser.add_argument("--agreement", default="", metavar="ID", help="with --union: as long as this agreement says")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="the folder that `piazza keys` made; or a key ring")
    parser.add_argument("--name", default="", help="who we are in that folder (default: the only store)")
    access.add_arguments(parser)
    parser.add_argument("--rehearse", action="store_true", help="count only, change nothing")


def run(options: argparse.Namespace) -> int:
    now, kept = SystemClock().now(), _agreed(options.union, options.agreement) | _kept(options.keep)
    if not kept:
        raise UserError("nothing says how long to keep", hint="such as --keep evt=30 --keep stat=365, or --union DIR")
    before = {klass: now - days * DAY_S for klass, days in kept.items()}
    log = access.opened(options, options.db, role="store")
    for klass, until in before.items():
        _sign(log, klass, until, "rehearsed" if options.rehearse else "begun")
    done = erase(options.db, before, at=now, rehearse=options.rehearse)
    for one in done:
        print(_told(one, rehearse=options.rehearse))
        if not options.rehearse:
            _sign(log, one.klass, one.before, f"erased-{one.erased}")
    return 1 if any(one.unsealed for one in done) else 0


def _sign(log: AccessLog, klass: str, before: float, outcome: str) -> None:
    """Before and after, so that neither a deed without a word nor a word without a deed goes unseen."""
    access.sign(log, f"erase-{klass}", f"erase {klass} before {instant(before)}", outcome)


def _told(one: Erasure, *, rehearse: bool) -> str:
    verb = "would be erased" if rehearse else "erased"
    waits = f", {one.unsealed} wait for a checkpoint: piazza witness seal" if one.unsealed else ""
    return f"{one.klass}: {one.erased} {verb}{waits}"


def _agreed(folder: Path | None, name: str) -> dict[str, float]:
    """Days by class as a union's documents have them; none without a folder."""
    if folder is None:
        if name:
            raise UserError(f"--agreement {name}: of which union?", hint="give its folder with --union")
        return {}
    whole = union.load(folder / "union.yaml")
    if not name:
        return {klass: float(days) for klass, days in msgspec.structs.asdict(whole.keep_days).items()}
    agreed = {one.id: one for one in agreement.load_all(folder / "agreements", whole)}
    if name not in agreed:
        raise UserError(f"no agreement '{name}'", hint=f"there are: {', '.join(agreed) or 'none'}")
    return dict.fromkeys(CHAINED, float(agreed[name].retention_days))


def _kept(wishes: list[str]) -> dict[str, float]:
    """Days by class; UserError for a wish that cannot be read."""
    found: dict[str, float] = {}
    for wish in wishes:
        klass, _, days = wish.partition("=")
        if klass not in (*CHAINED, "all") or not days.replace(".", "", 1).isdecimal():
            raise UserError(f"--keep {wish}: not a class and its days", hint="such as --keep evt=30 --keep stat=365")
        found |= dict.fromkeys(CHAINED if klass == "all" else (klass,), float(days))
    return found
