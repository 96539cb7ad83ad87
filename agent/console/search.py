"""Events of a store by time, comune, type and severity, in a time that does not grow with the store.

The index that the store keeps for it has one run for each comune, type and severity, ordered by time.
An answer merges the runs that a question names, so it reads what it shows and little more.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.contract.topics import Topic
from agent.records import Severity
from agent.subscriber.store import COMUNE

RUN = (
    f"SELECT at, rowid FROM envelope WHERE klass = 'evt' AND {COMUNE} = ? AND kind = ? AND severity IS ?"  # noqa: S608 -- ours
    " AND at >= ? AND at < ? ORDER BY at DESC"
)
_ROW = "SELECT token FROM envelope WHERE rowid = ?"


@dataclass(frozen=True, slots=True)
class Question:
    """What to look for: from `since` to before `until`, and what else is not empty."""

    since: float = 0.0
    until: float = 1e11
    comune: str = ""
    kind: str = ""
    severity: str = ""


def tokens(db: sqlite3.Connection, topics: Iterable[Topic], question: Question) -> Iterator[str]:
    """What the store kept under comune and type of `topics`, the newest first."""
    runs = [_run(db, topic, severity, question) for topic in topics for severity in _severities(question.severity)]
    for _, row in heapq.merge(*runs, reverse=True):
        yield from (token for (token,) in db.execute(_ROW, (row,)))


def _run(db: sqlite3.Connection, topic: Topic, severity: str | None, question: Question) -> Iterator[tuple[float, int]]:
    return db.execute(RUN, (topic.name.comune, topic.type, severity, question.since, question.until))


def _severities(asked: str) -> tuple[str | None, ...]:
    """As they are written in the store, where an event of no severity counts as information."""
    wanted = (asked,) if asked else tuple(Severity)
    return (*wanted, None) if Severity.INFO in wanted else wanted
