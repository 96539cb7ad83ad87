"""F4 on a real file system: what ext4 has brought to the disk when the power goes after any operation of an update.

    python -m tests.faults.f04_ext4 [--count N] [--seed N] [--json]

A node takes an update in on an ext4 that lies in a file. After every operation (of files, folders and links, and every
statement of the ledger) that file is copied as it is: what the kernel still holds in memory is not in the copy, as after
a power cut. Each copy is mounted, which replays its journal, and must hold the old release or the new one, whole, and
no lower floor than was committed; then the update process is started on it and must come to rest. `--count` is how
often the update is gone through. Where nothing may be mounted the row says `mounts not allowed` and shows nothing.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.ota.ledger import Floors, Ledger, State
from agent.ota.releases import RealDisk, Releases
from agent.ota.source import Shelf
from tests.faults import row
from tests.ota.town import GOOD, WIDER, Health, Node, Union, config

BAD = ("mixed", "floor_went_back", "corrupt", "never_ended")
IMAGE_MB = 16
MODEL = bytes(range(256)) * 900
CHANGES = ("make", "write", "sync", "sync_folder", "rename", "link", "remove")
MOST_STEPS = 12

Snap = Callable[[], None]


class SnappedDisk(RealDisk):
    """The machine's file system, and a call after each change of it; one that is not `careful` syncs nothing."""

    def __init__(self, snap: Snap, *, careful: bool) -> None:
        for name in CHANGES:
            skipped = name.startswith("sync") and not careful
            setattr(self, name, _after(_nothing if skipped else getattr(self, name), snap))


def _nothing(_: Path) -> None:
    """A sync that is left out."""


def _after(operation: Callable[..., None], snap: Snap) -> Callable[..., None]:
    def changed(*arguments: Any) -> None:
        operation(*arguments)
        snap()

    return changed


class SnappedConnection(sqlite3.Connection):
    """SQLite, and a call after each statement."""

    snap: Snap = staticmethod(lambda: None)

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        cursor = super().execute(*arguments)
        self.snap()
        return cursor


class Life:
    """One update on one mounted image, and what the image was after each operation."""

    def __init__(self, union: Union, shelf: Shelf, place: Path) -> None:
        self.root, self.shelf = union.authority.signed("root", 1) or b"", shelf
        self.place, self.image = place, place / "disk.img"
        self.copies: list[tuple[Path, Floors]] = []
        self.floors = Floors()

    def live(self, *, careful: bool) -> None:
        """From an order on a stick to its commit."""
        with self.image.open("wb") as file:
            file.truncate(IMAGE_MB * 1_000_000)
        subprocess.run(["mkfs.ext4", "-q", str(self.image)], check=True)
        with mounted(self.image, self.place / "mounted") as folder:
            Node(folder / "ota", self.root, self.shelf).update().ledger.close()
            subprocess.run(["sync", "--file-system", str(folder)], check=True)
            disk = SnappedDisk(self.snap, careful=careful)
            one = Node(folder / "ota", self.root, self.shelf, gate=Health(GOOD), disk=disk, connect=self.connect)
            update = one.update()
            while update.step().state is not State.COMMITTED:
                self.floors = update.ledger.floors()
            update.ledger.close()

    def connect(self, path: Path) -> sqlite3.Connection:
        kind = type("Connection", (SnappedConnection,), {"snap": staticmethod(self.snap)})
        return sqlite3.connect(path, isolation_level=None, factory=kind)

    def snap(self) -> None:
        """The power goes here: what is on the disk, and the floors that it must still know."""
        copy = self.place / f"{len(self.copies)}.img"
        subprocess.run(["cp", "--sparse=always", str(self.image), str(copy)], check=True)
        self.copies.append((copy, self.floors))

    def judged(self, copy: Path, floors: Floors) -> Iterator[str]:
        """What one power cut has left, in words to be counted."""
        with mounted(copy, self.place / "mounted") as folder:
            releases = Releases(folder / "ota", RealDisk())
            running = releases.running()
            whole = bool(running) and releases.whole(running)
            yield "mixed" if not whole else "old" if running.startswith("000000") else "new"
            try:
                found = _floors(folder / "ota" / "ota.sqlite")
            except sqlite3.DatabaseError:
                yield "corrupt"
                return
            lower = any(found.versions.get(role, 0) < version for role, version in floors.versions.items())
            yield from ["floor_went_back"] if lower or found.seq < floors.seq else []
            one = Node(folder / "ota", self.root, self.shelf, gate=Health(GOOD), boot="boot-2")
            ended = one.steps(MOST_STEPS)
            good = ended.state in (State.COMMITTED, State.ROLLED_BACK) and releases.whole(releases.running())
            yield from [] if good else ["never_ended"]


def _floors(path: Path) -> Floors:
    ledger = Ledger(path)
    try:
        return ledger.floors()
    finally:
        ledger.close()


def run(*, count: int, seed: int, careful: bool = True) -> Counter[str]:
    """The whole update, `count` times; the seed changes nothing, for what the kernel has written is not ours to choose.

    Not `careful`, it syncs no file and no folder: the control.
    """
    del seed
    counts: Counter[str] = Counter(updates=count, images=0, old=0, new=0, mounts_not_allowed=0, **dict.fromkeys(BAD, 0))
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as place:
        if not may_mount(Path(place)):
            counts["mounts_not_allowed"] = 1
            return counts
        union = Union(Path(place) / "union")
        union.release(config(mask=WIDER), files={"model.tflite": MODEL})
        shelf = union.publish(Path(place) / "stick")
        for number in range(count):
            life = Life(union, shelf, Path(place) / str(number))
            life.place.mkdir()
            life.live(careful=careful)
            for copy, floors in life.copies:
                counts["images"] += 1
                counts.update(life.judged(copy, floors))
            shutil.rmtree(life.place)
    return counts


def may_mount(place: Path) -> bool:
    """Whether this machine lets us make an ext4 and mount it."""
    image = place / "try.img"
    image.write_bytes(bytes(4_000_000))
    try:
        subprocess.run(["mkfs.ext4", "-q", str(image)], check=True, capture_output=True)
        with mounted(image, place / "try"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """The file system in a file, for as long as it is needed."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "ext4", "-o", "loop", str(image), str(folder)], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


if __name__ == "__main__":
    raise SystemExit(row.main("F4 ext4", run, count=1, targets=BAD))
