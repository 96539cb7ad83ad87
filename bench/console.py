"""The control room: how long a search of the store takes, and what a hundred thousand events cost the desk.

    python -m bench.console [--rows N] [--json]

The database holds N rows spread over a year and 600 nodes; their tokens are those of 2,000 real envelopes,
again and again, so that every answer still verifies signatures. Questions are drawn with a fixed seed.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sqlite3
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, process_time

from agent.console.archive import Question
from agent.console.desk import Desk
from agent.contract.envelope import open_envelope
from agent.governance.rights import EVENT_KINDS
from agent.simulation.script import Story, records
from agent.subscriber import Reader
from agent.transport import Message
from bench import machine
from tests.console.rooms import DAY_S, NOON, Place, place

YEAR_S = 365 * DAY_S
QUESTIONS = 200
FED = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        built = place(Path(folder) / "union", days=10.0)
        fill(built, options.rows)
        found = {"machine": machine.describe(), "rows": options.rows, **searched(built), **fed(built)}
    print(json.dumps(found) if options.json else "\n".join(f"{name}: {value}" for name, value in found.items()))


def fill(built: Place, rows: int) -> None:
    """More rows of the same tokens, under numbers and times of their own."""
    chance = random.Random(1)
    tokens = [one.token.decode() for one in built.told if "/evt/" in one.topic]
    kinds = [open_envelope(token, built.ring).topic.type for token in tokens]
    db = sqlite3.connect(built.database)
    names = [str(node.name) for node in built.nodes]
    made = (
        (chance.choice(names), 9, number, "0" * 64, "evt", kinds[which], NOON - chance.random() * YEAR_S, 0, 0,
         chance.choice(("notice", "warning", "alarm")), f"{number:016x}", tokens[which])
        for number in range(1, rows + 1)
        for which in [chance.randrange(len(tokens))]
    )  # fmt: skip
    db.executemany("INSERT INTO envelope VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", made)
    db.commit()
    db.close()


def searched(built: Place) -> dict[str, float]:
    """Milliseconds of one answer of at most a hundred events, by the clock and of the processor."""
    archive, taken, spent = built.archive(), [], []
    for question in questions():
        began, cpu = perf_counter(), process_time()
        archive.events(question, at=NOON)
        taken.append((perf_counter() - began) * 1000)
        spent.append((process_time() - cpu) * 1000)
    archive.close()
    return {
        "search_ms_median": round(statistics.median(taken), 1),
        "search_ms_p95": round(statistics.quantiles(taken, n=20)[-1], 1),
        "search_cpu_ms_p95": round(statistics.quantiles(spent, n=20)[-1], 1),
    }


def questions() -> Iterator[Question]:
    chance = random.Random(2)
    for _ in range(QUESTIONS):
        until = NOON - chance.random() * YEAR_S / 2
        yield Question(
            since=until - chance.choice((1, 7, 90)) * DAY_S,
            until=until,
            comune=chance.choice(("", "faenza", "riolo")),
            kind=chance.choice(("", *EVENT_KINDS)),
            severity=chance.choice(("", "", "alarm")),
        )


def fed(built: Place) -> dict[str, float]:
    """What the desk keeps after a hundred thousand events, and microseconds for each."""
    desk, reader = Desk(built.sight()), Reader(built.ring, partial=True)
    story = Story(2, "faenza", "riolo", "", 0.0, 400.0)
    node, spot = built.nodes[0], built.town.spots[0]
    told = [one for record in records(story, spot, NOON, NOON + 5 * DAY_S) for one in node.seal(record)]
    news = [reader.read(Message(one.topic, one.token)) for one in told]
    before, began, count = rss_mib(), process_time(), 0
    while count < FED:
        for one in news:
            desk.take(one, at=NOON)
            count += 1
    spent = process_time() - began
    return {"fed": count, "desk_us": round(spent / count * 1e6, 1), "desk_mib": round(rss_mib() - before, 1)}


def rss_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
