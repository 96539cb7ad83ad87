"""What a store holds, sealed: a signed checkpoint for every chain, and what a witness needs to co-sign it.

Works beside a running store on the same database. The invariants: a later checkpoint of a chain
begins with every earlier one, and it names nothing that is not on the disk.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from agent.contract.chain import Span
from agent.contract.checkpoint import Checkpoint, joined, opened, origin, sign
from agent.contract.jws import KeyRing, Signer, unb64
from agent.contract.tree import VACANT, consistency, leaf, root
from agent.errors import Refused
from agent.subscriber.tables import Tables, Where, open_tables

_TABLE = """CREATE TABLE IF NOT EXISTS checkpoint(
    origin TEXT NOT NULL, size BIGINT NOT NULL, node TEXT NOT NULL, chain BIGINT NOT NULL, at DOUBLE PRECISION NOT NULL,
    vacant TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY(origin, size))"""
_NEWEST = """SELECT origin, size, node, chain, vacant, note FROM checkpoint
    JOIN (SELECT origin, max(size) AS size FROM checkpoint GROUP BY origin) AS newest USING (origin, size) ORDER BY origin"""
_FIRST = """SELECT node, chain, token FROM envelope
    JOIN (SELECT node, chain, min(seq) AS seq FROM envelope{} GROUP BY node, chain) AS first USING (node, chain, seq)
    ORDER BY node, chain"""


@dataclass(frozen=True, slots=True)
class Holding:
    """The beginning of a chain that is wholly here: a leaf for each number from 1 on."""

    leaves: tuple[bytes, ...]
    vacant: Span

    @property
    def size(self) -> int:
        return len(self.leaves)


class Seals:
    """The checkpoints of one store's database."""

    def __init__(self, where: Where) -> None:
        self._tables = open_tables(where)
        self._tables.make(_TABLE)

    def close(self) -> None:
        self._tables.close()

    def seal(self, signer: Signer, name: str, *, at: float) -> list[Checkpoint]:
        """Sign what every chain has grown to since its last checkpoint; the new checkpoints."""
        made = []
        for node, chain, where in chains(self._tables):
            held = holding(self._tables, node, chain, vacant=self._vacant(where))
            if held.size <= self.size(where):
                continue
            checkpoint = Checkpoint(where, held.size, root(held.leaves), tuple(held.vacant))
            self._keep(checkpoint, node, chain, sign(checkpoint, signer, name), at=at)
            made.append(checkpoint)
        return made

    def size(self, where: str) -> int:
        """Up to which number a chain was sealed; 0 before the first time."""
        ((size,),) = self._tables.rows("SELECT coalesce(max(size), 0) FROM checkpoint WHERE origin = ?", (where,))
        return int(size)

    def notes(self) -> list[str]:
        """Every checkpoint with its signatures, oldest first."""
        return notes(self._tables)

    def requests(self, ring: KeyRing, witness: str) -> Iterator[str]:
        """What `witness` has not co-signed yet: the newest checkpoint of each chain, with proof that it goes on from its last.

        The form is the body of C2SP's tlog-witness `add-checkpoint`.
        """
        for where, size, node, chain, vacant, note in self._tables.rows(_NEWEST):
            old = self._seen_by(ring, witness, where)
            if old == size:
                continue
            held = holding(self._tables, node, chain, vacant=_span(vacant))
            proof = consistency(held.leaves[:size], old) if old else []
            lines = "".join(f"{b64encode(step).decode()}\n" for step in proof)
            yield f"old {old}\n{lines}\n{note}"

    def add(self, note: str, ring: KeyRing, *, at: float) -> bool:
        """Keep a witness's line beside our own; False where it was there.

        Refused: `unknown` for a checkpoint that we never made, `ended` where the agreement of a witness is over by now.
        """
        found = opened(note, ring)
        checkpoint = found.checkpoint
        if any(key.ended(at) for key, _ in found.witnesses):
            raise Refused("ended", "the agreement of this witness has ended, so nothing new of it is taken")
        key = (checkpoint.origin, checkpoint.size)
        with self._tables.together():
            kept = self._tables.rows("SELECT note FROM checkpoint WHERE origin = ? AND size = ?", key)
            if not kept or not kept[0][0].startswith(f"{checkpoint}\n"):
                raise Refused("unknown", f"no checkpoint of this store: {checkpoint.origin} {checkpoint.size}")
            merged = joined(kept[0][0], note.partition("\n\n")[2])
            self._tables.change("UPDATE checkpoint SET note = ? WHERE origin = ? AND size = ?", (merged, *key))
        return bool(merged != kept[0][0])

    def _keep(self, checkpoint: Checkpoint, node: str, chain: int, note: str, *, at: float) -> None:
        vacant = " ".join(f"{first}-{last}" for first, last in checkpoint.vacant)
        self._tables.change(
            "INSERT INTO checkpoint VALUES(?, ?, ?, ?, ?, ?, ?)",
            (checkpoint.origin, checkpoint.size, node, chain, at, vacant, note),
        )

    def _vacant(self, where: str) -> Span:
        rows = self._tables.rows("SELECT vacant FROM checkpoint WHERE origin = ? ORDER BY size DESC LIMIT 1", (where,))
        return _span(rows[0][0] if rows else "")

    def _seen_by(self, ring: KeyRing, witness: str, where: str) -> int:
        """The largest size of a chain that a witness has co-signed."""
        rows = self._tables.rows("SELECT size, note FROM checkpoint WHERE origin = ? ORDER BY size DESC", (where,))
        return next(
            (size for size, note in rows if any(key.subject == witness for key, _ in opened(note, ring).witnesses)), 0
        )


def notes(tables: Tables) -> list[str]:
    """Every checkpoint with its signatures, oldest first; none where nothing was ever sealed."""
    if not tables.has("checkpoint"):
        return []
    return [note for (note,) in tables.rows("SELECT note FROM checkpoint ORDER BY origin, size")]


def chains(tables: Tables) -> list[tuple[str, int, str]]:
    """Node, number of the chain there, and the name under which it is sealed or would be.

    A chain that was sealed once keeps that name when its first numbers are erased.
    """
    sealed: dict[tuple[str, int], str] = {}
    if tables.has("checkpoint"):
        rows = tables.rows("SELECT DISTINCT node, chain, origin FROM checkpoint")
        sealed = {(node, chain): where for node, chain, where in rows}
    first = {(node, chain): token for node, chain, token in tables.rows(_FIRST.format(" WHERE token <> ''"))}
    named = {key: origin(key[0], key_of(token)) for key, token in first.items()} | sealed
    return [(node, chain, where) for (node, chain), where in sorted(named.items())]


def key_of(token: str) -> str:
    """The key that a stored token, which was verified when it came, names."""
    return str(json.loads(unb64(token.partition(".")[0]))["kid"])


def holding(tables: Tables, node: str, chain: int, *, vacant: Span) -> Holding:
    """What is here of a chain from number 1 up to its first gap; numbers once sealed as `vacant` stay so."""
    key = (node, chain)
    given_up = Span(tables.rows("SELECT first, last FROM given_up WHERE node = ? AND chain = ?", key))
    rows = tables.stream("SELECT seq, digest FROM envelope WHERE node = ? AND chain = ? ORDER BY seq", key)
    leaves: list[bytes] = []
    empty = Span(vacant)
    for seq, digest in rows:
        absent = Span([(len(leaves) + 1, seq - 1)])
        if absent.minus(given_up):
            break
        for first, last in absent:
            empty.add(first, last)
        leaves += [leaf(VACANT)] * (seq - 1 - len(leaves))
        leaves.append(leaf(VACANT if _within(empty, seq) else bytes.fromhex(digest)))
    return Holding(tuple(leaves), empty)


def _within(span: Span, number: int) -> bool:
    return any(first <= number <= last for first, last in span)


def _span(text: str) -> Span:
    pairs = (pair.partition("-") for pair in text.split())
    return Span((int(first), int(last)) for first, _, last in pairs)
