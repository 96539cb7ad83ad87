"""A witness: another party that co-signs what it saw, so that nobody can tell two stories later.

It learns how long a chain is and a digest of it, never what happened. The invariants: for one chain it
signs only lists that begin with every list it signed before, and what it signed is on its disk first.
"""

from __future__ import annotations

import sqlite3
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from pathlib import Path

from agent.contract.checkpoint import HEAD, Checkpoint, cosign, opened, origin
from agent.contract.envelope import Envelope
from agent.contract.jws import KeyRing, Signer
from agent.contract.tree import begins_with
from agent.contract.types import HeadData
from agent.errors import Refused, StoreError
from agent.subscriber.opening import Connect, claim, connect, unopened

EVERY_S = 3600.0
"""A node's head is co-signed this often; each one is looked at."""

VERSION = 1
"""Of the tables below: raised when an older release could no longer write them."""

_TABLES = (
    """CREATE TABLE IF NOT EXISTS seen(
        origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, boot TEXT NOT NULL, mono REAL NOT NULL,
        at REAL NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY, origin TEXT NOT NULL, at REAL NOT NULL, note TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS evidence(at REAL NOT NULL, why TEXT NOT NULL, said TEXT NOT NULL)",
)


class Witness:
    """One witness and its memory in one SQLite file."""

    def __init__(self, path: Path, signer: Signer | None = None, name: str = "", *, connect: Connect = connect) -> None:
        """Without a `signer` only for looking into the memory."""
        self._signer = signer
        self._name = name
        try:
            self._db = connect(path)
            claim(self._db, path, table="seen", version=VERSION, tables=_TABLES)
        except sqlite3.Error as error:
            raise unopened(path, error, hint="give the path of a file that can be written") from error

    def close(self) -> None:
        self._db.close()

    def see_head(self, envelope: Envelope, token: str, *, at: float, every_s: float = EVERY_S) -> str:
        """The note on a node's verified head where one is due, else nothing.

        Refused('equivocation') or ('rolled-back') for a node that takes back what it signed; the token is kept.
        """
        if not isinstance(envelope.data, HeadData):
            return ""
        where = origin(envelope.topic.name, envelope.key.kid) + HEAD
        head = Checkpoint(where, envelope.data.seq, bytes.fromhex(envelope.data.digest))
        boot, mono, made = envelope.payload.boot, envelope.payload.mono, envelope.recorded_at
        if (row := self._seen(where)) is not None:
            size, root, old_boot, old_mono, old_made = row
            newer = mono >= old_mono if boot == old_boot else made >= old_made
            if head.size == size and head.root != root:
                self._accuse("equivocation", token, at)
            if head.size < size and newer:
                self._accuse("rolled-back", token, at)
            if not newer:
                return ""
        self._see(head, boot, mono, made)
        return self._sign(head, at) if self._is_due(where, at, every_s) else ""

    def cosign(self, request: str, ring: KeyRing, *, at: float) -> str:
        """The note of a store with our line, for a request as C2SP's tlog-witness has it.

        Refused: `malformed`, `unknown-key`, `signature`; `conflict` when the request goes on from another size than
        ours, which the message names; `inconsistent` when the list does not go on from the one that we signed.
        """
        old, proof, note = _parsed(request)
        found = opened(note, ring)
        checkpoint = found.checkpoint
        if not found.signers or checkpoint.is_head:
            raise Refused("unknown-key", "no store of the ring signed it")
        row = self._seen(checkpoint.origin)
        size, root = (row[0], row[1]) if row else (0, b"")
        if old != size:
            raise Refused("conflict", f"{size} was co-signed last, not {old}")
        if size and not begins_with(proof, old=(size, root), new=(checkpoint.size, checkpoint.root)):
            self._accuse("inconsistent", note, at)
        self._see(checkpoint, "", 0.0, at)
        return self._sign(checkpoint, at)

    def notes(self) -> Iterator[str]:
        """Everything that was signed, oldest first."""
        return (note for (note,) in self._db.execute("SELECT note FROM note ORDER BY id"))

    def evidence(self) -> list[tuple[float, str, str]]:
        """When somebody was caught at what, and the signed text that shows it."""
        return self._db.execute("SELECT at, why, said FROM evidence ORDER BY rowid").fetchall()

    def _seen(self, where: str) -> tuple[int, bytes, str, float, float] | None:
        row: tuple[int, bytes, str, float, float] | None = self._db.execute(
            "SELECT size, root, boot, mono, at FROM seen WHERE origin = ?", (where,)
        ).fetchone()
        return row

    def _see(self, checkpoint: Checkpoint, boot: str, mono: float, at: float) -> None:
        row = (checkpoint.origin, checkpoint.size, checkpoint.root, boot, mono, at)
        self._db.execute("INSERT OR REPLACE INTO seen VALUES(?, ?, ?, ?, ?, ?)", row)

    def _is_due(self, where: str, at: float, every_s: float) -> bool:
        row = self._db.execute("SELECT at FROM note WHERE origin = ? ORDER BY id DESC LIMIT 1", (where,)).fetchone()
        return row is None or not 0 <= at - row[0] < every_s

    def _sign(self, checkpoint: Checkpoint, at: float) -> str:
        if self._signer is None:
            raise StoreError("a witness without a key signs nothing")
        note = f"{checkpoint}\n{cosign(checkpoint, self._signer, self._name, at=at)}"
        self._db.execute("INSERT INTO note(origin, at, note) VALUES(?, ?, ?)", (checkpoint.origin, at, note))
        return note

    def _accuse(self, why: str, said: str, at: float) -> None:
        self._db.execute("INSERT INTO evidence VALUES(?, ?, ?)", (at, why, said))
        raise Refused(why, "it takes back what was signed before")


def requests(text: str) -> Iterator[str]:
    """The requests of a file that holds one after the other."""
    parts = [part.strip("\n") for part in text.split("\n\n") if part.strip("\n")]
    if len(parts) % 3:
        raise Refused("malformed", "a request has an old size, a checkpoint and its signatures")
    for first in range(0, len(parts), 3):
        yield "\n\n".join(parts[first : first + 3]) + "\n"


def _parsed(request: str) -> tuple[int, list[bytes], str]:
    """Old size, proof, note."""
    head, _, note = request.partition("\n\n")
    first, *lines = head.split("\n")
    word, _, old = first.partition(" ")
    if word != "old" or not (old.isascii() and old.isdigit()) or len(old) > 16 or len(lines) > 63:  # noqa: PLR2004 -- the limits of C2SP
        raise Refused("malformed", "a request begins with 'old' and a size")
    try:
        return int(old), [b64decode(line, validate=True) for line in lines], note
    except (ValueError, Base64Error) as error:
        raise Refused("malformed", "a proof is lines of base64") from error
