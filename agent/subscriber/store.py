"""The store: envelopes in SQLite, each once, whatever a network repeats.

One writer. The invariants: what `commit` has returned for is on the disk (`synchronous=FULL`), a
receipt can be made only of that, and of one number a second content is kept beside the first, never
in its place.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.contract.chain import Range, Span
from agent.contract.envelope import Envelope
from agent.contract.jws import GENESIS
from agent.contract.types import AuditData
from agent.errors import StoreError

_TABLES = (
    # A node that gets a new key begins a new chain with number 1: `chain` counts them.
    """CREATE TABLE IF NOT EXISTS node(
        name TEXT PRIMARY KEY, chain INTEGER NOT NULL, last INTEGER NOT NULL, kid TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS kid(name TEXT, kid TEXT, chain INTEGER, PRIMARY KEY(name, kid)) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS envelope(
        node TEXT NOT NULL, chain INTEGER NOT NULL, seq INTEGER NOT NULL, digest TEXT NOT NULL, klass TEXT NOT NULL,
        kind TEXT NOT NULL, at REAL NOT NULL, recorded_at REAL NOT NULL, stored_at REAL NOT NULL, severity TEXT,
        correlation TEXT, token TEXT NOT NULL, PRIMARY KEY(node, chain, seq)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS envelope_at ON envelope(klass, at)",
    """CREATE TABLE IF NOT EXISTS equivocation(
        node TEXT NOT NULL, chain INTEGER NOT NULL, seq INTEGER NOT NULL, digest TEXT NOT NULL, stored_at REAL NOT NULL,
        token TEXT NOT NULL, PRIMARY KEY(node, chain, seq, digest)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS given_up(
        node TEXT NOT NULL, chain INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY(node, chain, first, last)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS statement(topic TEXT PRIMARY KEY, at REAL NOT NULL, token TEXT NOT NULL) WITHOUT ROWID",
)
_INSERT = "INSERT OR IGNORE INTO envelope VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch; `nodes` are those that are owed a receipt."""

    fresh: int = 0
    repeated: int = 0
    equivocations: int = 0
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """What is here of a node's present chain: its numbers, and the key that signed the highest."""

    chain: int = 0
    last: int = 0
    kid: str = ""
    span: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """An opened envelope with the token that it came in."""

    envelope: Envelope
    token: str


class Store:
    """One database file."""

    def __init__(self, path: Path) -> None:
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10.0)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            for table in _TABLES:
                self._db.execute(table)
        except sqlite3.Error as error:
            raise StoreError(f"{path}: {error}", hint="give the path of a database that can be written") from error
        self._held = {name: self._read_held(name, *row) for name, *row in self._db.execute("SELECT * FROM node")}

    def commit(self, items: Sequence[Item], *, at: float) -> Taken:
        """Keep a batch in one transaction; on an error nothing of it was kept, and nothing is owed."""
        before = dict(self._held)
        counts = {"fresh": 0, "repeated": 0, "equivocations": 0}
        owed = sorted({str(item.envelope.topic.name) for item in items if item.envelope.seq})
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for item in items:
                if item.envelope.seq:
                    counts[self._keep(item, at)] += 1
                else:
                    self._keep_statement(item)
            self._keep_held(owed)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._db.execute("ROLLBACK") if self._db.in_transaction else None
            self._held = before
            raise StoreError(f"the store took nothing of a batch: {error}", hint="look at its disk") from error
        return Taken(**counts, nodes=tuple(owed))

    def held(self, node: str) -> Held:
        """What is here of a node, and what it signed away."""
        return self._held.get(node, Held())

    def nodes(self) -> tuple[str, ...]:
        """All nodes that anything was kept of."""
        return tuple(sorted(self._held))

    def count(self) -> int:
        """Envelopes kept."""
        return int(self._db.execute("SELECT count(*) FROM envelope").fetchone()[0])

    def tokens(self, node: str) -> Iterable[tuple[int, str]]:
        """Number and token of a node's present chain, in order."""
        sql = "SELECT seq, token FROM envelope WHERE node = ? AND chain = ? ORDER BY seq"
        return self._db.execute(sql, (node, self.held(node).chain))

    def close(self) -> None:
        self._db.close()

    def _keep(self, item: Item, at: float) -> str:
        """Keep one envelope; the word for what it was."""
        envelope, node = item.envelope, str(item.envelope.topic.name)
        chain = self._chain_of(envelope, node)
        payload = envelope.payload
        kept = self._db.execute(
            _INSERT,
            (
                node, chain, envelope.seq, envelope.digest, envelope.klass, envelope.topic.type, envelope.at,
                envelope.recorded_at, at, payload.severity or None, payload.correlationid or None, item.token,
            ),
        )  # fmt: skip
        if kept.rowcount:
            self._account(envelope, node, chain)
            return "fresh"
        key = (node, chain, envelope.seq)
        known = self._db.execute("SELECT digest FROM envelope WHERE node = ? AND chain = ? AND seq = ?", key).fetchone()
        if known[0] == envelope.digest:
            return "repeated"
        self._db.execute(
            "INSERT OR IGNORE INTO equivocation VALUES(?, ?, ?, ?, ?, ?)", (*key, envelope.digest, at, item.token)
        )
        return "equivocations"

    def _account(self, envelope: Envelope, node: str, chain: int) -> None:
        """The number is here; with a `dropped` record also those that will never come."""
        held = self._held[node]
        if chain != held.chain:
            return
        span = Span(held.span)
        span.add(envelope.seq, envelope.seq)
        if isinstance(envelope.data, AuditData) and envelope.data.action == "dropped":
            for first, last in envelope.data.ranges:
                span.add(first, last)
                self._db.execute("INSERT OR IGNORE INTO given_up VALUES(?, ?, ?, ?)", (node, chain, first, last))
        newest = (envelope.seq, envelope.key.kid) if envelope.seq > held.last else (held.last, held.kid)
        self._held[node] = Held(chain, *newest, tuple(span))

    def _chain_of(self, envelope: Envelope, node: str) -> int:
        """The chain that an envelope belongs to; a new key with number 1 begins the next one."""
        kid = envelope.key.kid
        known = self._db.execute("SELECT chain FROM kid WHERE name = ? AND kid = ?", (node, kid)).fetchone()
        if known is not None:
            return int(known[0])
        if node not in self._held or (envelope.seq == 1 and envelope.prev == GENESIS):
            self._held[node] = Held(self.held(node).chain + 1)
        self._db.execute("INSERT INTO kid VALUES(?, ?, ?)", (node, kid, self.held(node).chain))
        return self.held(node).chain

    def _keep_held(self, nodes: Iterable[str]) -> None:
        rows = [(node, held.chain, held.last, held.kid) for node in nodes for held in [self._held[node]]]
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
