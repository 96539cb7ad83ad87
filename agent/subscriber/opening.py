"""Whether a file is the database that is meant: asked before anything in it is changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from agent.errors import StoreAbsent, StoreError

_ANOTHER = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_ERROR})
"""No database, no such file, and no such table."""


def unopened(path: Path, error: sqlite3.Error, *, hint: str) -> StoreError:
    """What SQLite said, as the user's error where another path would mend it."""
    kind = StoreAbsent if getattr(error, "sqlite_errorcode", 0) & 0xFF in _ANOTHER else StoreError
    return kind(f"{path}: {error}", hint=hint)


def claim(db: sqlite3.Connection, path: Path, *, table: str, version: int) -> None:
    """Write our version into a database that is new or ours; StoreAbsent for any other, which stays as it is.

    Ours has `table`; one without a version is of the first.
    """
    tables = {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if tables and table not in tables:
        raise StoreAbsent(f"{path}: a database of something else", hint="give another path; nothing was changed")
    if found > version:
        raise StoreAbsent(
            f"{path}: made by a newer release, whose version {found} of the database is unknown here",
            hint="update this machine; nothing was changed",
        )
    if found < version:
        db.execute(f"PRAGMA user_version = {version:d}")
