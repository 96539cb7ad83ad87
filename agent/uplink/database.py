"""The outbox as a file: its tables, how it is opened for writing and for reading, what its errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from agent.contract.jws import GENESIS
from agent.errors import OutboxBroken, OutboxFull, OutboxNewer
from agent.files import NO_ROOM

PAGE_BYTES = 512
"""Of a new file. A commit writes each page that it touches whole, and most touch a handful for the sake of a few hundred bytes."""

CHECKPOINT_PAGES = 2048
"""How long the log grows before it is written back: few enough for a small card, many enough to spare it."""

MODE = 0o640
"""The group may read; SQLite gives its -wal and -shm files the mode of the database."""

VERSION = 1
"""Of the tables below. A release that an update may put back must find what the newer one wrote: tables and columns are added
without another version, with defaults, and a new version is understood one release before it is written."""

RESEND = "resend"
"""Where a range that is to be handed over once more stands among the statements: `FIRST LAST`."""

SELECT_RANGE = "SELECT seq FROM envelope WHERE seq BETWEEN ? AND ? ORDER BY seq"
SELECT_TAIL = "SELECT value FROM meta WHERE key = 'tail'"

_TABLES = (
    """CREATE TABLE IF NOT EXISTS envelope(
        seq INTEGER PRIMARY KEY, klass TEXT NOT NULL, topic TEXT NOT NULL,
        token TEXT NOT NULL, digest TEXT NOT NULL, at REAL NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS statement(
        topic TEXT PRIMARY KEY, token TEXT NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS open_event(id TEXT PRIMARY KEY, event TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID",
)

Connect = Callable[[Path], sqlite3.Connection]
Again = Callable[[Path], None]
"""Puts a file onto the disk that the kernel may only believe to be there."""
Ranges = tuple[tuple[int, int], ...]
Seal = Callable[[int, str], tuple[str, str]]
"""(seq, prev) -> (token, digest)."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of the chain: the newest sequence number and the digest that the next one names."""

    seq: int = 0
    digest: str = GENESIS

    def __str__(self) -> str:
        return f"{self.seq} {self.digest}"

    @classmethod
    def parse(cls, text: str) -> Tail:
        seq, _, digest = text.partition(" ")
        return cls(int(seq), digest)


def connect(path: Path) -> sqlite3.Connection:
    """The ordinary connection of the writer; transactions are ours to begin and end."""
    return sqlite3.connect(path, isolation_level=None, timeout=5.0)


def connect_readonly(path: Path, how: str) -> sqlite3.Connection:
    """A connection that cannot write; `how` is `mode=ro` or `immutable=1`. OutboxNewer where we cannot know what it reads."""
    db = sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, isolation_level=None, timeout=1.0)
    try:
        _version(db, path)
    except (sqlite3.Error, OutboxNewer):
        db.close()
        raise
    return db


def _version(db: sqlite3.Connection, path: Path) -> int:
    """That of the file, 0 while it is new; OutboxNewer for one that we do not know."""
    if (found := asked(db, "user_version")) > VERSION:
        raise OutboxNewer(
            f"{path}: written by a newer release, whose version {found} of the outbox is unknown here",
            hint="install the newer release again; nothing was changed",
        )
    return found


def open_writer(path: Path, *, max_mb: int, connect: Connect, again: Again) -> sqlite3.Connection:
    """The outbox at `path`, made where it is missing; OutboxBroken or OutboxFull where that fails.

    SQLite finds a log only when the disk surely has it: it would write the log into the database and add to it, and a
    power cut would then bring back an older log, whose pages fit the database no more.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=MODE)
        path.chmod(MODE)
        again(path.with_name(f"{path.name}-wal"))
        db = connect(path)
    except (sqlite3.Error, OSError) as error:
        raise failure(error, path) from error
    try:
        new = _version(db, path) < VERSION
        _prepare(db, max_mb=max_mb)
        if new:
            db.execute(f"PRAGMA user_version = {VERSION:d}")
    except OutboxNewer:
        db.close()
        raise
    except sqlite3.Error as error:
        with suppress(sqlite3.Error):
            db.close()
        raise failure(error, path) from error
    return db


def _prepare(db: sqlite3.Connection, *, max_mb: int) -> None:
    for setting in (
        f"page_size = {PAGE_BYTES}",
        "synchronous = EXTRA",  # FULL, and the rollback journal of the first page cannot come back
        "journal_mode = WAL",
        f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        f"journal_size_limit = {4 * CHECKPOINT_PAGES * PAGE_BYTES}",
    ):
        db.execute(f"PRAGMA {setting}").fetchall()
    db.execute(f"PRAGMA max_page_count = {max_mb * 1024 * 1024 // asked(db, 'page_size')}").fetchall()
    for table in _TABLES:
        db.execute(table)


def asked(db: sqlite3.Connection, name: str) -> int:
    """A number that the file says of itself; its page size is that of the day on which it was made."""
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def read_tail(db: sqlite3.Connection) -> Tail:
    """The committed end of the chain."""
    row = db.execute(SELECT_TAIL).fetchone()
    return Tail.parse(row[0]) if row else Tail()


def failure(error: Exception, path: Path) -> OutboxFull | OutboxBroken:
    """What an error of SQLite or of the disk means to the node."""
    full = isinstance(error, OSError) and error.errno in NO_ROOM
    if full or getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
        return OutboxFull(f"{path}: {error}", hint="free the partition or raise uplink.outbox.max_mb")
    return OutboxBroken(
        f"{path}: {error}", hint="look at the disk and the rights of the folder; nothing committed is lost"
    )


def runs(numbers: Iterable[int]) -> Ranges:
    """Ascending numbers as ranges, both ends included."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return tuple(found)
