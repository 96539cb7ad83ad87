"""The store: envelopes in SQLite, each once, whatever a network repeats.

One writer. The invariants: what `commit` has returned for is on the disk (`synchronous=FULL`), a
receipt can be made only of that, and of one number a second content is kept beside the first, never
in its place.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from agent.contract.chain import Span
from agent.contract.types import MAX_SEQ
from agent.errors import StoreError
from agent.subscriber.holding import Chains, Held, Item, Taken, verdict_row
from agent.subscriber.opening import claim, connect_surely, unopened

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
_INSERT = "INSERT OR IGNORE INTO envelope VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Store:
    """One database file, which no other store writes; threads take turns."""

    def __init__(self, path: Path) -> None:
        try:
            self._db = connect_surely(
                path, partial(sqlite3.connect, path, isolation_level=None, timeout=10.0, check_same_thread=False)
            )
            claim(self._db, path, table="envelope", version=VERSION)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            for table in _TABLES:
                self._db.execute(table)
        except sqlite3.Error as error:
            raise unopened(path, error, hint="give the path of a database that can be written") from error
        self._chains = Chains(
            {name: self._read_held(name, *row) for name, *row in self._db.execute("SELECT * FROM node")},
            {(name, kid): chain for name, kid, chain in self._db.execute("SELECT name, kid, chain FROM kid")},
        )

    def commit(self, items: Sequence[Item], *, at: float) -> Taken:
        """Keep a batch in one transaction; on an error nothing of it was kept, and nothing is owed."""
        before = self._chains.copy()
        counts = {"fresh": 0, "repeated": 0, "equivocations": 0}
        owed = sorted({item.node for item in items if item.envelope.seq})
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for item in items:
                if item.envelope.seq:
                    counts[self._keep(item, at)] += 1
                elif row := verdict_row(item):
                    self._db.execute("INSERT OR IGNORE INTO verdict VALUES(?, ?, ?, ?, ?)", row)
                else:
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

    def _keep(self, item: Item, at: float) -> str:
        """Keep one envelope; the word for what it was."""
        envelope, node = item.envelope, item.node
        chain = self._chains.place(envelope)
        payload = envelope.payload
        kept = self._db.execute(
            _INSERT,
            (
                node, chain, envelope.seq, envelope.digest, envelope.klass, envelope.topic.type, envelope.at,
                envelope.recorded_at, at, payload.severity or None, payload.correlationid or None, item.token,
            ),
        )  # fmt: skip
        if kept.rowcount:
            for first, last in self._chains.count(envelope, chain):
                self._db.execute("INSERT OR IGNORE INTO given_up VALUES(?, ?, ?, ?)", (node, chain, first, last))
            return "fresh"
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
