"""Signed envelopes that wait on disk until the store has them: SQLite in WAL mode, one writer.

Sense writes, link may only read. What is put waits in memory and is numbered, chained, signed and
stored by `flush` in one transaction, so a number is given exactly once and never without its
envelope, and a flush that failed can be called again.
"""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from agent.contract.topics import Class
from agent.contract.types import MAX_SEQ
from agent.errors import OutboxBroken
from agent.files import write_again
from agent.uplink.database import (
    SELECT_RANGE,
    SELECT_TAIL,
    Again,
    Connect,
    Ranges,
    Seal,
    Tail,
    asked,
    connect,
    connect_readonly,
    failure,
    open_writer,
    read_tail,
    runs,
)
from agent.uplink.settings import OutboxSettings
from agent.uplink.steps import SAY, Change, Closing, Draft, SealTail, Step
from agent.uplink.sure import Word

WILL = "will"
"""Where the broker's last words for us stand among the statements."""

CROWDED = 0.9
"""Share of the cap above which records are given up before new ones are stored."""

ROW_BYTES = 4096
"""What one record may take of the file, generously."""

_INSERT = "INSERT INTO envelope(seq, klass, topic, token, digest, at) VALUES(?, ?, ?, ?, ?, ?)"
_GIVE_UP_ORDER = ((Class.HEALTH,), (Class.STAT,), (Class.EVT, Class.AUDIT))
_GIVE_UP_ROWS = 256
_GIVE_UP_RANGES = 32
_ATTEMPTS = 5


class Row(NamedTuple):
    """One envelope that waits."""

    seq: int
    klass: str
    topic: str
    token: str


class Statement(NamedTuple):
    """A retained message outside the chain; it is published anew when `version` grows."""

    topic: str
    token: str
    version: int


class Outbox:
    """The writer. OutboxFull and OutboxBroken leave what was put in memory: `flush` may be called again."""

    def __init__(
        self, path: Path, settings: OutboxSettings, *, connect: Connect = connect, again: Again = write_again
    ) -> None:
        self._path = path
        self._open = partial(open_writer, path, max_mb=settings.max_mb, connect=connect, again=again)
        self._word = Word(path)
        self._max_mb = settings.max_mb
        self._batch: list[Step] = []
        self._trial: list[Step] = []
        self._giving_up: dict[tuple[Class, ...], int] = {}
        self._db = self._open()
        self.tail = read_tail(self._db)
        self._word.say(self.tail.seq)

    def put(self, klass: Class, topic: str, seal: Seal, at: float) -> None:
        """Take an envelope into the next transaction, which gives it its number and seals it."""
        self._batch.append(Draft(klass, topic, at, seal))

    def state(self, topic: str, token: str) -> None:
        """Replace a statement in the next transaction; its version grows by one."""
        self._change(SAY, topic, token)

    def close_with(self, seal: SealTail) -> None:
        """Replace a statement about the end of the chain as the next transaction leaves it."""
        self._batch.append(Closing(seal))

    def opened(self, event_id: str, event: str) -> None:
        """Remember an event that is open, so that a restart can close it."""
        self._change("INSERT OR REPLACE INTO open_event(id, event) VALUES(?, ?)", event_id, event)

    def closed(self, event_id: str) -> None:
        self._change("DELETE FROM open_event WHERE id = ?", event_id)

    def open_events(self) -> list[str]:
        """The committed open events, as they were given."""
        return [event for (event,) in self._db.execute("SELECT event FROM open_event ORDER BY id")]

    def keep(self, key: str, value: str) -> None:
        """Keep a note of our own with the next transaction."""
        self._change("INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)", key, value)

    def kept(self, key: str) -> str:
        """A committed note, empty where there is none."""
        return next((str(value) for (value,) in self._db.execute("SELECT value FROM meta WHERE key = ?", (key,))), "")

    def waits(self, first: int, last: int) -> Ranges:
        """Numbers of a range whose envelopes are still here."""
        return runs(seq for (seq,) in self._db.execute(SELECT_RANGE, (first, last)))

    def received(self, *, cum: int, ranges: Ranges = ()) -> None:
        """Let go of everything up to `cum` and within `ranges`, both ends included."""
        self._change("DELETE FROM envelope WHERE seq <= ?", min(cum, self.tail.seq))
        for first, last in ranges:
            self._change("DELETE FROM envelope WHERE seq BETWEEN ? AND ?", first, min(last, self.tail.seq))

    @property
    def waiting(self) -> int:
        """How much was put and is not committed."""
        return len(self._batch) + len(self._trial)

    def crowded(self) -> bool:
        """True when the cap leaves no room for what was put; OutboxFull while a full disk keeps the file from being opened."""
        self._settle()
        used = (asked(self._db, "page_count") - asked(self._db, "freelist_count")) * asked(self._db, "page_size")
        return used + self.waiting * ROW_BYTES > CROWDED * self._max_mb * 1024 * 1024

    def give_up(self) -> tuple[Class, Ranges] | None:
        """Let go of the oldest records of the least class; the numbers that will be missing.

        They go in the next transaction, which must also carry the record that says so. None when
        nothing is left.
        """
        for classes in _GIVE_UP_ORDER:
            ranges = runs(self._oldest(classes))[:_GIVE_UP_RANGES]
            if ranges:
                self._giving_up[classes] = ranges[-1][1]
                self._batch[:0] = [Change("DELETE FROM envelope WHERE seq BETWEEN ? AND ?", pair) for pair in ranges]
                return classes[0], ranges
        return None

    def flush(self) -> Tail:
        """Commit what was put since the last flush; the end of the chain after it."""
        self._settle()
        if self._batch:
            self._trial, self._batch = self._batch, []
            try:
                self.tail = self._commit()
                self._trial = []
                self._word.say(self.tail.seq)
            except sqlite3.Error as error:
                self._settle()
                if self._batch:
                    raise failure(error, self._path) from error
        return self.tail

    def close(self) -> None:
        """Commit and let go of the file."""
        self.flush()
        self._db.close()
        self._word.close()

    def _change(self, sql: str, *values: object) -> None:
        self._batch.append(Change(sql, values))

    def _commit(self) -> Tail:
        """Store the trial in one transaction."""
        tail = self.tail
        self._db.execute("BEGIN IMMEDIATE")
        for item in self._trial:
            tail = self._store(item, tail)
        self._db.execute("INSERT OR REPLACE INTO meta(key, value) VALUES('tail', ?)", (str(tail),))
        self._db.execute("COMMIT")
        self._giving_up.clear()
        return tail

    def _store(self, item: Step, tail: Tail) -> Tail:
        if isinstance(item, Closing):
            self._db.execute(SAY, item.seal(tail))
            return tail
        if isinstance(item, Change):
            self._db.execute(item.sql, item.values)
            return tail
        seq = tail.seq + 1
        token, digest = item.seal(seq, tail.digest)
        self._db.execute(_INSERT, (seq, item.klass, item.topic, token, digest, item.at))
        return Tail(seq, digest)

    def _settle(self) -> None:
        """Find out whether a commit that raised was stored all the same; what was not is put again."""
        if not self._trial:
            return
        try:
            self._db.close()
            self._db = self._open()
            stored = read_tail(self._db)
        except sqlite3.Error as error:
            raise failure(error, self._path) from error
        if stored.seq > self.tail.seq:
            self.tail = stored
        else:
            self._batch[:0] = self._trial
        self._trial = []
        self._word.say(self.tail.seq)

    def _oldest(self, classes: tuple[Class, ...]) -> list[int]:
        """Numbers of the oldest records of these classes; records of what was dropped stay."""
        marks = ", ".join("?" * len(classes))
        found = self._db.execute(
            f"SELECT seq FROM envelope WHERE klass IN ({marks}) AND seq > ? AND topic NOT LIKE '%/audit/dropped'"  # noqa: S608 -- marks only
            " ORDER BY seq LIMIT ?",
            (*classes, self._giving_up.get(classes, 0), _GIVE_UP_ROWS),
        )
        return [seq for (seq,) in found]


class OutboxReader:
    """The link's sight of the outbox: never writes, works under another user id, waits for the file to come.

    Each method sees what is committed at the moment of the call, and surely on the disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._db: sqlite3.Connection | None = None
        self._word = Word(path)
        self._statements: list[Statement] = []

    def after(self, seq: int, *, limit: int) -> list[Row]:
        """Up to `limit` envelopes with higher numbers than `seq`, in order."""
        most = self._word.heard()
        sql = "SELECT seq, klass, topic, token FROM envelope WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
        return [Row(*row) for row in self._read(sql, seq, MAX_SEQ if most is None else most, limit)]

    def statements(self) -> list[Statement]:
        """All statements, the will among them under the topic WILL; those of before where one may name what is not sure."""
        most = self._word.heard()
        found = self._read(f"SELECT topic, token, version, ({SELECT_TAIL}) FROM statement ORDER BY topic")  # noqa: S608
        if most is None or all(Tail.parse(tail).seq <= most for *_, tail in found):
            self._statements = [Statement(*row) for *row, _ in found]
        return self._statements

    def last(self) -> int:
        """The newest number that was given, 0 before the first; deleting does not lower it."""
        return next((Tail.parse(value).seq for (value,) in self._read(SELECT_TAIL)), 0)

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _read(self, sql: str, *values: object) -> list[Any]:
        for _ in range(_ATTEMPTS):
            if not self._path.exists() or self._path.stat().st_size == 0:
                return []
            try:
                return self._read_live(sql, values) if self._wal.exists() else self._read_still(sql, values)
            except sqlite3.Error as error:
                self.close()
                if "no such table" in str(error):  # a writer is making the file just now
                    return []
                cause = error
        raise OutboxBroken(
            f"{self._path}: {cause}", hint="the outbox, its -wal and its -shm must be readable by the link's group"
        ) from cause

    def _read_live(self, sql: str, values: tuple[object, ...]) -> list[Any]:
        """Beside a writer that runs, or one that died and left its log."""
        if self._db is None:
            self._db = connect_readonly(self._path, "mode=ro")
        return self._db.execute(sql, values).fetchall()

    def _read_still(self, sql: str, values: tuple[object, ...]) -> list[Any]:
        """After a writer that ended well SQLite opens the file only as unchanging; of one that starts meanwhile nothing counts."""
        self.close()
        before = self._path.stat().st_mtime_ns
        db = connect_readonly(self._path, "immutable=1")
        try:
            found = db.execute(sql, values).fetchall()
        finally:
            db.close()
        if self._wal.exists() or self._path.stat().st_mtime_ns != before:
            raise sqlite3.OperationalError("a writer began")
        return found
