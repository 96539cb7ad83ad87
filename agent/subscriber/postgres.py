"""The store in PostgreSQL: several stores may write one database at the same time.

The invariants are those of the store in SQLite. A transaction holds the rows of the nodes that its
batch speaks of, locked in the order of their names, so two stores neither count a node at the same
time nor wait for each other in a circle. The only import of psycopg.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.types.multirange import Multirange

from agent.contract.chain import Range
from agent.contract.types import MAX_SEQ
from agent.errors import StoreError
from agent.subscriber.holding import Chains, Held, Item, Taken, verdict_row
from agent.subscriber.tables import ASKED, NO_STORE, Row

Connection = psycopg.Connection[tuple[Any, ...]]

_MAKING = 7_120_411
"""Key of the advisory lock under which tables are made, so that two stores may begin together."""

_COMUNE = "split_part(node, '/', 2)"
_ENVELOPE = """node text NOT NULL, chain int NOT NULL, seq bigint NOT NULL, digest text NOT NULL, klass text NOT NULL,
    kind text NOT NULL, at double precision NOT NULL, recorded_at double precision NOT NULL,
    stored_at double precision NOT NULL, severity text, correlation text, token text NOT NULL"""
_TABLES = (
    """CREATE TABLE IF NOT EXISTS node(
        name text PRIMARY KEY, chain int NOT NULL DEFAULT 0, last bigint NOT NULL DEFAULT 0, kid text NOT NULL DEFAULT '',
        span int8multirange NOT NULL DEFAULT '{}')""",
    "CREATE TABLE IF NOT EXISTS kid(name text, kid text, chain int NOT NULL, PRIMARY KEY(name, kid))",
    f"CREATE TABLE IF NOT EXISTS envelope({_ENVELOPE}, PRIMARY KEY(node, chain, seq))",
    "CREATE INDEX IF NOT EXISTS envelope_at ON envelope(klass, at)",
    f"CREATE INDEX IF NOT EXISTS event_search ON envelope({_COMUNE}, kind, severity, at) WHERE klass = 'evt'",
    """CREATE TABLE IF NOT EXISTS equivocation(
        node text, chain int, seq bigint, digest text, stored_at double precision NOT NULL, token text NOT NULL,
        PRIMARY KEY(node, chain, seq, digest))""",
    """CREATE TABLE IF NOT EXISTS given_up(
        node text, chain int, first bigint, last bigint, PRIMARY KEY(node, chain, first, last))""",
    "CREATE TABLE IF NOT EXISTS statement(topic text PRIMARY KEY, at double precision NOT NULL, token text NOT NULL)",
    """CREATE TABLE IF NOT EXISTS verdict(
        node text, event text, maker text, at double precision, token text NOT NULL, PRIMARY KEY(node, event, maker, at))""",
)
_ARRIVING = f"CREATE TEMPORARY TABLE arriving(place int, {_ENVELOPE}) ON COMMIT DELETE ROWS"
_KEEP = """INSERT INTO envelope
    SELECT DISTINCT ON (node, chain, seq) node, chain, seq, digest, klass, kind, at, recorded_at, stored_at, severity,
        correlation, token FROM arriving ORDER BY node, chain, seq, place
    ON CONFLICT DO NOTHING RETURNING node, chain, seq, digest"""
_CONTRADICTING = "FROM arriving JOIN envelope USING (node, chain, seq) WHERE arriving.digest <> envelope.digest"
_KEEP_BESIDE = f"""INSERT INTO equivocation
    SELECT DISTINCT ON (node, chain, seq, arriving.digest)
        node, chain, seq, arriving.digest, arriving.stored_at, arriving.token {_CONTRADICTING}
    ON CONFLICT DO NOTHING"""
_KEEP_STATEMENT = """INSERT INTO statement VALUES(%s, %s, %s) ON CONFLICT(topic)
    DO UPDATE SET at = excluded.at, token = excluded.token WHERE excluded.at >= statement.at"""
_KEEP_VERDICT = "INSERT INTO verdict VALUES(%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
_HELD = "SELECT name, chain, last, kid, span FROM node"


class PostgresStore:
    """One connection to one database."""

    def __init__(self, address: str) -> None:
        """`address` is a URI such as `postgresql:///piazza`; StoreError when the server cannot be used."""
        with _reaching(address):
            self._db = _connected(address)
            self._prepare()
        self._latest: dict[str, Held] = {}

    def commit(self, items: Sequence[Item], *, at: float) -> Taken:
        """Keep a batch in one transaction; on an error nothing of it was kept, and nothing is owed."""
        chained = [item for item in items if item.envelope.seq]
        try:
            with self._db.transaction(), self._db.cursor() as cursor:
                self._keep_statements(cursor, [item for item in items if not item.envelope.seq])
                taken, latest = self._keep(cursor, chained, at)
        except psycopg.Error as error:
            raise StoreError(
                f"PostgreSQL took nothing of a batch: {_said(error)}", hint="look at its log and its disk"
            ) from error
        self._latest = latest
        return taken

    def held(self, node: str) -> Held:
        """What is there of a node: as of our last batch, or as it stands when that had nothing of the node."""
        if node in self._latest:
            return self._latest[node]
        row = self._db.execute(f"{_HELD} WHERE name = %s", (node,)).fetchone()
        return _held(*row[1:]) if row else Held()

    def nodes(self) -> tuple[str, ...]:
        return tuple(name for (name,) in self._db.execute("SELECT name FROM node ORDER BY name"))

    def count(self) -> int:
        row = self._db.execute("SELECT count(*) FROM envelope").fetchone()
        return int(row[0]) if row else 0

    def tokens(self, node: str, first: int = 1, last: int = MAX_SEQ) -> Iterable[tuple[int, str]]:
        sql = "SELECT seq, token FROM envelope WHERE node = %s AND chain = %s AND seq BETWEEN %s AND %s ORDER BY seq"
        rows = self._db.execute(sql, (node, self.held(node).chain, first, last))
        return ((int(seq), str(token)) for seq, token in rows)

    def close(self) -> None:
        self._db.close()

    def _prepare(self) -> None:
        """Make what is missing."""
        with self._db.transaction():
            self._db.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING,))
            for table in _TABLES:
                self._db.execute(table)
        self._db.execute(_ARRIVING)

    def _keep(self, cursor: psycopg.Cursor[Any], items: Sequence[Item], at: float) -> tuple[Taken, dict[str, Held]]:
        owed = sorted({item.node for item in items})
        if not items:
            return Taken(), {}
        chains = _lock(cursor, owed)
        known = chains.copy()
        places = [chains.place(item.envelope) for item in items]
        _copy(cursor, items, places, at)
        fresh = _insert(cursor, items, places, chains)
        contradicting = len(cursor.execute(f"SELECT 1 {_CONTRADICTING}").fetchall())
        if contradicting:
            cursor.execute(_KEEP_BESIDE)
        _write(cursor, chains, known)
        taken = Taken(fresh, len(items) - fresh - contradicting, contradicting, tuple(owed))
        return taken, chains.held

    def _keep_statements(self, cursor: psycopg.Cursor[Any], items: Iterable[Item]) -> None:
        """Only the newest word of a node about itself counts; in one order, so that two stores cannot block each other."""
        newest: dict[str, Item] = {}
        verdicts: list[tuple[Any, ...]] = []
        for item in sorted(items, key=lambda item: item.envelope.recorded_at):
            if row := verdict_row(item):
                verdicts.append(row)
            else:
                newest[str(item.envelope.topic)] = item
        rows = [(topic, newest[topic].envelope.recorded_at, newest[topic].token) for topic in sorted(newest)]
        if rows:
            cursor.executemany(_KEEP_STATEMENT, rows)
        if verdicts:
            cursor.executemany(_KEEP_VERDICT, sorted(verdicts))


class PostgresTables:
    """A second connection to the database of stores that may be running, in the SQL of `tables`."""

    row = "ctid"
    comune = _COMUNE
    nothing = "NULL"

    def __init__(self, address: str, *, only_reads: bool = False) -> None:
        self._address = address
        self._only_reads = only_reads
        with _reaching(address, hint=NO_STORE):
            self._open()
            self._db.execute(ASKED)

    def _open(self) -> None:
        self._db = _connected(self._address)
        self._db.execute("SELECT set_config('default_transaction_read_only', %s, false)", (str(self._only_reads),))

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        with _told():
            if self._db.closed:  # the server was started anew; who looks for days need not be
                self._open()
            return self._db.execute(_spelled(sql), values).fetchall()

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        with _told(), self._db.transaction(), self._db.cursor("streamed") as cursor:
            yield from cursor.execute(_spelled(sql), values)

    def change(self, sql: str, values: Sequence[Any] = ()) -> int:
        with _told():
            return self._db.execute(_spelled(sql), values).rowcount

    def make(self, table: str) -> None:
        with _told(), self._db.transaction():
            self._db.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING,))
            self._db.execute(table)

    def has(self, table: str) -> bool:
        return self.rows("SELECT to_regclass(?) IS NOT NULL", (table,)) == [(True,)]

    @contextmanager
    def together(self) -> Iterator[None]:
        with _told(), self._db.transaction():
            yield

    def shred(self) -> None:
        """Write the tables anew, while stores wait; the server's own log keeps what was until it is recycled."""
        for table in ("envelope", "equivocation"):
            self.change(f"VACUUM (FULL) {table}")

    def close(self) -> None:
        self._db.close()


def _connected(address: str) -> Connection:
    """A server that does not sync is refused, since a receipt or a checkpoint would promise too much."""
    db: Connection = psycopg.connect(address, autocommit=True)
    (syncs,) = db.execute("SHOW fsync").fetchone() or ("off",)
    if syncs != "on":
        raise StoreError("PostgreSQL runs with fsync = off", hint="a receipt is a promise: set fsync = on there")
    db.execute("SET synchronous_commit = on")
    return db


@contextmanager
def _reaching(address: str, *, hint: str = "look at the address and the rights there") -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        said = _said(error).replace(address, "that address")  # it may hold a password
        raise StoreError(f"PostgreSQL: {said}", hint=hint) from error


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise StoreError(f"PostgreSQL: {_said(error)}", hint="nothing is half done; try again") from error


def _spelled(sql: str) -> str:
    """A value's place as psycopg has it."""
    return sql.replace("?", "%s")


def _lock(cursor: psycopg.Cursor[Any], nodes: list[str]) -> Chains:
    """What is held of some nodes; nobody else can add to them until the transaction ends."""
    cursor.execute("INSERT INTO node(name) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", (nodes,))
    rows = cursor.execute(f"{_HELD} WHERE name = ANY(%s) ORDER BY name FOR UPDATE", (nodes,)).fetchall()
    keys = cursor.execute("SELECT name, kid, chain FROM kid WHERE name = ANY(%s)", (nodes,)).fetchall()
    return Chains({name: _held(*row) for name, *row in rows}, {(name, kid): chain for name, kid, chain in keys})


def _copy(cursor: psycopg.Cursor[Any], items: Sequence[Item], places: Sequence[int], at: float) -> None:
    """Everything that came, in the order in which it came, where SQL can look at it."""
    with cursor.copy("COPY arriving FROM STDIN") as copy:
        for number, (item, chain) in enumerate(zip(items, places, strict=True)):
            one, payload = item.envelope, item.envelope.payload
            copy.write_row((
                number, item.node, chain, one.seq, one.digest, str(one.klass), one.topic.type, one.at, one.recorded_at,
                at, payload.severity or None, payload.correlationid or None, item.token,
            ))  # fmt: skip


def _insert(cursor: psycopg.Cursor[Any], items: Sequence[Item], places: Sequence[int], chains: Chains) -> int:
    """Keep what is new and count it into its chain; how many that were."""
    came = {
        (item.node, chain, item.envelope.seq, item.envelope.digest): item
        for item, chain in zip(items, places, strict=True)
    }
    gone: list[tuple[str, int, int, int]] = []
    fresh = cursor.execute(_KEEP).fetchall()
    for node, chain, seq, digest in fresh:
        gone += [(node, chain, *pair) for pair in chains.count(came[node, chain, seq, digest].envelope, chain)]
    if gone:
        cursor.executemany("INSERT INTO given_up VALUES(%s, %s, %s, %s) ON CONFLICT DO NOTHING", gone)
    return len(fresh)


def _write(cursor: psycopg.Cursor[Any], chains: Chains, known: Chains) -> None:
    """Write what has changed of the chains."""
    keys = [(*key, chain) for key, chain in chains.keys.items() if key not in known.keys]
    if keys:
        cursor.executemany("INSERT INTO kid VALUES(%s, %s, %s)", keys)
    rows = [
        (held.chain, held.last, held.kid, _multirange(held.span), name)
        for name, held in chains.held.items()
        if held != known.held.get(name)
    ]
    if rows:
        cursor.executemany("UPDATE node SET chain = %s, last = %s, kid = %s, span = %s WHERE name = %s", rows)


def _held(chain: int, last: int, kid: str, span: Multirange[int]) -> Held:
    return Held(chain, last, kid, tuple((int(part.lower or 0), int(part.upper or 0) - 1) for part in span))


def _multirange(span: Iterable[Range]) -> str:
    """PostgreSQL's own spelling of a set of whole numbers."""
    return "{" + ",".join(f"[{first},{last}]" for first, last in span) + "}"


def _said(error: psycopg.Error) -> str:
    """The server's own words, or those of its library where it was not reached, in one line."""
    return " ".join((error.diag.message_primary or str(error) or type(error).__name__).split())
