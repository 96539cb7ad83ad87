"""A disk that forgets and fails: SQLite's writes recorded, and what a power cut would have left of them.

`Disk.connect` opens a SQLite database through a VFS of APSW that passes everything to the real file
and writes down each write, truncation, sync and deletion. `image` then gives the files as a power cut
after any of these steps would have left them: what was synced is there; each step since may be there,
not there, or (torn) there in some of its sectors. With a `fault` hook, writes and syncs fail instead.

After a failed sync the data before it counts as never synced again, as the Linux kernel treats it
(Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).

The connection is in exclusive locking mode, because a Python VFS has no shared memory.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from errno import EIO, ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import apsw

if TYPE_CHECKING:
    from typing_extensions import Buffer

SECTOR = 512
KEPT = 0.5
"""Chance that something which was not synced reached the disk all the same."""

Fault = Callable[[str], int]
"""Given `write` or `sync`, the SQLite error code with which it fails; 0 lets it pass."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a file."""

    kind: Literal["write", "truncate", "sync", "sync-failed", "delete"]
    file: str
    offset: int = 0
    data: bytes = b""


Log = list[Step]


@dataclass
class Disk:
    """A folder whose SQLite files are recorded in `log`."""

    folder: Path
    fault: Fault = lambda _: 0
    synchronous: Literal["EXTRA", "NORMAL"] = "EXTRA"
    """NORMAL takes the outbox's care away, to show that the loss it causes is found."""
    log: Log = field(default_factory=list)

    def __post_init__(self) -> None:
        self._vfs = _Recorder(f"disk-{id(self):x}", self)

    def connect(self, path: Path) -> sqlite3.Connection:
        """A connection that the outbox can use in place of the standard library's."""
        return cast("sqlite3.Connection", _Connection(path, self._vfs.vfs_name, self.synchronous))

    def close(self) -> None:
        self._vfs.unregister()

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        """In place of `os.pwrite`, for a file beside SQLite's own; what fails is an OSError."""
        self._fail("write")
        done = os.pwrite(descriptor, data, offset)
        self.log.append(Step("write", _name(descriptor), offset, data[:done]))
        return done

    def fsync(self, descriptor: int) -> None:
        """In place of `os.fsync`."""
        try:
            self._fail("sync")
        except OSError:
            self.log.append(Step("sync-failed", _name(descriptor)))
            raise
        os.fsync(descriptor)
        self.log.append(Step("sync", _name(descriptor)))

    def _fail(self, what: str) -> None:
        if code := self.fault(what):
            raise OSError(ENOSPC if code == sqlite3.SQLITE_FULL else EIO, "the disk fails")


def _name(descriptor: int) -> str:
    return Path(f"/proc/self/fd/{descriptor}").readlink().name


def image(log: Sequence[Step], randomness: random.Random, *, torn: bool) -> dict[str, bytes]:
    """The files after a power cut that came when `log` had happened, chosen at random."""
    disk: dict[str, bytearray] = {}
    for step, durable in zip(log, _durable(log), strict=True):
        for part in [step] if durable else _parts(step, torn=torn):
            if durable or randomness.random() < KEPT:
                _apply(disk, part)
    return {name: bytes(content) for name, content in disk.items()}


def _durable(log: Sequence[Step]) -> list[bool]:
    """For each step, whether a sync that succeeded made it last."""
    durable = [False] * len(log)
    waiting: dict[str, list[int]] = {}
    for number, step in enumerate(log):
        if step.kind == "sync":
            for earlier in waiting.pop(step.file, []):
                durable[earlier] = True
            durable[number] = True
        elif step.kind == "sync-failed":
            waiting.pop(step.file, None)
        else:
            waiting.setdefault(step.file, []).append(number)
    return durable


def _parts(step: Step, *, torn: bool) -> Iterable[Step]:
    """What of a step may reach the disk by itself."""
    if not torn or step.kind != "write":
        return [step]
    return [
        Step("write", step.file, step.offset + at, step.data[at : at + SECTOR])
        for at in range(0, len(step.data), SECTOR)
    ]


def _apply(disk: dict[str, bytearray], step: Step) -> None:
    if step.kind == "delete":
        disk.pop(step.file, None)
        return
    content = disk.setdefault(step.file, bytearray())
    if step.kind in ("write", "truncate"):
        content.extend(bytes(max(0, step.offset - len(content))))
    if step.kind == "write":
        content[step.offset : step.offset + len(step.data)] = step.data
    if step.kind == "truncate":
        del content[step.offset :]


class _Recorder(apsw.VFS):
    """Passes everything to the unix VFS and tells the disk."""

    def __init__(self, name: str, disk: Disk) -> None:
        self.vfs_name = name
        self._disk = disk
        super().__init__(name, base="unix")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 -- SQLite's name
        return _File(name, flags, self._disk)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802, FBT001
        super().xDelete(filename, syncdir)
        self._disk.log.append(Step("delete", Path(filename).name))
        if syncdir:
            self._disk.log.append(Step("sync", Path(filename).name))


class _File(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int], disk: Disk) -> None:
        self._name = Path(name.filename() if isinstance(name, apsw.URIFilename) else name or "temporary").name
        self._disk = disk
        super().__init__("unix", name, flags)

    def xWrite(self, data: Buffer, offset: int) -> None:  # noqa: N802
        self._fail("write")
        super().xWrite(data, offset)
        self._disk.log.append(Step("write", self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        self._disk.log.append(Step("truncate", self._name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802
        try:
            self._fail("sync")
        except apsw.Error:
            self._disk.log.append(Step("sync-failed", self._name))
            raise
        super().xSync(flags)
        self._disk.log.append(Step("sync", self._name))

    def _fail(self, what: str) -> None:
        code = self._disk.fault(what)
        if code:
            raise apsw.exception_for(code)


class _Connection:
    """What a program asks of a connection that begins and ends its transactions itself, with the standard library's errors."""

    def __init__(self, path: Path, vfs: str, synchronous: str) -> None:
        self._synchronous = synchronous
        try:
            self._db = apsw.Connection(str(path), vfs=vfs)
        except apsw.Error as error:
            raise _translated(error) from error
        self.execute("PRAGMA locking_mode = EXCLUSIVE")

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """All rows at once, so that an error shows here and not in a loop."""
        sql = sql.replace("synchronous = EXTRA", f"synchronous = {self._synchronous}")
        try:
            rows = _Rows(self._db.execute(sql, tuple(str(v) if isinstance(v, str) else v for v in values)))
        except apsw.Error as error:
            raise _translated(error) from error
        rows.rowcount = self._db.changes()
        return rows

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        for values in rows:
            self.execute(sql, values)

    @property
    def in_transaction(self) -> bool:
        return bool(self._db.in_transaction)

    def close(self) -> None:
        try:
            self._db.close(True)
        except apsw.Error as error:
            raise _translated(error) from error


class _Rows(list[Any]):
    """Rows that were read, or how many were changed."""

    rowcount = 0

    def fetchone(self) -> Any:
        return self[0] if self else None

    def fetchall(self) -> list[Any]:
        return self


def _translated(error: apsw.Error) -> sqlite3.DatabaseError:
    kind = sqlite3.IntegrityError if isinstance(error, apsw.ConstraintError) else sqlite3.OperationalError
    translated = kind(str(error))
    translated.sqlite_errorcode = getattr(error, "extendedresult", 0)
    return translated
