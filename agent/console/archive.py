"""The store's database, read only, through the eyes of one role.

Every row is opened and its signature checked again before it is shown: the archive believes the
database no more than a subscriber believes the broker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from agent.console import search
from agent.console.items import Item, audit_item, event_item, happening, health_item, is_over, proof_item, verdict_item
from agent.console.search import Question
from agent.console.sight import Sight
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.jws import KeyRing
from agent.contract.topics import ACCESS, Class, NodeName, Topic
from agent.contract.types import StatData
from agent.errors import Refused
from agent.governance.rights import EVENT_KINDS
from agent.governance.union import PROBE
from agent.subscriber.tables import Where, open_tables

PAGE = 100
"""Rows of one answer."""

LOOK_BACK_S = 7 * 86_400
"""Events that were opened longer ago are not looked for when the console starts."""

WEEKS_S = 8 * 7 * 86_400
_AUDITS = "klass = 'audit' AND kind <> ?"
_ACCESSES = "klass = 'audit' AND kind = ?"
_STATS_OF = "SELECT token FROM envelope WHERE node = ? AND klass || '' = 'stat' AND at >= ? ORDER BY at DESC, seq DESC"
"""The rows of one node lie together under the primary key: the other index, which begins with the class, would not help."""

_OF_NODE = "node = ? AND klass || '' = ?"
_HAPPENING = "SELECT token FROM envelope WHERE klass = 'evt' AND at >= ? AND at <= ? AND node || '' = ? AND correlation = ? ORDER BY seq"
"""By time, as the index has it; a node's own rows may be a hundred times as many."""

_VERDICTS = "SELECT token FROM verdict WHERE node = ? AND event = ? ORDER BY at"
_CHAINS = "SELECT name, chain, last FROM node ORDER BY name"
_HELD = "SELECT count(*) FROM envelope WHERE node = ? AND chain = ?"
_GIVEN_UP = "SELECT coalesce(sum(last - first + 1), 0) FROM given_up WHERE node = ? AND chain = ?"
_SECOND = "SELECT count(*) FROM equivocation WHERE node = ?"

AROUND_S = 86_400.0
"""All words of a happening lie within so long of any of them."""

FEW = 5
"""Events of a node that stand beside it."""

REMEMBER_S = 60.0
"""The weeks of the node that was looked at last are good for so long: opening them takes a second."""


class Archive:
    """One connection; owned by one thread at a time."""

    def __init__(self, where: Where, ring: KeyRing, sight: Sight) -> None:
        self._ring = ring
        self._sight = sight
        self._remembered: dict[str, tuple[float, list[tuple[float, dict[str, float]]]]] = {}
        self._db = open_tables(where, only_reads=True)

    def close(self) -> None:
        self._db.close()

    def events(self, question: Question, *, at: float, limit: int = PAGE) -> list[Item]:
        """Events, the newest first."""
        found = self._events(question, at)
        return [self._told(envelope, at) for envelope, _ in zip(found, range(limit), strict=False)]

    def happening(self, node: str, event: str, near: float, *, at: float) -> Item:
        """One happening, of which something was told `near` an instant: its last word, and what proves each; else empty."""
        told = list(self._opened(_HAPPENING, (near - AROUND_S, near + AROUND_S, node, event), at))
        return (
            {"event": self._told(told[-1], at), "messages": [proof_item(one, "verified") for one in told]}
            if told
            else {}
        )

    def since(self, since: float, *, at: float) -> list[Item]:
        """All events from an instant on, the oldest first."""
        return [self._told(envelope, at) for envelope in self._events(Question(since=since), at)][::-1]

    def open_events(self, *, at: float) -> list[Item]:
        """Happenings whose last word is not that they are over."""
        last: dict[str, Envelope] = {}
        for envelope in self._events(Question(since=at - LOOK_BACK_S), at):
            last.setdefault(happening(envelope), envelope)
        return [self._told(one, at) for one in last.values() if not is_over(one)]

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
        rows = self._db.rows(_CHAINS)
        return [self._chain(name, chain, last) for name, chain, last in rows if name in seen]

    def of_node(self, name: NodeName, *, at: float) -> Item:
        """What is held of one node: its chain, its last events and its last numbers; nothing where the role sees none."""
        chains = [chain for chain in self.chains(at=at) if chain["node"] == str(name)]
        return {"chain": next(iter(chains), None),
                "events": [event_item(one, "verified") for one in self._latest(name, Class.EVT, FEW, at)],
                "health": [health_item(one) for one in self._latest(name, Class.HEALTH, 1, at)]}  # fmt: skip

    def _latest(self, name: NodeName, klass: Class, most: int, at: float) -> Iterator[Envelope]:
        found = self._believed(search.latest(self._db, _OF_NODE, (str(name), str(klass)), first=most), at)
        return (envelope for envelope, _ in zip(found, range(most), strict=False))

    def audits(self, *, at: float, limit: int = PAGE) -> list[Item]:
        """Acts that somebody may have to answer for, the newest first."""
        found = self._believed(search.latest(self._db, _AUDITS, (ACCESS,), first=limit), at)
        return [audit_item(envelope, "verified") for envelope, _ in zip(found, range(limit), strict=False)]

    def accesses(self, *, at: float, limit: int = PAGE) -> list[Item]:
        """Who looked at what, the newest first."""
        found = self._believed(search.latest(self._db, _ACCESSES, (ACCESS,), first=limit), at)
        return [audit_item(envelope, "verified") for envelope, _ in zip(found, range(limit), strict=False)]

    def _told(self, envelope: Envelope, at: float) -> Item:
        """An event, and what people said of it so far."""
        item = event_item(envelope, "verified")
        words = self._opened(_VERDICTS, (item["node"], item["id"]), at)
        return item | {"verdicts": [verdict_item(word) for word in words]}

    def _counts(self, node: str, at: float) -> list[tuple[float, dict[str, float]]]:
        """Ends of intervals that a node really observed, with what it counted; remembered for a minute."""
        known_at, counts = self._remembered.get(node, (float("-inf"), []))
        if at - known_at > REMEMBER_S:
            opened = self._opened(_STATS_OF, (node, at - WEEKS_S), at)
            told = ((envelope.at, envelope.data) for envelope in opened)
            counts = [(ends_at, data.values) for ends_at, data in told if isinstance(data, StatData) and data.coverage]
            self._remembered = {node: (at, counts)}
        return counts

    def _chain(self, name: str, chain: int, last: int) -> Item:
        ((count,),) = self._db.rows(_HELD, (name, chain))
        ((given_up,),) = self._db.rows(_GIVEN_UP, (name, chain))
        ((second,),) = self._db.rows(_SECOND, (name,))
        return {"node": name, "chain": chain, "last": last, "held": count, "given_up": int(given_up),
                "missing": max(0, last - count - int(given_up)), "equivocations": second}  # fmt: skip

    def _events(self, question: Question, at: float) -> Iterator[Envelope]:
        """Events that the role sees, opened, the newest first."""
        comuni = [comune for comune in self._sight.comuni(at) if question.comune in ("", comune)]
        kinds = [kind for kind in EVENT_KINDS if question.kind in ("", kind)]
        topics = (
            Topic(NodeName(self._sight.union.id, comune, PROBE), Class.EVT, kind) for comune in comuni for kind in kinds
        )
        seen = [topic for topic in topics if self._sight.sees(topic, at)]
        return self._believed(search.tokens(self._db, seen, question), at)

    def _opened(self, sql: str, values: tuple[str | float, ...], at: float) -> Iterator[Envelope]:
        return self._believed((token for (token,) in self._db.rows(sql, values)), at)

    def _believed(self, tokens: Iterable[str], at: float) -> Iterator[Envelope]:
        """Those that are genuine and that the role sees, opened."""
        for token in tokens:
            try:
                envelope = open_envelope(token, self._ring)
            except Refused:
                continue  # a key that is no longer trusted; `piazza audit` names it
            if self._sight.sees(envelope.topic, at):
                yield envelope
