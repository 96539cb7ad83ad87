"""`piazza public`: a static site for citizens, made from a store: counts, what changed, who received what.

With it lie a feed of changes and the public notice of each comune. Pages and files need nothing else and can lie on any web server. The numbers are protected before they
are written; `--epsilon` and `--k` stand on the page with what they cost. With `--broker` the counts of
the last day are also published as signed, retained messages of the class `pub`.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.clock import SystemClock
from agent.commands import access, party
from agent.commands.patto import load_union
from agent.commands.public_broker import say
from agent.commands.public_notices import notices
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.jws import KeyRing
from agent.contract.topics import Class
from agent.contract.types import AuditData, StatData
from agent.errors import Refused, UserError, why
from agent.files import write_atomic
from agent.governance import counts, feed, site
from agent.governance.agreement import Agreement
from agent.governance.counts import Interval, Protection
from agent.governance.site import FEED, Change, Story
from agent.governance.told import told
from agent.governance.union import Union
from agent.provision.keys import write_secret
from agent.subscriber.tables import Where, open_tables

MONTH_S = 30 * 86_400.0
TOLD = {"config-applied", "mask-changed", "mode-changed", "model-applied"}
"""Acts of a node that its neighbours are told of."""

_MATERIAL = "SELECT token FROM envelope WHERE klass IN ('stat', 'audit', 'evt') AND at >= ?"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder with union.yaml and agreements/")
    parser.add_argument(
        "--db", default="events.sqlite", metavar="FILE|URI", help="or postgresql://...; default: events.sqlite"
    )
    parser.add_argument(
        "--keys",
        type=Path,
        default=Path("ring.json"),
        help="the key ring, or the folder that `piazza keys` made (ring.json)",
    )
    parser.add_argument("--out", type=Path, default=Path("public"), help="the folder of the site (public)")
    parser.add_argument("--days", type=float, default=7.0, help="how far back counts go (7)")
    parser.add_argument("--k", type=int, help="hours with fewer passages are withheld (what union.yaml says, or 10)")
    parser.add_argument("--epsilon", type=float, help="noise for one passage; 0 for none (what union.yaml says, or 1)")
    parser.add_argument("--secret", type=Path, default=Path("public.secret"), help="what the noise is drawn from")
    parser.add_argument(
        "--config",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="that a node runs, for the notices; may be repeated",
    )
    parser.add_argument("--timezone", default="Europe/Rome", help="of the hours on the page (Europe/Rome)")
    access.add_arguments(parser)
    party.add_session_arguments(parser, default="")


def run(options: argparse.Namespace) -> int:
    at = SystemClock().now()
    whole, agreed = load_union(options.folder)
    ring = access.trusted(options.keys)
    protection = _protection(options, whole)
    access.sign(access.opened(options, options.db, role="publisher"), "public", f"public --days {options.days}")
    envelopes = list(_envelopes(options.db, ring, since=at - max(MONTH_S, options.days * 86_400)))
    intervals = _intervals(envelopes, since=at - options.days * 86_400)
    found = counts.hours(intervals, protection, at=at)
    beside = _beside(options, whole, agreed, ring, at)
    story = Story(
        whole, found, protection, _changes(envelopes), _received(agreed, envelopes, at), at, tuple(beside),
        _zone(options.timezone),
    )  # fmt: skip
    options.out.mkdir(parents=True, exist_ok=True)
    pages = {"index.html": site.html(story), FEED: feed.atom(story)}
    for name, text in {**beside, **pages, "counts.json": _json(story), "counts.csv": _csv(story)}.items():
        write_atomic(options.out / name, text.encode())
    withheld = sum(hour.count is None for hour in found)
    print(
        f"{options.out}: {len(found)} hours of {len({hour.node for hour in found})} nodes, {withheld} withheld; "
        f"noise changes a count by {protection.mean_error:.2f} on average"
    )
    if options.broker:
        places = say(options, told(found, protection, at=at))
        print(f"{options.broker}: the last day of {places} places")
    return 0


def _beside(
    options: argparse.Namespace, whole: Union, agreed: Sequence[Agreement], ring: KeyRing, at: float
) -> dict[str, str]:
    """The notices, as files."""
    tables = open_tables(options.db, only_reads=True)
    try:
        return notices(whole, agreed, options.config, tables, ring, at=at)
    finally:
        tables.close()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise UserError(f"--timezone {name}: there is none", hint="such as Europe/Rome") from error


def _protection(options: argparse.Namespace, union: Union) -> Protection:
    """As the options say, or else the union."""
    k = union.public.k if options.k is None else options.k
    epsilon = union.public.epsilon if options.epsilon is None else options.epsilon
    if k < 1 or epsilon < 0 or options.days <= 0:
        raise UserError(
            "--k is at least 1, --epsilon at least 0, --days more than 0", hint="such as --k 10 --epsilon 1"
        )
    return Protection(k, epsilon, _secret(options.secret))


def _secret(path: Path) -> bytes:
    """Made at the first call: with another secret the noise of hours that are already public would change."""
    if not path.exists():
        write_secret(path, os.urandom(32).hex())
    try:
        return bytes.fromhex(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: {why(error)}", hint="give the file that an earlier call made, or a new name"
        ) from error


def _envelopes(where: Where, ring: KeyRing, *, since: float) -> Iterator[Envelope]:
    """What a public site is made of, verified once more."""
    tables = open_tables(where, only_reads=True)
    try:
        for (token,) in tables.stream(_MATERIAL, (since,)):
            try:
                yield open_envelope(str(token), ring)
            except Refused:
                continue
    finally:
        tables.close()


def _intervals(envelopes: Sequence[Envelope], *, since: float) -> Iterator[Interval]:
    """Passages at every place: who entered a zone, and who crossed a line in either direction."""
    for envelope in envelopes:
        data = envelope.data
        if not isinstance(data, StatData) or envelope.at < since:
            continue
        for name, value in data.values.items():
            place, _, measure = name.partition("/")
            if measure in ("person/entered", "person/in", "person/out"):
                yield Interval(str(envelope.topic.name), place, envelope.at, value, data.coverage)


def _changes(envelopes: Sequence[Envelope]) -> list[Change]:
    found = [
        Change(envelope.at, str(envelope.topic.name), envelope.data.action, envelope.data.digest[:12])
        for envelope in envelopes
        if isinstance(envelope.data, AuditData) and envelope.data.action in TOLD
    ]
    return sorted(found, key=lambda change: -change.at)


def _received(agreed: Sequence[Agreement], envelopes: Sequence[Envelope], at: float) -> Counter[str]:
    """Partner -> how many events of the last month an agreement let it see when they happened; who may see now is named too."""
    received: Counter[str] = Counter({one.partner.name: 0 for one in agreed if one.holds(at)})
    happened = [one for one in envelopes if one.klass is Class.EVT and at - one.at <= MONTH_S]
    for agreement in agreed:
        if seen := sum(_sees(agreement, envelope) for envelope in happened):
            received[agreement.partner.name] += seen
    return received


def _sees(agreement: Agreement, envelope: Envelope) -> bool:
    topic = envelope.topic
    return agreement.holds(envelope.at) and topic.name.comune in agreement.comuni and topic.type in agreement.events


def _json(story: Story) -> str:
    told = [
        {
            "node": hour.node,
            "place": hour.place,
            "since": _time(hour.since),
            "count": hour.count,
            "coverage": hour.coverage,
        }
        for hour in story.hours
    ]
    protection = {
        "k": story.protection.k,
        "epsilon": story.protection.epsilon,
        "mean_error": story.protection.mean_error,
    }
    return json.dumps({"protection": protection, "hours": told}, indent=1) + "\n"


def _csv(story: Story) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("node", "place", "since", "count", "coverage"))
    for hour in story.hours:
        count = f"<{story.protection.k}" if hour.count is None else hour.count
        writer.writerow((hour.node, hour.place, _time(hour.since), count, hour.coverage))
    return out.getvalue()


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")
