"""F2: the power goes at any moment of the outbox's life; nothing committed is lost, no number comes twice.

    python -m tests.faults.f02_power_cut [--count N] [--seed N] [--json]

Each life of an outbox is a random sequence of puts, commits, receipts, statements, givings-up and
restarts, recorded write by write. Then the power is cut at a random step, half of the times with
writes torn at sectors, and the outbox is opened as a node opens it. It must hold exactly what it held
after the last commit that returned, or after the one that was under way, and go on from there.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from agent.contract.topics import Class
from agent.errors import PiazzaError
from agent.files import write_again
from agent.uplink.outbox import Outbox
from agent.uplink.settings import OutboxSettings
from tests.faults import row
from tests.faults.tools.disk import Disk, Log, image

CUTS_PER_LIFE = 100
STEPS = 120
CLASSES = (Class.EVT, Class.STAT, Class.HEALTH, Class.AUDIT)
SETTINGS = OutboxSettings(max_mb=1)
BAD = ("lost", "issued_again", "corrupt")


@dataclass(frozen=True, slots=True)
class Held:
    """What an outbox holds, as far as anybody may ask for it."""

    rows: tuple[tuple[int, str], ...] = ()
    tail: str = ""
    statements: tuple[tuple[str, int], ...] = ()
    open_events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Life:
    """A recorded life: after `at[i]` steps of the log the outbox held `held[i]`."""

    log: Log
    at: list[int]
    held: list[Held]

    def possible(self, cut: int) -> tuple[Held, ...]:
        """What a cut after so many steps may leave: the last commit that returned, or the next."""
        last = sum(1 for at in self.at if at <= cut) - 1
        return tuple(self.held[last : last + 2])


def run(*, count: int, seed: int, synchronous: Literal["EXTRA", "NORMAL"] = "EXTRA") -> Counter[str]:
    """`count` power cuts; counts of what they did. With NORMAL losses are expected: the control."""
    randomness = random.Random(seed)
    counts: Counter[str] = Counter(
        power_cuts=count, lives=0, lost=0, issued_again=0, corrupt=0, commit_under_way_kept=0
    )
    for first in range(0, count, CUTS_PER_LIFE):
        counts["lives"] += 1
        life = lived(randomness, synchronous)
        for _ in range(min(CUTS_PER_LIFE, count - first)):
            cut = randomness.randrange(len(life.log) + 1)
            counts[judged(life, cut, randomness, torn=randomness.random() < 0.5)] += 1
    del counts["well"]
    return counts


def lived(randomness: random.Random, synchronous: Literal["EXTRA", "NORMAL"]) -> Life:
    """A random life on a recorded disk."""
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as folder:
        path = Path(folder) / "outbox.sqlite"
        disk = Disk(path.parent, synchronous=synchronous)
        outbox = recorded(path, SETTINGS, disk)
        life = Life(disk.log, [0, len(disk.log)], [Held(), held(outbox)])
        for _ in range(STEPS):
            if randomness.random() < 0.03:
                outbox.close()
                outbox = recorded(path, SETTINGS, disk)
            _act(outbox, randomness)
            outbox.flush()
            life.at.append(len(disk.log))
            life.held.append(held(outbox))
        outbox.close()
        disk.close()
    return life


def recorded(path: Path, settings: OutboxSettings, disk: Disk) -> Outbox:
    """An outbox of which each write goes by the disk."""
    again = partial(write_again, write=disk.pwrite, sync=disk.fsync)
    return Outbox(path, settings, connect=disk.connect, again=again)


def _act(outbox: Outbox, randomness: random.Random) -> None:
    """What a flush will have to commit."""
    for _ in range(randomness.randrange(4)):
        _put(outbox, randomness)
    if randomness.random() < 0.2:
        outbox.close_with(lambda tail: ("t/head", f"head {tail}"))
    if randomness.random() < 0.1:
        outbox.opened(str(randomness.randrange(5)), "an event")
    if randomness.random() < 0.1:
        outbox.closed(str(randomness.randrange(5)))
    if randomness.random() < 0.1:
        first = randomness.randrange(outbox.tail.seq + 1)
        outbox.received(cum=first // 2, ranges=((first, first + randomness.randrange(5)),))
    if outbox.crowded() or randomness.random() < 0.03:
        outbox.give_up()


def _put(outbox: Outbox, randomness: random.Random) -> None:
    text = randomness.randbytes(randomness.randrange(200, 1500)).hex()
    outbox.put(
        randomness.choice(CLASSES),
        "t",
        lambda seq, _: (f"{seq} {text}", f"{seq:064x}"),
        0.0,
    )


def held(outbox: Outbox) -> Held:
    """Everything that the outbox holds."""
    db = outbox._db
    return Held(
        tuple((seq, token) for seq, token in db.execute("SELECT seq, token FROM envelope ORDER BY seq")),
        str(outbox.tail),
        tuple((token, version) for token, version in db.execute("SELECT token, version FROM statement ORDER BY topic")),
        tuple(event for (event,) in db.execute("SELECT event FROM open_event ORDER BY id")),
    )


def judged(life: Life, cut: int, randomness: random.Random, *, torn: bool) -> str:
    """What became of the outbox: `well`, `commit_under_way_kept`, or one of BAD."""
    possible = life.possible(cut)
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as folder:
        for name, content in image(life.log[:cut], randomness, torn=torn).items():
            (Path(folder) / name).write_bytes(content)
        try:
            return _opened(Path(folder) / "outbox.sqlite", possible)
        except (PiazzaError, sqlite3.Error):
            return "corrupt"


def _opened(path: Path, possible: tuple[Held, ...]) -> str:
    outbox = Outbox(path, SETTINGS)
    try:
        if outbox._db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            return "corrupt"
        found = held(outbox)
        if found not in possible:
            return "lost"
        outbox.put(Class.EVT, "t", lambda seq, _: ("after the cut", f"{seq:064x}"), 0.0)
        if outbox.flush().seq <= max((seq for seq, _ in found.rows), default=0):
            return "issued_again"
        return "well" if found == possible[0] else "commit_under_way_kept"
    finally:
        outbox._db.close()


if __name__ == "__main__":
    raise SystemExit(row.main("F2 power cut", run, count=10_000, long=100_000, part=500, targets=BAD))
