"""Events of a store by time, comune, type and severity, in a time that does not grow with the store.

The index that the store keeps for it has one run for each comune, type and severity, ordered by time.
An answer merges the runs that a question names, so it reads what it shows and little more.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.contract.topics import Topic
from agent.records import Severity
from agent.subscriber.tables import Tables

FIRST = 2
"""Rows of the first page of a run; each page is twice as long as the one before."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to look for: from `since` to before `until`, and what else is not empty."""

    since: float = 0.0
    until: float = 1e11
    comune: str = ""
    kind: str = ""
    severity: str = ""


def tokens(db: Tables, topics: Iterable[Topic], question: Question) -> Iterator[str]:
    """What the store kept under comune and type of `topics`, the newest first."""
    parts = [(topic, severity) for topic in topics for severity in _severities(question.severity)]
    runs = [newest(db, *run(db, topic, severity), question) for topic, severity in parts]
    yield from _tokens(db, heapq.merge(*runs, key=_when, reverse=True))


def latest(db: Tables, where: str, values: tuple[str, ...], *, first: int = FIRST) -> Iterator[str]:
    """The tokens of other rows that a condition names, the newest first."""
    yield from _tokens(db, newest(db, where, values, Question(), first=first))


def run(db: Tables, topic: Topic, severity: str | None) -> tuple[str, tuple[str, ...]]:
    """The condition of one run of the index, and its values."""
    where = f"klass = 'evt' AND {db.comune} = ? AND kind = ? AND severity"
    values = (topic.name.comune, topic.type)
    return (f"{where} IS {db.nothing}", values) if severity is None else (f"{where} = ?", (*values, severity))


def page(db: Tables, where: str) -> str:
    """The question for one page of a run: its condition's values, two times and a number of rows belong to it."""
    return f"SELECT at, {db.row} FROM envelope WHERE {where} AND at >= ? AND at <= ? ORDER BY at DESC LIMIT ?"  # noqa: S608 -- ours


def newest(
    db: Tables, where: str, values: tuple[str, ...], question: Question, *, first: int = FIRST
) -> Iterator[tuple[float, object]]:
    """Time and place of rows, page after page: no cursor is left open while others are asked.

    A page begins with the last instant of the one before, since several rows may have it.
    """
    until, size, told = math.nextafter(question.until, -math.inf), first, set[object]()
    while True:
        rows = db.rows(page(db, where), (*values, question.since, until, size + len(told)))
        yield from ((at, row) for at, row in rows if row not in told)
        if len(rows) < size + len(told):
            return
        told = {row for at, row in rows if at == rows[-1][0]} | (told if rows[-1][0] == until else set())
        until, size = rows[-1][0], size * 2


def _tokens(db: Tables, places: Iterable[tuple[float, object]]) -> Iterator[str]:
    sql = f"SELECT token FROM envelope WHERE {db.row} = ?"  # noqa: S608 -- ours
    for _, place in places:
        yield from (token for (token,) in db.rows(sql, (place,)))


def _when(found: tuple[float, object]) -> float:
    return found[0]


def _severities(asked: str) -> tuple[str | None, ...]:
    """As they are written in the store, where an event of no severity counts as information."""
    wanted = (asked,) if asked else tuple(Severity)
    return (*wanted, None) if Severity.INFO in wanted else wanted
