"""A store's database as an audit reads it: nothing is believed because it lies there.

Read only. The invariant: every content comes out as the token that was signed, or as erased.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from agent.subscriber.checkpoint import key_of, open_database
from agent.subscriber.erase import ERASED


class Rows:
    """One database."""

    def __init__(self, path: Path) -> None:
        self._db = open_database(path)
        self._tables = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def tokens(self) -> Iterator[bytes]:
        """Every envelope in the order of its chain, second contents of a number, and what stands beside the chains."""
        for sql in (
            "SELECT token FROM envelope WHERE klass <> ? ORDER BY node, chain, seq",
            "SELECT token FROM equivocation WHERE token <> ?",
            "SELECT token FROM statement WHERE token <> ?",
        ):
            yield from (token.encode() for (token,) in self._db.execute(sql, (ERASED,)))

    def erased(self) -> Iterator[tuple[str, str, int, str]]:
        """Node, key of the chain, number and digest of what was erased."""
        keys = self._keys()
        sql = "SELECT node, chain, seq, digest FROM envelope WHERE klass = ? ORDER BY node, chain, seq"
        for node, chain, seq, digest in self._db.execute(sql, (ERASED,)):
            yield node, keys.get((node, chain), ""), seq, digest

    def notes(self) -> list[str]:
        """The checkpoints that the store made, with what witnesses added."""
        if "checkpoint" not in self._tables:
            return []
        return [note for (note,) in self._db.execute("SELECT note FROM checkpoint ORDER BY origin, size")]

    def close(self) -> None:
        self._db.close()

    def _keys(self) -> dict[tuple[str, int], str]:
        """The key under which each chain is sealed, or that of its first content."""
        first = "SELECT node, chain, token, min(seq) FROM envelope WHERE token <> '' GROUP BY node, chain"
        keys = {(node, chain): key_of(token) for node, chain, token, _ in self._db.execute(first)}
        sealed = "SELECT node, chain, origin FROM checkpoint" if "checkpoint" in self._tables else None
        rows: sqlite3.Cursor | tuple[()] = self._db.execute(sealed) if sealed else ()
        return keys | {(node, chain): origin.rpartition("/")[2] for node, chain, origin in rows}
