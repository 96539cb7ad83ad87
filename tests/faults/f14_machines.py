"""F14: state machines do whatever may be done, in any order, beside a model of what must be true.

    python -m tests.faults.f14_machines [--count N] [--seed N] [--json]

`count` steps, shared among four machines: the outbox on its disk; a node, a link, a broker that loses, doubles and
forgets, and a store that dies; the commands that a node admits over clock steps and restarts; a store that seals,
erases and is audited, with a witness that remembers. Hypothesis shrinks what it finds to the shortest story.
"""

from __future__ import annotations

import logging
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import seed as seeded
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from agent.clock import SimulatedClock
from agent.contract.chain import Span
from agent.contract.command import Memory
from agent.contract.envelope import Envelope
from agent.errors import Refused
from agent.subscriber.audit import Evidence, read_all
from agent.subscriber.audit_chain import judge
from agent.subscriber.audit_rows import Rows
from agent.subscriber.erase import erase
from agent.subscriber.keeper import Keeper
from agent.subscriber.receipts import Receipts
from agent.subscriber.store import Store
from agent.transport.memory import MemoryBroker, Weather
from agent.uplink.link import Link
from tests.contract.makers import AT, NODE, STORE, signer
from tests.contract.test_command import command
from tests.faults import row
from tests.subscriber.parts import dropping, several
from tests.subscriber.test_witness import Place
from tests.uplink.nodes import Node, event
from tests.uplink.test_outbox_states import OutboxMachine

STEPS = 30
"""Steps of one story."""

BAD = ("counterexamples",)
steps = Counter[str]()
"""What was done, by machine; a story that is told again while it is shrunk counts again."""


class Counted(RuleBasedStateMachine):
    """A machine whose steps are counted."""

    def check_invariants(self, *arguments: Any, **named: Any) -> Any:
        steps[type(self).__name__] += 1
        return super().check_invariants(*arguments, **named)


class CountedOutbox(Counted, OutboxMachine):
    """The machine of the unit tests."""


class Delivery(Counted):
    """What is committed on a node is in the store in the end, whatever befalls anybody on the way."""

    @initialize(seed=some.integers(0, 1000))
    def begin(self, seed: int) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=row.MEMORY)
        self.path = Path(self.folder.name)
        self.clock = SimulatedClock(AT)
        self.randomness = random.Random(seed)
        weather = Weather(lost=0.1, twice=0.1, delay_s=20.0)
        self.broker = MemoryBroker(self.clock, randomness=self.randomness, weather=weather)
        self.node_begins()
        self.link_begins()
        self.store_begins()

    def node_begins(self) -> None:
        self.node = Node(self.path, clock=self.clock)

    def link_begins(self) -> None:
        self.link = Link(
            NODE, self.node.reader, self.broker.transport("link"), self.node.inbox, self.node.settings,
            clock=self.clock, randomness=self.randomness,
        )  # fmt: skip
        self.link.open()

    def store_begins(self) -> None:
        self.store = Store(self.path / "events.sqlite")
        receipts = Receipts(STORE, signer("store"), clock=self.clock)
        transport = self.broker.transport("store")
        self.keeper = Keeper(transport, self.node.ring, self.store, receipts, union=NODE.union, clock=self.clock)
        self.keeper.open()

    @rule(count=some.integers(1, 5))
    def something_happens(self, count: int) -> None:
        for number in range(count):
            self.node.spool.put(event(id=f"{self.clock.now()} {number}"))
        self.node.spool.flush()

    @rule(seconds=some.sampled_from([1.0, 10.0, 60.0, 3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.node.spool.tick(self.clock.now())

    @rule()
    def link_works(self) -> None:
        self.link.run_once(0.0)

    @rule()
    def store_works(self) -> None:
        self.keeper.run_once(0.0)

    @rule()
    def node_crashes(self) -> None:
        self.node.outbox._db.close()
        self.node.reader.close()
        self.node_begins()
        self.link_crashes()

    @rule()
    def link_crashes(self) -> None:
        self.broker.cut("link")
        self.link_begins()

    @rule()
    def store_crashes(self) -> None:
        self.broker.cut("store")
        self.store.close()
        self.store_begins()

    @rule(forget=some.booleans())
    def broker_crashes(self, forget: bool) -> None:  # noqa: FBT001 -- hypothesis calls it
        self.broker.crash(forget=forget)

    @invariant()
    def nothing_committed_is_nowhere(self) -> None:
        """A number that was given is in the outbox or in the store."""
        if not hasattr(self, "store"):
            return
        tail = self.node.outbox.tail.seq
        here = Span((row.seq, row.seq) for row in self.node.reader.after(0, limit=10_000))
        for first, last in self.store.held(str(NODE)).span:
            here.add(first, last)
        assert Span([(1, tail)]).minus(here) == ()

    @invariant()
    def nothing_is_stored_that_was_not_given(self) -> None:
        if hasattr(self, "store"):
            assert self.store.held(str(NODE)).last <= self.node.outbox.tail.seq

    def teardown(self) -> None:
        """In good weather everything comes, and leaves the outbox."""
        if not hasattr(self, "store"):
            return
        self.broker.weather = Weather()
        for _ in range(200):
            self.time_passes(60.0)
            self.link_works()
            self.store_works()
            if not self.node.reader.after(0, limit=1):
                break
        tail = self.node.outbox.tail.seq
        assert self.store.held(str(NODE)).span == (((1, tail),) if tail else ())
        assert not self.node.reader.after(0, limit=1)
        self.store.close()
        self.node.reader.close()
        self.node.outbox._db.close()
        self.folder.cleanup()


class Commands(Counted):
    """No command is admitted twice, and none that is over."""

    @initialize()
    def begin(self) -> None:
        self.memory, self.at = Memory(), AT
        self.done: set[tuple[int, float]] = set()
        self.known: dict[tuple[int, float], Envelope] = {}

    @rule(number=some.integers(0, 20), within_s=some.sampled_from([30.0, 60.0, 3000.0]))
    def somebody_asks(self, number: int, within_s: float) -> None:
        asked = self.known.setdefault((number, within_s), command(number=number, within_s=within_s))
        try:
            self.memory.admit(asked, at=self.at, retained=False)
        except Refused:
            return
        assert (number, within_s) not in self.done
        assert self.at <= AT + within_s
        self.done.add((number, within_s))

    @rule(seconds=some.floats(-7200.0, 7200.0))
    def the_clock_is_set(self, seconds: float) -> None:
        self.at = AT + seconds

    @rule()
    def the_node_begins_anew(self) -> None:
        self.memory = Memory.decode(self.memory.encode())


class Keeping(Counted):
    """What a store seals, a witness signs and an erasure leaves is whole for every audit."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=row.MEMORY)
        self.path = Path(self.folder.name)
        self.place = Place(self.path, str(self.path / "events.sqlite"))
        self.late: list[Any] = []

    @rule(count=some.integers(1, 4))
    def events_come(self, count: int) -> None:
        self.place.keep(several(self.place.chain, count))

    @rule(count=some.integers(1, 3))
    def some_are_given_up(self, count: int) -> None:
        first = self.place.chain.seq + 1
        self.late += several(self.place.chain, count)
        self.place.keep([dropping(self.place.chain, (first, first + count - 1))])

    @rule()
    def one_that_was_given_up_comes_after_all(self) -> None:
        if self.late:
            self.place.keep([self.late.pop()])

    @rule()
    def a_round_of_signing(self) -> None:
        self.place.round()

    @rule()
    def the_store_seals(self) -> None:
        self.place.seal()

    @rule(klass=some.sampled_from(["evt", "audit"]))
    def old_ones_are_erased(self, klass: str) -> None:
        erase(self.path / "events.sqlite", {klass: AT + 1}, at=AT)

    @rule()
    def an_auditor_comes(self) -> None:
        evidence, rows = Evidence(), Rows(self.path / "events.sqlite")
        evidence.take(read_all(list(rows.tokens()), self.place.ring))
        for erased in rows.erased():
            evidence.take_erased(*erased)
        for note in (*rows.notes(), *self.place.witness.notes()):
            evidence.take_note(note, self.place.ring)
        rows.close()
        for chain in evidence.joined():
            assert judge(chain, from_first=True).wrong == {}

    def teardown(self) -> None:
        if hasattr(self, "place"):
            self.an_auditor_comes()
            assert self.place.witness.evidence() == []
            for one in (self.place.store, self.place.seals, self.place.witness):
                one.close()
            self.folder.cleanup()


MACHINES: tuple[tuple[type[Counted], float], ...] = (
    (CountedOutbox, 0.35), (Delivery, 0.25), (Commands, 0.3), (Keeping, 0.1),
)  # fmt: skip
"""Each with its share of the steps: some cost more than others."""


def run(*, count: int, seed: int) -> Counter[str]:
    """At least `count` steps; counts of what was done."""
    steps.clear()
    found = 0
    logging.disable(logging.CRITICAL)
    try:
        for machine, share in MACHINES:
            while steps[machine.__name__] < count * share:
                found += _told(machine, round(count * share) - steps[machine.__name__], seed)
                seed += 1
                if found:
                    break
    finally:
        logging.disable(logging.NOTSET)
    named = {machine.__name__.removeprefix("Counted").lower(): steps[machine.__name__] for machine, _ in MACHINES}
    return Counter(steps=sum(steps.values()), **named, counterexamples=found)


def _told(machine: type[Counted], wanted: int, seed: int) -> int:
    """Stories of about `wanted` steps; 1 where one of them ends badly, after printing it."""
    stories = max(1, wanted // STEPS)
    limits = settings(
        max_examples=stories, stateful_step_count=STEPS, deadline=None, database=None, print_blob=False,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    try:
        run_state_machine_as_test(seeded(seed)(machine), settings=limits)
    except Exception as error:
        for one in getattr(error, "exceptions", (error,)):
            print(f"{machine.__name__}: {one!r}\n" + "\n".join(getattr(one, "__notes__", ())))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(row.main("F14 state machines", run, count=60_000, part=1_500, targets=BAD))
