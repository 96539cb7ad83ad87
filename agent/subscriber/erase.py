"""Erasure after retention: what was told goes, number and digest stay, so the chain can still be checked.

The invariant: nothing is erased that no checkpoint has sealed, because a digest alone proves nothing
until somebody has signed for it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from agent.contract.topics import CHAINED, Class
from agent.errors import StoreError
from agent.subscriber.checkpoint import open_database

ERASED = "erased"
"""Class and type of a row of which only number and digest are left."""

_TABLE = """CREATE TABLE IF NOT EXISTS erasure(
    at REAL NOT NULL, klass TEXT NOT NULL, before REAL NOT NULL, erased INTEGER NOT NULL)"""
_OF_CLASS = " FROM envelope WHERE klass = ? AND recorded_at < ? AND kind <> 'dropped'"
"""What a node signed away stays said: it tells of numbers and of nobody."""

_SEALED = (
    " AND seq <= (SELECT coalesce(max(size), 0) FROM checkpoint"
    " WHERE checkpoint.node = envelope.node AND checkpoint.chain = envelope.chain)"
)


@dataclass(frozen=True, slots=True)
class Erasure:
    """What became of one class: rows that were erased, and rows that wait for a checkpoint."""

    klass: str
    before: float
    erased: int
    unsealed: int


def erase(path: Path, before: dict[str, float], *, at: float, rehearse: bool = False) -> list[Erasure]:
    """Erase what of each class was recorded before its instant; StoreError where nothing was ever sealed.

    With `rehearse` it is only counted. The bytes are overwritten in the file and cut from its log; a reader who
    holds the log makes the last of that wait for the next time.
    """
    db = open_database(path)
    try:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'checkpoint'").fetchone():
            raise StoreError(f"{path}: nothing was sealed yet", hint="seal first: piazza witness seal --db FILE")
        done = [_erase(db, klass, before[klass], at, rehearse=rehearse) for klass in CHAINED if klass in before]
        if not rehearse:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}", hint="nothing is half erased; try again") from error
    finally:
        db.close()
    return done


def _erase(db: sqlite3.Connection, klass: str, before: float, at: float, *, rehearse: bool) -> Erasure:
    db.execute("PRAGMA secure_delete = ON").fetchall()
    db.execute("BEGIN IMMEDIATE")
    old = db.execute(f"SELECT count(*){_OF_CLASS}", (klass, before)).fetchone()[0]
    sealed = db.execute(f"SELECT count(*){_OF_CLASS}{_SEALED}", (klass, before)).fetchone()[0]
    if sealed and not rehearse:
        db.execute(_TABLE)
        condition = (_OF_CLASS + _SEALED).removeprefix(" FROM envelope")
        db.execute(
            "DELETE FROM equivocation WHERE EXISTS (SELECT 1 FROM envelope WHERE envelope.node = equivocation.node"
            " AND envelope.chain = equivocation.chain AND envelope.seq = equivocation.seq AND klass = ?"
            " AND recorded_at < ? AND kind <> 'dropped')",
            (klass, before),
        )
        db.execute(
            f"UPDATE envelope SET klass = '{ERASED}', kind = '{ERASED}', at = 0, recorded_at = 0, severity = NULL,"  # noqa: S608 -- words of ours only
            f" correlation = NULL, token = ''{condition}",
            (klass, before),
        )
        if klass == Class.EVT:
            db.execute("DELETE FROM verdict WHERE at < ?", (before,))
        db.execute("INSERT INTO erasure VALUES(?, ?, ?, ?)", (at, klass, before, sealed))
    db.execute("COMMIT")
    return Erasure(klass, before, sealed, old - sealed)
