"""What a node must not forget: the floors it never goes below, and how far an update has come.

One SQLite file, synced at every commit. The invariant: floors only rise, whatever is written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import msgspec

MOVES = 200
"""How many moves of the past are kept for who asks."""


class State(StrEnum):
    """How far an update has come; the last four are rests."""

    FETCHING = "fetching"
    VERIFIED = "verified"
    STAGED = "staged"
    TRIAL = "trial"
    IDLE = "idle"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled-back"
    REFUSED = "refused"


class Wanted(msgspec.Struct, frozen=True):
    """A file that belongs to an update, as metadata vouches for it, and the chunks said to make it."""

    name: str
    length: int
    sha256: str
    chunks: tuple[str, ...]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One update of this node; instants are of the node's clock.

    `before` and `release` are the names of the releases between which it stands, `boots` the boots of the
    machine seen during its trial (which ends at `until` and lasts `lasts_s`), `tries` how often a step failed for want of disk.
    """

    state: State
    seq: int
    config: str
    bundle: str
    files: tuple[Wanted, ...] = ()
    consent: Wanted | None = None
    release: str = ""
    before: str = ""
    began: float = 0.0
    until: float = 0.0
    lasts_s: float = 0.0
    boots: tuple[str, ...] = ()
    tries: int = 0
    why: str = ""
    subject: str = ""

    @property
    def resting(self) -> bool:
        return self.state in (State.IDLE, State.COMMITTED, State.ROLLED_BACK, State.REFUSED)


@dataclass(frozen=True, slots=True)
class Floors:
    """The least that is believed: versions of metadata, the number of a configuration, the time."""

    versions: Mapping[str, int] = field(default_factory=dict)
    seq: int = 0
    clock: float = 0.0


@dataclass(frozen=True, slots=True)
class Move:
    """One line of the past."""

    at: float
    seq: int
    state: str
    why: str


Connect = Callable[[Path], sqlite3.Connection]


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


class Ledger:
    """Owned by one process at a time, which holds the lock of the file."""

    def __init__(self, path: Path, *, connect: Connect = _connect) -> None:
        self._database = connect(path)
        for statement in (
            "PRAGMA journal_mode = DELETE",  # one writer, rare writes: no files beside it to keep together
            "PRAGMA synchronous = EXTRA",
            "CREATE TABLE IF NOT EXISTS floor(name TEXT PRIMARY KEY, value REAL NOT NULL)",
            "CREATE TABLE IF NOT EXISTS attempt(id INTEGER PRIMARY KEY CHECK(id = 1), attempt BLOB NOT NULL)",
            "CREATE TABLE IF NOT EXISTS move(id INTEGER PRIMARY KEY, at REAL, seq INTEGER, state TEXT, why TEXT)",
        ):
            self._database.execute(statement)

    def close(self) -> None:
        self._database.close()

    def floors(self) -> Floors:
        found = dict(self._database.execute("SELECT name, value FROM floor"))
        versions = {name.removeprefix("/"): int(value) for name, value in found.items() if name.startswith("/")}
        return Floors(versions, int(found.get("seq", 0)), found.get("clock", 0.0))

    def attempt(self) -> Attempt | None:
        """The update that was begun last."""
        row = self._database.execute("SELECT attempt FROM attempt").fetchone()
        return msgspec.json.decode(row[0], type=Attempt) if row else None

    def moves(self) -> list[Move]:
        """The past, oldest first."""
        return [Move(*row) for row in self._database.execute("SELECT at, seq, state, why FROM move ORDER BY id")]

    def raise_to(self, floors: Floors) -> None:
        """Lift every floor that is lower; one transaction."""
        self._commit(list(self._lifting(floors)))

    def put(self, attempt: Attempt, *, at: float, floors: Floors = Floors()) -> None:
        """Remember how far an update has come, and lift the floors with it; one transaction."""
        writes: list[tuple[str, tuple[object, ...]]] = [
            ("INSERT OR REPLACE INTO attempt VALUES (1, ?)", (msgspec.json.encode(attempt),)),
            (
                "INSERT INTO move(at, seq, state, why) VALUES (?, ?, ?, ?)",
                (at, attempt.seq, attempt.state, attempt.why),
            ),
            ("DELETE FROM move WHERE id <= (SELECT max(id) FROM move) - ?", (MOVES,)),
        ]
        self._commit([*writes, *self._lifting(floors)])

    @staticmethod
    def _lifting(floors: Floors) -> Iterable[tuple[str, tuple[object, ...]]]:
        lifts = {f"/{role}": float(version) for role, version in floors.versions.items()}
        lifts |= {"seq": float(floors.seq), "clock": floors.clock}
        for name, value in lifts.items():
            yield (
                "INSERT INTO floor VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = max(value, excluded.value)",
                (name, value),
            )

    def _commit(self, writes: list[tuple[str, tuple[object, ...]]]) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for sql, values in writes:
                self._database.execute(sql, values)
            self._database.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # none is open where the beginning or the end failed
                self._database.execute("ROLLBACK")
            raise
