"""Erasure after retention: what was told goes, number and digest stay, so the chain can still be checked.

The invariant: nothing is erased that no checkpoint has sealed, because a digest alone proves nothing
until somebody has signed for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.contract.topics import CHAINED, Class
from agent.errors import StoreError
from agent.subscriber.tables import Tables, Where, open_tables

ERASED = "erased"
"""Class and type of a row of which only number and digest are left."""

_TABLE = """CREATE TABLE IF NOT EXISTS erasure(
    at DOUBLE PRECISION NOT NULL, klass TEXT NOT NULL, before DOUBLE PRECISION NOT NULL, erased BIGINT NOT NULL)"""
_OLD = "klass = ? AND recorded_at < ? AND kind <> 'dropped'"
"""What a node signed away stays said: it tells of numbers and of nobody."""

_OLD_AND_SEALED = (
    _OLD + " AND seq <= (SELECT coalesce(max(size), 0) FROM checkpoint"  # noqa: S608
    " WHERE checkpoint.node = envelope.node AND checkpoint.chain = envelope.chain)"
)
_COUNT_OLD = f"SELECT count(*) FROM envelope WHERE {_OLD}"  # noqa: S608 -- words of ours only, here and below
_COUNT_SEALED = f"SELECT count(*) FROM envelope WHERE {_OLD_AND_SEALED}"  # noqa: S608
_ERASE = f"""UPDATE envelope SET klass = '{ERASED}', kind = '{ERASED}', at = 0, recorded_at = 0, severity = NULL,
    correlation = NULL, token = '' WHERE {_OLD_AND_SEALED}"""  # noqa: S608
_ERASE_BESIDE = f"""DELETE FROM equivocation WHERE EXISTS (SELECT 1 FROM envelope WHERE envelope.node = equivocation.node
    AND envelope.chain = equivocation.chain AND envelope.seq = equivocation.seq AND {_OLD})"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Erasure:
    """What became of one class: rows that were erased, and rows that wait for a checkpoint."""

    klass: str
    before: float
    erased: int
    unsealed: int


def erase(where: Where, before: dict[str, float], *, at: float, rehearse: bool = False) -> list[Erasure]:
    """Erase what of each class was recorded before its instant; StoreError where nothing was ever sealed.

    With `rehearse` it is only counted. In SQLite the bytes are overwritten in the file and cut from its log; a reader
    who holds the log makes the last of that wait for the next time. PostgreSQL writes the tables anew, which stores
    wait for, and keeps its own log as long as it is set to.
    """
    tables = open_tables(where)
    try:
        if not tables.has("checkpoint"):
            raise StoreError("nothing was sealed yet", hint="seal first: piazza witness seal --db FILE|URI")
        tables.make(_TABLE) if not rehearse else None
        done = [_erase(tables, klass, before[klass], at, rehearse=rehearse) for klass in CHAINED if klass in before]
        if any(one.erased for one in done) and not rehearse:
            tables.shred()
    finally:
        tables.close()
    return done


def _erase(tables: Tables, klass: str, before: float, at: float, *, rehearse: bool) -> Erasure:
    with tables.together():
        ((old,),) = tables.rows(_COUNT_OLD, (klass, before))
        ((sealed,),) = tables.rows(_COUNT_SEALED, (klass, before))
        if sealed and not rehearse:
            tables.change(_ERASE_BESIDE, (klass, before))
            sealed = tables.change(_ERASE, (klass, before))
            if klass == Class.EVT:
                tables.change("DELETE FROM verdict WHERE at < ?", (before,))
            tables.change("INSERT INTO erasure VALUES(?, ?, ?, ?)", (at, klass, before, sealed))
    return Erasure(klass, before, sealed, old - sealed)
