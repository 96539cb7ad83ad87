"""A subscriber that remembers what it was shown: lines, counts over time, bytes that came.

It learns of the node only what the broker carries, except the counts of zones, which are read on
the node itself from its numbers in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.clock import Clock
from agent.contract.topics import CHAINED, Class, pattern
from agent.contract.types import EventData
from agent.records import Phase
from agent.subscriber import Mark, Reader
from agent.subscriber.board import Board, Line
from agent.transport import Connected, Disconnected, Message, Transport

WATCHED = (*CHAINED, Class.STATE, Class.HEAD, Class.RCPT)
FROM_NODE = frozenset({*CHAINED, Class.STATE, Class.HEAD})


@dataclass(slots=True)
class Viewer:
    """Owned by one thread; `look` is called again and again."""

    transport: Transport
    reader: Reader
    board: Board
    clock: Clock
    numbers: Path
    lines: list[Line] = field(default_factory=list)
    marks: dict[Mark, int] = field(default_factory=dict)
    counts: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    bytes_sent: int = 0
    connected: bool = False

    def open(self) -> None:
        """Subscribe to all that a demonstration shows."""
        for klass in WATCHED:
            self.transport.subscribe(pattern(klass=klass))
        self.transport.open()

    def look(self, wait_s: float) -> list[Line]:
        """Lines that are new since the last look."""
        new = [*self._heard(wait_s), *self.board.advance(self.clock.now())]
        self.lines += new
        self._count()
        return new

    def latest(self) -> dict[str, float]:
        """The newest number of every quantity of the camera."""
        return self.counts[-1][1] if self.counts else {}

    def _heard(self, wait_s: float) -> Iterator[Line]:
        for happening in self.transport.poll(wait_s):
            match happening:
                case Message():
                    yield from self._message(happening)
                case Connected():
                    self.connected = True
                case Disconnected():
                    self.connected = False

    def _message(self, message: Message) -> list[Line]:
        news = self.reader.read(message)
        self.marks[news.mark] = self.marks.get(news.mark, 0) + 1
        if news.envelope is None or news.envelope.klass in FROM_NODE:
            self.bytes_sent += len(message.payload)
        return self.board.take(news, at=self.clock.now())

    def _count(self) -> None:
        """Take the node's own numbers, once for each time that it wrote them."""
        try:
            document = json.loads(self.numbers.read_bytes())
        except (OSError, ValueError):
            return
        if self.counts and self.counts[-1][0] == document["at"]:
            return
        merged = {name: value for source in document["sources"].values() for name, value in source.items()}
        self.counts.append((document["at"], merged))


def brief(lines: Sequence[Line]) -> list[Line]:
    """The same lines, with an event that was over at once told in one of them instead of two."""
    instants = {which for line in lines if (which := _over_at_once(line))}
    begun = {id_of(line) for line in lines if _phase(line) is Phase.OPENED}
    kept = [line for line in lines if not (_over_at_once(line) and id_of(line) in begun)]
    return [
        replace(line, text=line.text.replace(" opened:", ":", 1)) if id_of(line) in instants else line for line in kept
    ]


def id_of(line: Line) -> str:
    """What binds the lines of one event; empty for other lines."""
    envelope = line.news.envelope if line.news else None
    return str(envelope.payload.correlationid) if envelope and isinstance(envelope.data, EventData) else ""


def _phase(line: Line) -> Phase | None:
    data = line.news.envelope.data if line.news and line.news.envelope else None
    return data.phase if isinstance(data, EventData) else None


def _over_at_once(line: Line) -> str:
    """The id of an event that this line closes in the moment in which it was opened."""
    data = line.news.envelope.data if line.news and line.news.envelope else None
    over = isinstance(data, EventData) and data.phase is Phase.CLOSED and data.duration_s == 0.0
    return id_of(line) if over else ""
