"""Any sequence of puts, commits, crashes, receipts and givings-up: nothing committed is lost, no number comes twice."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.contract.jws import GENESIS
from agent.contract.topics import Class
from agent.uplink.outbox import Outbox, OutboxReader
from agent.uplink.settings import OutboxSettings

CLASSES = some.sampled_from([Class.EVT, Class.STAT, Class.HEALTH, Class.AUDIT])
LEAST_FIRST = {Class.HEALTH: 0, Class.STAT: 1, Class.EVT: 2, Class.AUDIT: 2}


class OutboxMachine(RuleBasedStateMachine):
    """The outbox beside a model of what it must hold."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "outbox.sqlite"
        self.outbox = self._opened()
        self.reader = OutboxReader(self.path)
        self.held: dict[int, tuple[Class, str]] = {}
        self.waiting: list[tuple[Class, str]] = []
        self.sealed: dict[int, tuple[str, str]] = {}
        self.tail = (0, GENESIS)
        self.statement: tuple[str, int] | None = None
        self.put_count = 0

    def _opened(self) -> Outbox:
        return Outbox(self.path, OutboxSettings(max_mb=8))

    @rule(klass=CLASSES)
    def put(self, klass: Class) -> None:
        self.put_count += 1
        text = f"text {self.put_count}"

        def seal(seq: int, prev: str) -> tuple[str, str]:
            self.sealed[seq] = (text, prev)
            return text, f"{seq:032x}{self.put_count:032x}"

        self.outbox.put(klass, "t", seal, 0.0)
        self.waiting.append((klass, text))

    @rule()
    def flush(self) -> None:
        before = self.tail[0]
        tail = self.outbox.flush()
        for number, (klass, text) in enumerate(self.waiting, start=before + 1):
            assert number not in self.held
            assert self.sealed[number][0] == text
            self.held[number] = (klass, text)
        assert tail.seq == before + len(self.waiting)
        self.tail, self.waiting = (tail.seq, tail.digest), []

    @rule()
    def crash(self) -> None:
        """The process is gone: what waits is lost, what was committed is not."""
        self.outbox._db.close()
        self.outbox = self._opened()
        self.waiting = []
        assert (self.outbox.tail.seq, self.outbox.tail.digest) == self.tail

    @rule()
    def end_well(self) -> None:
        self.flush()
        self.outbox.close()
        self.outbox = self._opened()

    @rule(share=some.floats(0, 1))
    def receive_up_to(self, share: float) -> None:
        cum = int(share * (self.tail[0] + 3))
        self.outbox.received(cum=cum)
        cum = min(cum, self.tail[0])
        self.flush()
        self.held = {number: held for number, held in self.held.items() if number > cum}

    @rule(first=some.integers(1, 30), count=some.integers(0, 5))
    def receive_range(self, first: int, count: int) -> None:
        known = self.tail[0]
        self.outbox.received(cum=0, ranges=((first, first + count),))
        self.flush()
        gone = range(first, min(first + count, known) + 1)
        self.held = {number: held for number, held in self.held.items() if number not in gone}

    @rule()
    def give_up(self) -> None:
        given = self.outbox.give_up()
        if given is None:
            assert not self.held
            return
        named = {number for first, last in given[1] for number in range(first, last + 1)}
        classes = {self.held[number][0] for number in named}
        least = min(LEAST_FIRST[klass] for klass, _ in self.held.values())
        assert {LEAST_FIRST[klass] for klass in classes} == {least}
        self.flush()
        self.held = {number: held for number, held in self.held.items() if number not in named}

    @rule(text=some.sampled_from(["one", "two"]))
    def state(self, text: str) -> None:
        self.outbox.state("t/state", text)
        self.flush()
        self.statement = (text, self.statement[1] + 1 if self.statement else 1)

    @invariant()
    def the_reader_sees_exactly_what_is_committed(self) -> None:
        if not hasattr(self, "reader"):
            return
        rows = self.reader.after(0, limit=10_000)
        assert [(row.seq, row.klass, row.token) for row in rows] == [
            (number, klass, text) for number, (klass, text) in sorted(self.held.items())
        ]
        assert self.reader.last() == self.tail[0]
        assert [(one.token, one.version) for one in self.reader.statements()] == (
            [self.statement] if self.statement else []
        )

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.reader.close()
            self.outbox._db.close()
            self.folder.cleanup()


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
