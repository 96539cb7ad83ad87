"""F1, the store: killed at any moment, it has promised nothing that it lacks.

    python -m tests.faults.f01_kill_store [--count N] [--seed N] [--json]

The store is killed after a random time and started anew while events come; sense deletes by its
receipts. What was deleted on the node and is not in the database would be lost for ever.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from contextlib import closing

from tests.faults import row
from tests.faults.tools.plant import plant

LONGEST_S = 0.3
EVENTS = 20
BAD = ("lost", "corrupt")


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` kills; counts of what was seen."""
    randomness = random.Random(seed)
    with plant() as one:
        one.start_link()
        for _ in range(count):
            one.start_store()
            one.put(EVENTS)
            one.work(randomness.uniform(0.0, LONGEST_S))
            one.kill("store")
        one.start_store()
        lost = one.settle()
        with closing(sqlite3.connect(one.town.database)) as db:
            whole = db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return Counter(kills=count, events=one.put_so_far, lost=lost, corrupt=int(not whole))


if __name__ == "__main__":
    raise SystemExit(row.main("F1 kill -9 of the store", run, count=100, long=500, targets=BAD))
