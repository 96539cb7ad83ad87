"""`piazza export FORMAT FILE`: verified envelopes in the words of other systems.

What is not genuine is counted and left out; nothing is exported that was not verified. Of a store what a role may read is
the ordinary question; all that the file holds must be asked for by name, and the log of accesses says that it was.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from agent.clock import SystemClock
from agent.commands import access
from agent.console.sight import Sight
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.jws import KeyRing
from agent.contract.topics import Topic
from agent.errors import Refused, UserError, why
from agent.governance import agreement, union
from agent.subscriber.exports import cap, homeassistant, ngsi, onvif, tables

Sees = Callable[[Topic], bool]
SQLITE = b"SQLite format 3\x00"
DAY_S = 86_400.0
_SINCE = "SELECT token FROM envelope WHERE at >= ? AND token <> '' ORDER BY at, node, seq"
"""What was erased has no token."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("format", choices=[*WRITERS, "parquet"], help="what to write")
    parser.add_argument("file", type=Path, help="a store's database, or a file with one envelope a line")
    parser.add_argument(
        "--keys", type=Path, default=Path("ring.json"),
        help="the key ring, or the folder that `piazza keys` made (ring.json)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="where to (default: standard output; parquet needs it)")
    access.add_arguments(parser)
    parser.add_argument("--name", default="", help="who we are in that folder (default: the only operator)")
    width = parser.add_mutually_exclusive_group()
    width.add_argument(
        "--union", type=Path, metavar="DIR",
        help="of a store, what our role may read now by the union.yaml and agreements/ in DIR",
    )  # fmt: skip
    width.add_argument(
        "--everything", action="store_true",
        help="of a store, all that the file holds, whatever our role may read; the log of accesses says so",
    )  # fmt: skip
    parser.add_argument("--days", type=float, default=0.0, help="of a store, only the last so many (default: all)")
    parser.add_argument("--comune", default="", help="cap: what people call the place (default: the comune's id)")
    parser.add_argument("--language", choices=("en", "it"), default="en", help="cap: of the text (en)")


def run(options: argparse.Namespace) -> int:
    sees: Sees = _everything
    if _is_store(options.file):
        if not options.union and not options.everything:
            raise UserError(
                f"{options.file} is a store: how much of it?",
                hint="--union DIR gives what your role may read by the agreements there; --everything all that the file holds",
            )
        what = f"{'everything' if options.everything else 'export'}-{options.format}"
        log = access.opened(options, options.file, role="operator")
        sees = _of_role(options.union, str(log.name)) if options.union else _everything
        access.sign(log, what, f"{what} {options.file.name}")
    elif options.union or options.everything:
        raise UserError("--union and --everything are for a store", hint="a file of envelopes is exported as it is")
    opened = Opened(access.trusted(options.keys), sees)
    since = SystemClock().now() - options.days * DAY_S if options.days else 0.0
    envelopes = opened.envelopes(tokens_of(options.file, since=since))
    if options.format == "parquet":
        if options.out is None:
            raise UserError("parquet is no text", hint="give a file with --out")
        tables.write_parquet((row for envelope in envelopes for row in tables.rows(envelope)), options.out)
    else:
        text = "".join(WRITERS[options.format](envelopes, options))
        options.out.write_text(text, encoding="utf-8") if options.out else sys.stdout.write(text)
    print(f"export: {opened.genuine} envelopes, {opened.refused} refused", file=sys.stderr)
    return 1 if opened.refused else 0


def _everything(_: Topic) -> bool:
    return True


def _of_role(folder: Path, name: str) -> Sees:
    """Whether one party may read now what belongs under a topic."""
    whole = union.load(folder / "union.yaml")
    sight, at = Sight(whole, agreement.load_all(folder / "agreements", whole), name), SystemClock().now()
    if not sight.role:
        raise UserError(f"{folder}: nobody there is called '{name}'", hint="give --name, or --union of another folder")
    return lambda topic: sight.sees(topic, at)


def _is_store(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except OSError as error:
        raise UserError(f"{path}: {why(error)}", hint="give a store's database or a file of envelopes") from error


class Opened:
    """Opens tokens and counts what came of them; what may not be seen is as if it were not there."""

    def __init__(self, ring: KeyRing, sees: Sees) -> None:
        self._ring, self._sees = ring, sees
        self.genuine = self.refused = 0

    def envelopes(self, tokens: Iterable[bytes]) -> Iterator[Envelope]:
        for token in tokens:
            try:
                envelope = open_envelope(token, self._ring)
            except Refused:
                self.refused += 1
                continue
            if self._sees(envelope.topic):
                self.genuine += 1
                yield envelope


def tokens_of(path: Path, *, since: float) -> Iterator[bytes]:
    """Of a store's database in the order of time, what happened since an instant; or of a file line by line."""
    try:
        if not _is_store(path):
            yield from (line.split()[-1] for line in path.read_bytes().splitlines() if line.strip())
            return
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        yield from (token.encode() for (token,) in db.execute(_SINCE, (since,)))
        yield from (token.encode() for (token,) in db.execute("SELECT token FROM statement ORDER BY topic"))
        yield from (token.encode() for (token,) in db.execute("SELECT token FROM verdict ORDER BY at"))
        db.close()
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"{path}: {why(error)}", hint="give a store's database or a file of envelopes") from error


def _csv(envelopes: Iterator[Envelope], _: argparse.Namespace) -> Iterator[str]:
    yield tables.write_csv(row for envelope in envelopes for row in tables.rows(envelope))


def _ngsi(envelopes: Iterator[Envelope], _: argparse.Namespace) -> Iterator[str]:
    for envelope in envelopes:
        yield from (f"{json.dumps(ngsi.normalized(entity))}\n" for entity in ngsi.entities(envelope))


def _onvif(envelopes: Iterator[Envelope], _: argparse.Namespace) -> Iterator[str]:
    for envelope in envelopes:
        if (said := onvif.message(envelope)) is not None:
            yield f"{json.dumps(said)}\n"


def _home(envelopes: Iterator[Envelope], _: argparse.Namespace) -> Iterator[str]:
    for envelope in envelopes:
        yield from (f"{topic} {payload}\n" for topic, payload in homeassistant.messages(envelope))


def _cap(envelopes: Iterator[Envelope], options: argparse.Namespace) -> Iterator[str]:
    """Alerts for events that a verdict in the same file confirms, whichever comes first."""
    everything = list(envelopes)
    verdicts = [envelope for envelope in everything if envelope.klass == "ack"]
    for envelope in everything:
        for verdict in verdicts:
            if envelope.klass == "evt" and cap.confirms(verdict, envelope):
                place = options.comune or envelope.topic.name.comune
                yield cap.alert(envelope, verdict, comune=place, language=options.language) + "\n"
                break


WRITERS: dict[str, Callable[[Iterator[Envelope], argparse.Namespace], Iterator[str]]] = {
    "csv": _csv,
    "ngsi-ld": _ngsi,
    "onvif": _onvif,
    "home-assistant": _home,
    "cap": _cap,
}
