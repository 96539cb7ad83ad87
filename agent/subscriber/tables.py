"""A store's tables, for those who work beside it: seals, erasure, audit.

One SQL for SQLite and PostgreSQL, with `?` for a value. The invariant: whatever goes wrong in a database
comes out as StoreError, and then nothing of a transaction was done.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from agent.errors import StoreAbsent, UserError
from agent.subscriber.holding import EventStore
from agent.subscriber.opening import connect_surely, unopened
from agent.subscriber.store import COMUNE, Store

Row = tuple[Any, ...]
Where = Path | str
"""A file, or the URI of a PostgreSQL server."""

ASKED = "SELECT node FROM envelope LIMIT 1"
"""What can be asked of every store."""

NO_STORE = "give the database of a store: piazza store --db FILE|URI"


class Tables(Protocol):
    """A second connection to the database of a store that may be running.

    In its SQL `row` is the place of a row, `comune` the second level of a node's name, and `nothing` what an index
    is searched for where a column is empty.
    """

    row: str
    comune: str
    nothing: str

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All that a query gives."""

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """The same for more than memory holds; nothing else is asked until it has ended."""

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Do something; how many rows it changed."""

    def make(self, table: str) -> None:
        """Make a table unless it is there, also where others do so at the same time."""

    def has(self, table: str) -> bool: ...

    def together(self) -> AbstractContextManager[None]:
        """What is done in the block is done wholly or not at all."""

    def shred(self) -> None:
        """See to it that what was deleted or changed cannot be read from the tables' files any more."""

    def close(self) -> None: ...


def is_server(where: Where) -> bool:
    return str(where).startswith(("postgresql://", "postgres://"))


def open_tables(where: Where, *, only_reads: bool = False) -> Tables:
    """The tables of a store; StoreError where there are none.

    What `only_reads` cannot change anything, and its threads may take turns.
    """
    if not is_server(where):
        return SqliteTables(Path(where), only_reads=only_reads)
    return _postgres().PostgresTables(str(where), only_reads=only_reads)  # type: ignore[no-any-return]


def open_store(where: Where) -> EventStore:
    """The database that a store writes, made if it is not there; StoreError where it cannot be used."""
    if not is_server(where):
        return Store(Path(where))
    return _postgres().PostgresStore(str(where))  # type: ignore[no-any-return]


def _postgres() -> Any:
    try:
        from agent.subscriber import postgres
    except ImportError as error:
        raise UserError("--db postgresql://: psycopg is missing", hint="pip install 'piazza[store]'") from error
    return postgres


class SqliteTables:
    """A store's file."""

    row = "rowid"
    comune = COMUNE
    nothing = "CAST(NULL AS TEXT)"
    """For a bare NULL it would take another index, and read a thousand times as much."""

    def __init__(self, path: Path, *, only_reads: bool = False) -> None:
        self._path = path
        if not path.is_file():
            raise StoreAbsent(f"{path}: there is no such file", hint=NO_STORE)
        with self._told(NO_STORE):
            connect = partial(
                sqlite3.connect,
                f"{path.resolve().as_uri()}?mode={'ro' if only_reads else 'rw'}",
                uri=True,
                isolation_level=None,
                timeout=10.0,
                check_same_thread=not only_reads,
            )
            self._db = connect() if only_reads else connect_surely(path, connect)
            self._db.execute(ASKED).fetchone()
            if not only_reads:
                self._db.execute("PRAGMA secure_delete = ON").fetchall()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._told():
            return self._db.execute(sql, values).fetchall()

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        with self._told():
            yield from self._db.execute(sql, values)

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        with self._told():
            return self._db.execute(sql, values).rowcount

    def make(self, table: str) -> None:
        self.change(table)

    def has(self, table: str) -> bool:
        return bool(self.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)))

    @contextmanager
    def together(self) -> Iterator[None]:
        self.change("BEGIN IMMEDIATE")
        try:
            yield
            self.change("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def shred(self) -> None:
        """The bytes were overwritten in the file as they were deleted; a reader who holds the log makes the last of it wait."""
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _told(self, hint: str = "nothing is half done; try again") -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise unopened(self._path, error, hint=hint) from error
