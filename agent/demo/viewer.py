"""A subscriber that remembers what it was shown: lines, counts over time, bytes that came.

It learns of the node only what the broker carries, except the counts of zones, which are read on
the node itself from its numbers in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.clock import Clock
from agent.contract.topics import CHAINED, Class, pattern
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
