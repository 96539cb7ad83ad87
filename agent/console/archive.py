"""The store's database, read only, through the eyes of one role.

Every row is opened and its signature checked again before it is shown: the archive believes the
database no more than a subscriber believes the broker.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from agent.console.items import Item, audit_item, event_item
from agent.console.sight import Sight
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.jws import KeyRing
from agent.contract.topics import Class
from agent.contract.types import StatData
from agent.errors import Refused, StoreError
from agent.records import Phase

PAGE = 100
"""Rows of one answer."""

LOOK_BACK_S = 7 * 86_400
"""Events that were opened longer ago are not looked for when the console starts."""

WEEKS_S = 8 * 7 * 86_400
REMEMBER_S = 60.0
"""The weeks of the node that was looked at last are good for so long: opening them takes a second."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to look for: from `since` to before `until`, and what else is not empty."""

    since: float = 0.0
    until: float = 1e11
    comune: str = ""
    kind: str = ""
    severity: str = ""


class Archive:
    """One connection; owned by one thread at a time."""

    def __init__(self, path: Path, ring: KeyRing, sight: Sight) -> None:
        self._ring = ring
        self._sight = sight
        self._remembered: dict[str, tuple[float, list[tuple[float, dict[str, float]]]]] = {}
        try:
            self._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False, timeout=5.0)
            self._db.execute("SELECT count(*) FROM node")
        except sqlite3.Error as error:
            raise StoreError(f"{path}: {error}", hint="give the database that `piazza store --db` writes") from error

    def close(self) -> None:
        self._db.close()

    def events(self, question: Question, *, at: float, limit: int = PAGE) -> list[Item]:
        """Events, the newest first."""
        found = self._opened(Class.EVT, question, at)
        return [event_item(envelope, "verified") for envelope, _ in zip(found, range(limit), strict=False)]

    def open_events(self, *, at: float) -> list[Item]:
        """Happenings whose last word is not that they are over."""
        last: dict[str, Item] = {}
        for envelope in self._opened(Class.EVT, Question(since=at - LOOK_BACK_S), at):
            item = event_item(envelope, "verified")
            last.setdefault(item["id"], item | {"verdicts": []})
        return [item for item in last.values() if item["phase"] != Phase.CLOSED]

    def week(self, node: str, quantity: str, *, at: float, timezone: str) -> Item:
        """Mean of a count for each hour of the week, by the clock on the wall, and how many quarters it rests on."""
        sums: dict[tuple[int, int], list[float]] = defaultdict(list)
        counts = self._counts(node, at)
        zone = ZoneInfo(timezone)
        for ends_at, values in counts:
            when = datetime.fromtimestamp(ends_at - 1.0, zone)
            if quantity in values:
                sums[(when.weekday(), when.hour)].append(values[quantity])
        cells = [{"day": day, "hour": hour, "mean": sum(some) / len(some), "quarters": len(some)}
                 for (day, hour), some in sorted(sums.items())]  # fmt: skip
        names = sorted({name for _, values in counts for name in values})
        return {"node": node, "quantity": quantity, "quantities": names, "cells": cells}

    def chains(self, *, at: float) -> list[Item]:
        """What is held of each node that the role sees: numbers, gaps, second contents."""
        seen = {str(name) for name in self._sight.nodes(at)}
        rows = self._db.execute("SELECT name, chain, last FROM node ORDER BY name").fetchall()
        return [self._chain(name, chain, last) for name, chain, last in rows if name in seen]

    def audits(self, *, at: float, limit: int = PAGE) -> list[Item]:
        """Acts that somebody may have to answer for, the newest first."""
        found = self._opened(Class.AUDIT, Question(), at)
        return [audit_item(envelope, "verified") for envelope, _ in zip(found, range(limit), strict=False)]

    def has_event(self, node: str, event: str) -> bool:
        """Whether this node ever told of this happening."""
        sql = "SELECT 1 FROM envelope WHERE klass = 'evt' AND node = ? AND correlation = ? LIMIT 1"
        return self._db.execute(sql, (node, event)).fetchone() is not None

    def _counts(self, node: str, at: float) -> list[tuple[float, dict[str, float]]]:
        """Ends of intervals that a node really observed, with what it counted; remembered for a minute."""
        known_at, counts = self._remembered.get(node, (float("-inf"), []))
        if at - known_at > REMEMBER_S:
            opened = self._opened(Class.STAT, Question(since=at - WEEKS_S), at, node=node)
            told = ((envelope.at, envelope.data) for envelope in opened)
            counts = [(ends_at, data.values) for ends_at, data in told if isinstance(data, StatData) and data.coverage]
            self._remembered = {node: (at, counts)}
        return counts

    def _chain(self, name: str, chain: int, last: int) -> Item:
        key = (name, chain)
        (count,) = self._db.execute("SELECT count(*) FROM envelope WHERE node = ? AND chain = ?", key).fetchone()
        (given_up,) = self._db.execute(
            "SELECT coalesce(sum(last - first + 1), 0) FROM given_up WHERE node = ? AND chain = ?", key
        ).fetchone()
        (second,) = self._db.execute("SELECT count(*) FROM equivocation WHERE node = ?", (name,)).fetchone()
        return {"node": name, "chain": chain, "last": last, "held": count, "given_up": given_up,
                "missing": max(0, last - count - given_up), "equivocations": second}  # fmt: skip

    def _opened(self, klass: Class, question: Question, at: float, *, node: str = "") -> Iterator[Envelope]:
        """Rows of a class that the role sees, opened, the newest first."""
        where, values = _where(klass, question, node, self._comuni(question, at))
        by_node = " NOT INDEXED" if node else ""  # its rows lie together under the primary key
        sql = f"SELECT token FROM envelope{by_node} WHERE {where} ORDER BY at DESC, seq DESC"  # noqa: S608 -- ours
        for (token,) in self._db.execute(sql, values):
            try:
                envelope = open_envelope(token, self._ring)
            except Refused:
                continue  # a key that is no longer trusted; `piazza audit` names it
            if self._sight.sees(envelope.topic, at):
                yield envelope

    def _comuni(self, question: Question, at: float) -> Sequence[str]:
        mine = self._sight.comuni(at)
        return [comune for comune in mine if question.comune in ("", comune)]


def _where(klass: Class, question: Question, node: str, comuni: Sequence[str]) -> tuple[str, list[Any]]:
    parts, values = ["klass = ?", "at >= ?", "at < ?"], [klass.value, question.since, question.until]
    for column, value in (("kind", question.kind), ("severity", question.severity), ("node", node)):
        if value:
            parts.append(f"{column} = ?")
            values.append(value)
    parts.append("(" + (" OR ".join("node GLOB ?" for _ in comuni) or "0") + ")")
    return " AND ".join(parts), values + [f"*/{comune}/*" for comune in comuni]
