"""The log of a dm-log-writes device: every write to a disk in its order, and what a power cut at any moment leaves of them.

Pure Python, no kernel and no root: the log is read as it lies in a file. Its format and what its order means are in the
kernel's Documentation/admin-guide/device-mapper/log-writes.rst: a write stands in it once it was flushed, so all before a flush
is on the disk for good, and of what came after the last flush a disk with a cache may keep anything.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

MAGIC = 0x6A736677736872
SUPER = struct.Struct("<QQQI")
"""Magic, version, count of entries, bytes of a sector."""
ENTRY = struct.Struct("<QQQQ")
"""First sector, count of sectors, flags, bytes of a mark."""
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One write; `at` is where its bytes lie in the log, `mark` what somebody has said there."""

    first: int
    count: int
    flags: int
    at: int
    mark: str = ""

    @property
    def writes(self) -> bool:
        return not self.flags & (DISCARD | MARK) and self.count > 0


@dataclass(frozen=True, slots=True)
class Log:
    """All entries of a log, in order; `size` is the bytes of a sector."""

    bytes: mmap
    size: int
    entries: tuple[Entry, ...]

    @classmethod
    def read(cls, path: Path) -> Log:
        """ValueError for a file that holds no such log."""
        with path.open("rb") as file:
            whole = mmap(file.fileno(), 0, access=ACCESS_READ)
        magic, _, count, size = SUPER.unpack_from(whole)
        if magic != MAGIC:
            raise ValueError(f"{path}: no log of writes")
        return cls(whole, size, tuple(_entries(whole, count, size)))

    def after(self, mark: str) -> int:
        """The number of the first entry after a mark; ValueError where nobody has said it."""
        return next((n + 1 for n, one in enumerate(self.entries) if one.mark == mark), 0) or _never(mark)


def _never(mark: str) -> int:
    raise ValueError(f"no mark '{mark}'")


def _entries(whole: mmap, count: int, size: int) -> Iterator[Entry]:
    place = size
    for _ in range(count):
        first, sectors, flags, length = ENTRY.unpack_from(whole, place)
        said = whole[place + ENTRY.size : place + ENTRY.size + length] if flags & MARK else b""
        mark, data = said.rstrip(b"\0").decode("ascii", "replace"), place + size
        yield Entry(first, sectors, flags, data, mark)
        place = data + (0 if flags & (DISCARD | MARK) else sectors * size)


class Disk:
    """A disk that forgets what it was not told to keep: `durable` is what it has for good."""

    def __init__(self, log: Log, before: bytes) -> None:
        self.settled = 0
        """How many writes it has for good."""
        self._log = log
        self._next = 0
        self._volatile: list[Entry] = []
        self.durable = bytearray(before)
        self.marks: list[str] = []

    def run(self, until: int) -> None:
        """Take in the entries before number `until`."""
        for entry in self._log.entries[self._next : until]:
            self._take(entry)
        self._next = max(self._next, until)

    def kept(self, chance: random.Random) -> tuple[Entry, ...]:
        """What is on it beside that when its supply fails now: all, some or none of what it had not to keep."""
        share = chance.choice((0.0, 0.5, 1.0))
        return tuple(entry for entry in self._volatile if chance.random() < share)

    def holds(self, kept: Sequence[Entry]) -> bytearray:
        """All its bytes then."""
        image = bytearray(self.durable)
        for entry in kept:
            self._write(image, entry)
        return image

    def _take(self, entry: Entry) -> None:
        if entry.mark:
            self.marks.append(entry.mark)
        if entry.flags & FLUSH:
            for one in self._volatile:
                self._settle(one)
            self._volatile = []
        if not entry.writes:
            return
        if entry.flags & (FLUSH | FUA):
            self._settle(entry)
        else:
            self._volatile.append(entry)

    def _settle(self, entry: Entry) -> None:
        self._write(self.durable, entry)
        self.settled += 1

    def _write(self, image: bytearray, entry: Entry) -> None:
        begin, length = entry.first * self._log.size, entry.count * self._log.size
        image[begin : begin + length] = self._log.bytes[entry.at : entry.at + length]


def instants(log: Log, *, since: int, count: int, chance: random.Random) -> Sequence[int]:
    """Moments for power cuts, in order; when there are more cuts than entries, moments repeat with another share kept."""
    return sorted(chance.choices(range(since, len(log.entries) + 1), k=count))
