"""A store's database as an audit reads it: nothing is believed because it lies there.

Read only. The invariant: every content comes out as the token that was signed, or as erased.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.subscriber.checkpoint import chains, notes
from agent.subscriber.erase import ERASED
from agent.subscriber.tables import Where, open_tables


class Rows:
    """One database."""

    def __init__(self, where: Where) -> None:
        self._tables = open_tables(where)

    def tokens(self) -> Iterator[bytes]:
        """Every envelope in the order of its chain, second contents of a number, and what stands beside the chains."""
        for sql in (
            "SELECT token FROM envelope WHERE klass <> ? ORDER BY node, chain, seq",
            "SELECT token FROM equivocation WHERE token <> ?",
            "SELECT token FROM statement WHERE token <> ?",
        ):
            yield from (token.encode() for (token,) in self._tables.stream(sql, (ERASED,)))

    def erased(self) -> Iterator[tuple[str, str, int, str]]:
        """Node, key of the chain, number and digest of what was erased."""
        keys = {(node, chain): origin.rpartition("/")[2] for node, chain, origin in chains(self._tables)}
        sql = "SELECT node, chain, seq, digest FROM envelope WHERE klass = ? ORDER BY node, chain, seq"
        for node, chain, seq, digest in self._tables.stream(sql, (ERASED,)):
            yield node, keys.get((node, chain), ""), seq, digest

    def notes(self) -> list[str]:
        """The checkpoints that the store made, with what witnesses added."""
        return notes(self._tables)

    def close(self) -> None:
        self._tables.close()
