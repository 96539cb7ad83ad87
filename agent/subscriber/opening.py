"""How a database file is opened: surely on the disk, and the one that is meant, asked before anything in it is changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path

from agent.errors import StoreAbsent, StoreError
from agent.files import write_again

_ANOTHER = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_ERROR})
"""No database, no such file, and no such table."""


def unopened(path: Path, error: sqlite3.Error, *, hint: str) -> StoreError:
    """What SQLite said, as the user's error where another path would mend it."""
    kind = StoreAbsent if getattr(error, "sqlite_errorcode", 0) & 0xFF in _ANOTHER else StoreError
    return kind(f"{path}: {error}", hint=hint)


def connect_surely(
    path: Path, connect: Callable[[], sqlite3.Connection], *, again: Callable[[Path], None] = write_again
) -> sqlite3.Connection:
    """What `connect` opens for writing, whose log the disk surely has; sqlite3.Error where that fails.

    A sync that failed in an earlier life left pages in the log that only the kernel's memory has, and nobody adds to
    such a log or writes it into the database. While a reader holds the file SQLite does not do so when we give up.
    """
    log = path.resolve().with_name(f"{path.resolve().name}-wal")
    if not log.exists():
        return connect()
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10.0)) as reader:
        reader.execute("SELECT 1 FROM sqlite_master").fetchone()
        db = connect()
        try:
            db.execute("BEGIN IMMEDIATE")  # so that no other process writes meanwhile
            again(log)
            db.execute("ROLLBACK")
        except (sqlite3.Error, OSError) as error:
            db.close()
            raise error if isinstance(error, sqlite3.Error) else sqlite3.OperationalError(str(error)) from error
        return db


Connect = Callable[[Path], sqlite3.Connection]


def connect(path: Path) -> sqlite3.Connection:
    """A writer's ordinary connection, whose threads take turns; transactions are its own to begin and end."""
    return connect_surely(
        path, partial(sqlite3.connect, path, isolation_level=None, timeout=10.0, check_same_thread=False)
    )


def claim(db: sqlite3.Connection, path: Path, *, table: str, version: int, tables: Iterable[str]) -> None:
    """Make our `tables` in a database that is new or ours; StoreAbsent for any other, which stays as it is.

    Ours has `table`; one without a version is of the first. Nobody ever finds some of the tables: they come in one
    transaction. What is committed from here on is on the disk: EXTRA, because under FULL a power cut may bring back the
    journal of the first pages, which undoes them under what was added since.
    """
    there = {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if there and table not in there:
        raise StoreAbsent(f"{path}: a database of something else", hint="give another path; nothing was changed")
    if found > version:
        raise StoreAbsent(
            f"{path}: made by a newer release, whose version {found} of the database is unknown here",
            hint="update this machine; nothing was changed",
        )
    for setting in ("synchronous = EXTRA", "journal_mode = WAL"):
        db.execute(f"PRAGMA {setting}").fetchall()
    db.execute("BEGIN")
    for made in tables:
        db.execute(made)
    if found < version:
        db.execute(f"PRAGMA user_version = {version:d}")
    db.execute("COMMIT")
