"""The control room's search: milliseconds of one answer, over as many events as are asked for.

    python -m bench.search [--rows N] [--json]

The database is made by the store itself and filled with N events of a year and 600 nodes, in the order of
time; their tokens are those of 2,000 real envelopes again and again, so that every answer still verifies its
signatures. Questions are drawn with a fixed seed, and each is asked three times: with whatever the system
keeps in memory by then, after the file was dropped from it, and at once again.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from agent.console.search import Question
from agent.contract.envelope import open_envelope
from agent.governance.rights import EVENT_KINDS
from agent.records import Severity
from agent.simulation import stage
from agent.subscriber.store import Store
from bench import machine
from tests.console.rooms import DAY_S, NOON, Place, place

YEAR_S = 365 * DAY_S
NODES = 600
QUESTIONS = 200
WAYS = ("as it comes", "from the disk", "again")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, help="where the database lies meanwhile; ten million rows need 14 GB")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        built = place(Path(folder) / "union", days=10.0)
        began = perf_counter()
        fill(built, options.rows)
        filled_s = perf_counter() - began
        size = built.database.stat().st_size
        figures = {"rows": options.rows, "filled_s": round(filled_s, 1), "database_gb": round(size / 1e9, 2)}
        machine.show(figures | searched(built), as_json=options.json)


def fill(built: Place, rows: int) -> None:
    """More events of the same tokens, under numbers and times of their own; indexes are made at the end, by the store."""
    db = sqlite3.connect(built.database)
    db.execute("PRAGMA journal_mode = OFF")
    for name in ("envelope_at", "event_search"):
        db.execute(f"DROP INDEX {name}")
    db.executemany("INSERT INTO envelope VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _events(built, rows))
    db.commit()
    db.close()
    Store(built.database).close()


def _events(built: Place, rows: int) -> Iterator[tuple[object, ...]]:
    chance = random.Random(1)
    tokens = [one.token.decode() for one in built.told if "/evt/" in one.topic]
    opened = [open_envelope(token, built.ring) for token in tokens]
    names = [str(name) for name in stage.spread(NODES)]
    for number in range(1, rows + 1):
        which = chance.randrange(len(tokens))
        at = NOON - YEAR_S * (1 - number / rows)
        severity = str(opened[which].payload.severity or Severity.INFO)
        kind, happening = opened[which].topic.type, f"{number // 2:016x}"
        yield (chance.choice(names), 9, number, "0" * 64, "evt", kind, at, at, at, severity, happening, tokens[which])


def searched(built: Place) -> dict[str, float]:
    """Milliseconds of an answer of at most a hundred events, each opened and verified."""
    archive, taken = built.archive(), {way: list[float]() for way in WAYS}
    for question in questions():
        for way, spent in taken.items():
            if way == "from the disk":
                _drop(built.database)
            began = perf_counter()
            archive.events(question, at=NOON)
            spent.append((perf_counter() - began) * 1000)
    archive.close()
    return {
        f"search_ms, {way}, {name}": round(figure, 1)
        for way, spent in taken.items()
        for name, figure in (("median", statistics.median(spent)), ("p95", statistics.quantiles(spent, n=20)[-1]))
    }


def _drop(path: Path) -> None:
    """Ask the system to keep nothing of the file in memory; the connection's own 2 MB stay."""
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def questions() -> Iterator[Question]:
    """As the form of the page makes them: any of its five fields may be empty."""
    chance = random.Random(2)
    for _ in range(QUESTIONS):
        until = NOON - chance.random() * YEAR_S / 2
        yield Question(
            since=until - chance.choice((1, 7, 90)) * DAY_S,
            until=until,
            comune=chance.choice(("", *stage.COMUNI)),
            kind=chance.choice(("", *EVENT_KINDS)),
            severity=chance.choice(("", "", "warning", "alarm")),
        )


if __name__ == "__main__":
    main()
