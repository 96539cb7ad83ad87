"""F3: writes and syncs fail now and then; every event is stored once, and what a commit promised is on disk.

    python -m tests.faults.f03_disk_errors [--count N] [--seed N] [--json]

One of a hundred writes and syncs of the outbox fails: I/O error, no space, or a sync that fails. The
writer goes on as the node does: it flushes again, or is killed and starts anew. After every hundred
commits all rows must be there in order, none missing and none twice, and then the power is cut, where
data before a failed sync counts as never synced: what is there must be the same still.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from agent.contract.topics import Class
from agent.errors import OutboxBroken, OutboxFull
from agent.uplink.database import Seal
from agent.uplink.outbox import Outbox
from agent.uplink.settings import OutboxSettings
from tests.faults import row
from tests.faults.f02_power_cut import Held, held, recorded
from tests.faults.tools.disk import Disk, Log, image

COMMITS_PER_LIFE = 100
RATE = 0.01
KILLED = 0.2
"""Share of failed flushes after which the process is killed instead of trying again."""
ERRORS = {"write": (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_FULL), "sync": (sqlite3.SQLITE_IOERR_FSYNC,)}
SETTINGS = OutboxSettings(max_mb=4)
BAD = ("missing", "twice", "lost_in_power_cut")


@dataclass
class Writer:
    """A process that puts events, and starts anew when it is killed."""

    folder: Path
    randomness: random.Random
    counts: Counter[str]
    stored: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    ended: list[tuple[Outbox, Disk]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.disk = Disk(self.folder, fault=self._fault)
        self.outbox = self._started()

    def work(self) -> None:
        """Put one to three events and commit them, whatever happens."""
        for _ in range(self.randomness.randrange(1, 4)):
            text = self.randomness.randbytes(300).hex()
            self.outbox.put(Class.EVT, "t", _sealing(text), 0.0)
            self.waiting.append(text)
        self.commit()

    def commit(self) -> None:
        """Flush until it is done; being killed loses what waits, unless it was stored all the same."""
        while self.waiting:
            try:
                self.outbox.flush()
            except (OutboxBroken, OutboxFull):
                self.counts["failures"] += 1
                if self.randomness.random() < KILLED:
                    self._killed()
            else:
                self.stored, self.waiting = self.stored + self.waiting, []

    def close(self) -> None:
        """Let go of everything, those that were killed first."""
        for outbox, disk in (*self.ended, (self.outbox, self.disk)):
            disk.fault = _no_fault
            outbox._db.close()
            disk.close()

    def _killed(self) -> None:
        """Nobody closes the files of a killed process: what the kernel has of them moves to a new place."""
        self.counts["kills"] += 1
        before = self.outbox.tail.seq
        self.ended.append((self.outbox, self.disk))
        place = self.folder / f"after-{len(self.ended)}"
        place.mkdir()
        for name in ("outbox.sqlite", "outbox.sqlite-wal"):
            if (self.disk.folder / name).exists():
                shutil.copy(self.disk.folder / name, place / name)
        self.disk = Disk(place, fault=self._fault, log=list(self.disk.log))
        self.outbox = self._started()
        if self.outbox.tail.seq > before:
            self.counts["raised_but_stored"] += 1
            self.stored += self.waiting
        self.waiting = []

    def _started(self) -> Outbox:
        """A new process; starting is tried until it works."""
        while True:
            try:
                return recorded(self.disk.folder / "outbox.sqlite", SETTINGS, self.disk)
            except (OutboxBroken, OutboxFull):
                self.counts["failures"] += 1

    def _fault(self, what: str) -> int:
        return self.randomness.choice(ERRORS[what]) if self.randomness.random() < RATE else 0


def _sealing(text: str) -> Seal:
    return lambda seq, _: (text, f"{seq:064x}")


def _no_fault(_: str) -> int:
    return 0


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` commits under faults; counts of what happened."""
    randomness = random.Random(seed)
    counts: Counter[str] = Counter(
        commits=count, failures=0, kills=0, raised_but_stored=0, missing=0, twice=0, lost_in_power_cut=0
    )
    for first in range(0, count, COMMITS_PER_LIFE):
        _life(randomness, counts, commits=min(COMMITS_PER_LIFE, count - first))
    return counts


def _life(randomness: random.Random, counts: Counter[str], *, commits: int) -> None:
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as folder:
        writer = Writer(Path(folder), randomness, counts)
        for _ in range(commits):
            writer.work()
        found = held(writer.outbox)
        tokens = [token for _, token in found.rows]
        counts["missing"] += len(set(writer.stored) - set(tokens))
        counts["twice"] += len(tokens) - len(set(tokens)) + (tokens != writer.stored) + _jumps(found)
        counts["lost_in_power_cut"] += after_power_cut(writer.disk.log, randomness) != found
        writer.close()


def _jumps(found: Held) -> int:
    """Numbers that do not follow the one before."""
    return sum(seq != place for place, (seq, _) in enumerate(found.rows, start=1))


def after_power_cut(log: Log, randomness: random.Random) -> Held:
    """What is there when the power goes at the end of `log`."""
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as folder:
        for name, content in image(log, randomness, torn=True).items():
            (Path(folder) / name).write_bytes(content)
        outbox = Outbox(Path(folder) / "outbox.sqlite", SETTINGS)
        found = held(outbox)
        outbox.close()
        return found


if __name__ == "__main__":
    raise SystemExit(row.main("F3 disk errors", run, count=20_000, long=200_000, targets=BAD))
