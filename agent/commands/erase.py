"""`piazza erase`: what a store has kept long enough goes; number and digest stay, so the chain can still be checked.

Only what a checkpoint has sealed is erased, so `piazza witness seal` comes first. Ends with 0, or with 1
where something is old enough and waits for a checkpoint.
"""

from __future__ import annotations

import argparse

from agent.clock import SystemClock
from agent.contract.topics import CHAINED
from agent.errors import UserError
from agent.subscriber.erase import Erasure, erase

DAY_S = 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--db", default="events.sqlite", metavar="FILE|URI", help="or postgresql://...; default: events.sqlite"
    )
    parser.add_argument(
        "--keep", action="append", default=[], metavar="CLASS=DAYS", help=f"for each of {', '.join(CHAINED)}, or all"
    )
    parser.add_argument("--rehearse", action="store_true", help="count only, change nothing")


def run(options: argparse.Namespace) -> int:
    now = SystemClock().now()
    before = {klass: now - days * DAY_S for klass, days in _kept(options.keep).items()}
    done = erase(options.db, before, at=now, rehearse=options.rehearse)
    for one in done:
        print(_told(one, rehearse=options.rehearse))
    return 1 if any(one.unsealed for one in done) else 0


def _told(one: Erasure, *, rehearse: bool) -> str:
    verb = "would be erased" if rehearse else "erased"
    waits = f", {one.unsealed} wait for a checkpoint: piazza witness seal" if one.unsealed else ""
    return f"{one.klass}: {one.erased} {verb}{waits}"


def _kept(wishes: list[str]) -> dict[str, float]:
    """Days by class; UserError for no wish at all or one that cannot be read."""
    found: dict[str, float] = {}
    for wish in wishes:
        klass, _, days = wish.partition("=")
        if klass not in (*CHAINED, "all") or not days.replace(".", "", 1).isdecimal():
            raise UserError(f"--keep {wish}: not a class and its days", hint="such as --keep evt=30 --keep stat=365")
        found |= dict.fromkeys(CHAINED if klass == "all" else (klass,), float(days))
    if not found:
        raise UserError("nothing says how long to keep", hint="such as --keep evt=30 --keep stat=365")
    return found
