"""The store: envelopes in SQLite, each once, whatever a network repeats.

One writer. The invariants: what `commit` has returned for is on the disk (`claim` sees to it), a
receipt can be made only of that, and of one number a second content is kept beside the first, never
in its place.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain as joined
from pathlib import Path
from typing import Any

from agent.contract.chain import Span
from agent.contract.types import MAX_SEQ
from agent.errors import StoreError
from agent.subscriber.holding import Chains, Held, Item, Taken, verdict_row
from agent.subscriber.opening import Connect, claim, connect, unopened

VERSION = 1
"""Of the tables below: raised when an older release could no longer write them."""

COMUNE = "substr(node, instr(node, '/') + 1, instr(substr(node, instr(node, '/') + 1), '/') - 1)"
"""The second level of a node's name, in SQL; word for word as in the index, or SQLite would not use it."""

_TABLES = (
    # A node that gets a new key begins a new chain with number 1: `chain` counts them.
    """CREATE TABLE IF NOT EXISTS node(
        name TEXT PRIMARY KEY, chain INTEGER NOT NULL, last INTEGER NOT NULL, kid TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS kid(name TEXT, kid TEXT, chain INTEGER, PRIMARY KEY(name, kid)) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS envelope(
        node TEXT NOT NULL, chain INTEGER NOT NULL, seq INTEGER NOT NULL, digest TEXT NOT NULL, klass TEXT NOT NULL,
        kind TEXT NOT NULL, at REAL NOT NULL, recorded_at REAL NOT NULL, stored_at REAL NOT NULL, severity TEXT,
        correlation TEXT, token TEXT NOT NULL, PRIMARY KEY(node, chain, seq))""",  # a token would not fit into the key's own tree
    "CREATE INDEX IF NOT EXISTS envelope_at ON envelope(klass, at)",
    # For those who search: every answer is a merge of a few runs of this index, however many rows there are.
    f"CREATE INDEX IF NOT EXISTS event_search ON envelope({COMUNE}, kind, severity, at) WHERE klass = 'evt'",
    "DROP INDEX IF EXISTS event_kind",  # what was searched with before
    """CREATE TABLE IF NOT EXISTS equivocation(
        node TEXT NOT NULL, chain INTEGER NOT NULL, seq INTEGER NOT NULL, digest TEXT NOT NULL, stored_at REAL NOT NULL,
        token TEXT NOT NULL, PRIMARY KEY(node, chain, seq, digest)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS given_up(
        node TEXT NOT NULL, chain INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY(node, chain, first, last)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS statement(topic TEXT PRIMARY KEY, at REAL NOT NULL, token TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS verdict(
        node TEXT NOT NULL, event TEXT NOT NULL, maker TEXT NOT NULL, at REAL NOT NULL, token TEXT NOT NULL,
        PRIMARY KEY(node, event, maker, at)) WITHOUT ROWID""",
)
_PLACES = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT = f"INSERT OR IGNORE INTO envelope VALUES{_PLACES}"
FRESH = "fresh"
TOGETHER = 250
"""Rows of one statement: SQLite then works on them without Python's lock, which whoever verifies waits for."""


class Store:
    """One database file, which no other store writes; threads take turns."""

    def __init__(self, path: Path, *, connect: Connect = connect) -> None:
        try:
            self._db = connect(path)
            claim(self._db, path, table="envelope", version=VERSION, tables=_TABLES)
        except sqlite3.Error as error:
            raise unopened(path, error, hint="give the path of a database that can be written") from error
        self._chains = Chains(
            {name: self._read_held(name, *row) for name, *row in self._db.execute("SELECT * FROM node")},
            {(name, kid): chain for name, kid, chain in self._db.execute("SELECT name, kid, chain FROM kid")},
        )

    def commit(self, items: Sequence[Item], *, at: float) -> Taken:
        """Keep a batch in one transaction; on an error nothing of it was kept, and nothing is owed."""
        before = self._chains.copy()
        chained = [item for item in items if item.envelope.seq]
        owed = sorted({item.node for item in chained})
        try:
            self._db.execute("BEGIN IMMEDIATE")
            counts = Counter(self._keep_all(chained, at))
            for item in items:
                if row := verdict_row(item):
                    self._db.execute("INSERT OR IGNORE INTO verdict VALUES(?, ?, ?, ?, ?)", row)
                elif not item.envelope.seq:
                    self._keep_statement(item)
            self._keep_chains(owed, before)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._db.execute("ROLLBACK") if self._db.in_transaction else None
            self._chains = before
            raise StoreError(f"the store took nothing of a batch: {error}", hint="look at its disk") from error
        return Taken(**counts, nodes=tuple(owed))

    def held(self, node: str) -> Held:
        """What is here of a node, and what it signed away."""
        return self._chains.held.get(node, Held())

    def nodes(self) -> tuple[str, ...]:
        """All nodes that anything was kept of."""
        return tuple(sorted(self._chains.held))

    def count(self) -> int:
        """Envelopes kept."""
        return int(self._db.execute("SELECT count(*) FROM envelope").fetchone()[0])

    def tokens(self, node: str, first: int = 1, last: int = MAX_SEQ) -> Iterable[tuple[int, str]]:
        """Number and token of a node's present chain, in order; an erased one is empty."""
        sql = "SELECT seq, token FROM envelope WHERE node = ? AND chain = ? AND seq BETWEEN ? AND ? ORDER BY seq"
        return self._db.execute(sql, (node, self.held(node).chain, first, last))

    def close(self) -> None:
        self._db.close()

    def _keep_all(self, items: Sequence[Item], at: float) -> Iterator[str]:
        """Keep envelopes in their order; the word for what each was."""
        for begin in range(0, len(items), TOGETHER):
            some = items[begin : begin + TOGETHER]
            new = self._keep_together(some, at)
            yield from (FRESH for _ in some) if new else (self._keep(item, at) for item in some)

    def _keep_together(self, items: Sequence[Item], at: float) -> bool:
        """Keep all in one statement, or none: False where a number is there already, or a key's chain is not yet known."""
        if not all((item.node, item.envelope.key.kid) in self._chains.keys for item in items):
            return False
        rows = [_row(item, self._chains.place(item.envelope), at) for item in items]
        try:
            self._db.execute(
                f"INSERT INTO envelope VALUES{', '.join([_PLACES] * len(rows))}", list(joined.from_iterable(rows))
            )
        except sqlite3.IntegrityError:  # undoes the statement, not the transaction
            return False
        for item, row in zip(items, rows, strict=True):
            self._count(item, row[1])
        return True

    def _count(self, item: Item, chain: int) -> None:
        for first, last in self._chains.count(item.envelope, chain):
            self._db.execute("INSERT OR IGNORE INTO given_up VALUES(?, ?, ?, ?)", (item.node, chain, first, last))

    def _keep(self, item: Item, at: float) -> str:
        """Keep one envelope; the word for what it was."""
        envelope, node = item.envelope, item.node
        chain = self._chains.place(envelope)
        if self._db.execute(_INSERT, _row(item, chain, at)).rowcount:
            self._count(item, chain)
            return FRESH
        key = (node, chain, envelope.seq)
        known = self._db.execute("SELECT digest FROM envelope WHERE node = ? AND chain = ? AND seq = ?", key).fetchone()
        if known[0] == envelope.digest:
            return "repeated"
        self._db.execute(
            "INSERT OR IGNORE INTO equivocation VALUES(?, ?, ?, ?, ?, ?)", (*key, envelope.digest, at, item.token)
        )
        return "equivocations"

    def _keep_chains(self, nodes: Iterable[str], before: Chains) -> None:
        fresh = [(*key, chain) for key, chain in self._chains.keys.items() if key not in before.keys]
        self._db.executemany("INSERT INTO kid VALUES(?, ?, ?)", fresh)
        rows = [(node, held.chain, held.last, held.kid) for node in nodes for held in [self.held(node)]]
        self._db.executemany("INSERT OR REPLACE INTO node VALUES(?, ?, ?, ?)", rows)

    def _keep_statement(self, item: Item) -> None:
        """Only the newest word of a node about itself counts."""
        self._db.execute(
            "INSERT INTO statement VALUES(?1, ?2, ?3) ON CONFLICT(topic) DO UPDATE SET at = ?2, token = ?3"
            " WHERE ?2 >= at",
            (str(item.envelope.topic), item.envelope.recorded_at, item.token),
        )

    def _read_held(self, node: str, chain: int, last: int, kid: str) -> Held:
        """As it was at the last commit: runs of numbers without a gap are found by their distance to their rank."""
        key = (node, chain)
        runs = self._db.execute(
            "SELECT min(seq), max(seq) FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS run FROM envelope"
            " WHERE node = ? AND chain = ?) GROUP BY run",
            key,
        )
        span = Span(runs)
        for first, final in self._db.execute("SELECT first, last FROM given_up WHERE node = ? AND chain = ?", key):
            span.add(first, final)
        return Held(chain, last, kid, tuple(span))


def _row(item: Item, chain: int, at: float) -> tuple[Any, ...]:
    """Of the table `envelope`."""
    envelope, payload = item.envelope, item.envelope.payload
    return (
        item.node, chain, envelope.seq, envelope.digest, envelope.klass, envelope.topic.type, envelope.at,
        envelope.recorded_at, at, payload.severity or None, payload.correlationid or None, item.token,
    )  # fmt: skip
