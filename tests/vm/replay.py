"""The supply fails between any two writes to the card: what is left of the node's folder is opened by the node's own code.

It goes on with the machine of `first_boot.py` and is its last act: `make vm-all`, or `POINTS=100000` once. The machine works
while its kernel logs every write to the data partition (`tests/vm/writes.py`); here any number of power cuts is drawn from
that one log, each with all, some or none of what the card had not been told to keep. Every number that the store had
acknowledged until then must be known to the outbox, with the content that the store has.

The journal of each disk is replayed by e2fsprogs, whose recovery is the kernel's own source, and files that are equal are
opened once: that is what makes a hundred thousand of them a matter of minutes. One in a hundred of the disks is mounted by
this machine's kernel too, and must hold the same files.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.contract.jws import digest
from agent.errors import PiazzaError
from agent.uplink.outbox import Outbox, OutboxReader
from agent.uplink.settings import OutboxSettings
from tests.faults.f04_ext4 import mounted
from tests.vm.authority import CLOCK, ask_store, within
from tests.vm.cuts import BUSY, stored
from tests.vm.writes import Disk, Entry, Log, instants

POINTS = int(os.environ.get("POINTS", "500"))
SEED = int(os.environ.get("SEED", "1"))
WORK_S = float(os.environ.get("WORK_S", "60"))
DATA_MB, LOG_MB = 32, 1024
MOUNTED_EACH = 100
MENDED = 1
"""What e2fsck ends with when it has replayed a journal; more is a file system that cannot be saved."""
FILES = ("outbox.sqlite", "outbox.sqlite-wal")
SAID = "stored-"


@pytest.mark.timeout(900 + POINTS)
def test_between_any_two_writes_nothing_acknowledged_is_lost(rung, machine, authority, tmp_path):
    if rung[0] != "uml":
        pytest.skip("rung nspawn: its kernel logs no writes")
    before, log = life(machine, authority, tmp_path)
    moments = [entry.mark for entry in log.entries if entry.mark.startswith(SAID)]
    assert len(set(moments)) > 3, "the store has acknowledged too little meanwhile"
    began = CLOCK.monotonic()
    found, judge = survey(before, log, dict(ask_store(authority, "SELECT seq, token FROM envelope")))
    rate = POINTS / (CLOCK.monotonic() - began)
    print(
        f"{POINTS} power cuts among {len(log.entries)} writes with {len(set(moments))} marks of what was acknowledged, seed {SEED}: "
        f"{dict(found)}; {judge.disks} different disks with {len(judge.known)} different outboxes and "
        f"{len({left.newest for left in judge.known.values()})} ends of the chain, {rate:.0f} cuts a second"
    )
    assert set(found) == {"whole"}


def life(machine, authority, place) -> tuple[bytes, Log]:
    """What the data partition held at first, and the log of what was written there while the machine worked."""
    data, written = place / "data", place / "log"
    subprocess.run(["truncate", "--size", f"{DATA_MB}M", str(data)], check=True)
    subprocess.run(["truncate", "--size", f"{LOG_MB}M", str(written)], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-b", "4096", str(data)], check=True)
    before = data.read_bytes()
    machine.power_off()
    machine.disks = (data, written)
    machine.start()
    machine.inside("systemd-run", "--quiet", "--no-block", "sh", "-c", BUSY)
    first = stored(authority)
    within(300, lambda: stored(authority) > first)
    end = CLOCK.monotonic() + WORK_S
    while CLOCK.monotonic() < end:
        most = stored(authority)  # asked first: whatever the log says from now on, this was acknowledged before
        assert machine.inside("dmsetup", "message", "data", "0", "mark", f"{SAID}{most}").returncode == 0
        CLOCK.sleep(0.1)
    machine.power_off()
    return before, Log.read(written)


@dataclass(frozen=True, slots=True)
class Left:
    """What one disk holds: in a word, and the highest number that its outbox knows."""

    word: str
    newest: int = 0


def survey(before: bytes, log: Log, told: dict[int, str]) -> tuple[Counter[str], Judge]:
    """What is left after each of POINTS power cuts, in one word; and who has looked at the different disks that those left."""
    found: Counter[str] = Counter()
    chance = random.Random(SEED)
    disk, seen = Disk(log, before), dict[tuple[int, tuple[Entry, ...]], Left]()
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        judge = Judge(Path(folder), told)
        for moment in instants(log, since=log.after("moved"), count=POINTS, chance=chance):
            disk.run(moment)
            kept = disk.kept(chance)
            state = disk.settled, kept
            if state not in seen:
                seen[state] = judge(disk.holds(kept))
            left = seen[state]
            word = "lost" if left.word == "whole" and left.newest < acknowledged(disk.marks) else left.word
            found[word] += 1
            if word != "whole":
                print(f"before write {moment}, {len(kept)} kept: {word}")
    return found, judge


def acknowledged(marks: list[str]) -> int:
    """The highest number that the store had when the last mark was made."""
    return max((int(mark.removeprefix(SAID)) for mark in marks if mark.startswith(SAID)), default=0)


@dataclass(slots=True)
class Judge:
    """Says what a disk holds; `told` is what the store has by its number."""

    place: Path
    told: dict[int, str]
    disks: int = 0
    known: dict[tuple[bytes, ...], Left] = field(default_factory=dict)
    """By the content of the files of the outbox."""

    def __call__(self, image: bytearray) -> Left:
        self.disks += 1
        path = self.place / f"{self.disks}.img"  # a new file: the kernel may not have let go of the last one
        path.write_bytes(image)
        by_kernel = files_by_kernel(path, self.place / "mounted") if self.disks % MOUNTED_EACH == 1 else None
        files = files_of(path, self.place)
        path.unlink()
        assert by_kernel in (None, files), "this kernel finds other files on the disk"
        key = tuple(sha256(content).digest() for content in files)
        if key not in self.known:
            self.known[key] = self._opened(files)
        return self.known[key]

    def _opened(self, files: tuple[bytes, ...]) -> Left:
        """Open what is left as `link` and as `sense` would."""
        if not files[0]:
            return Left("no outbox")
        with TemporaryDirectory(dir=self.place) as folder:
            for name, content in zip(FILES, files, strict=True):
                (Path(folder) / name).write_bytes(content)
            try:
                return judged(Path(folder) / FILES[0], self.told)
            except (PiazzaError, sqlite3.Error):
                return Left("no outbox")


def files_of(image: Path, place: Path) -> tuple[bytes, ...]:
    """The files of the outbox after the journal was replayed; empty where there is none.

    Replayed by e2fsck: debugfs could do that too, but will not open a disk whose descriptors are newer than its bitmaps,
    as a cut between the two leaves them, and the journal has both.
    """
    wanted = [place / name for name in FILES]
    replay = subprocess.run(["e2fsck", "-y", "-E", "journal_only", str(image)], check=False, capture_output=True)
    assert replay.returncode <= MENDED, replay.stdout
    asked = "\n".join(f"dump /{path.name} {path}" for path in wanted)
    subprocess.run(["debugfs", "-c", "-f", "-", str(image)], input=asked, text=True, check=True, capture_output=True)
    contents = tuple(path.read_bytes() if path.exists() else b"" for path in wanted)
    for path in wanted:
        path.unlink(missing_ok=True)
    return contents


def files_by_kernel(image: Path, place: Path) -> tuple[bytes, ...]:
    """The same, on a copy of the disk that the kernel mounts."""
    copy = image.with_suffix(".copy")
    copy.write_bytes(image.read_bytes())
    with mounted(copy, place) as folder:
        contents = tuple((folder / name).read_bytes() if (folder / name).exists() else b"" for name in FILES)
    copy.unlink()
    return contents


def judged(path: Path, told: dict[int, str]) -> Left:
    """Whether an outbox knows what the store has, and up to which number."""
    with closing(OutboxReader(path)) as reader:
        waiting = reader.after(0, limit=10**6)
    with closing(Outbox(path, OutboxSettings())) as outbox:
        tail = outbox.tail
    with closing(sqlite3.connect(path)) as database:
        whole = database.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    last = told.get(tail.seq)
    same = all(told.get(row.seq, row.token) == row.token for row in waiting)
    same = same and (last is None or digest(last.rpartition(".")[0]) == tail.digest)
    return Left("corrupt" if not whole else "whole" if same else "told twice", tail.seq)
