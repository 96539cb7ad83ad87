"""F11: the spool is full, or its partition is; nothing crashes, all drains, and what was given up is named exactly.

    python -m tests.faults.f11_full [--count N] [--seed N] [--json]

In turn: a node that is cut off until its spool of one megabyte has overflowed several times, and restarted
in the middle; and a node whose partition somebody else fills to the last byte while events and receipts
come. Node, link and store are the real ones, on a broker in a list. In the end every number is in the
store or in a signed `dropped` record, never in neither; those in both were on their way when they were given
up, and are counted. No event is given up while records of less worth wait; and of a full partition nothing
is given up at all.
"""

from __future__ import annotations

import logging
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

from agent.contract.envelope import Envelope, open_envelope
from agent.contract.topics import Class
from agent.contract.types import AuditData
from agent.records import Record
from agent.subscriber.keeper import Keeper
from agent.subscriber.receipts import Receipts
from agent.subscriber.store import Store
from agent.transport.memory import MemoryBroker
from agent.uplink.inbox import Inbox
from agent.uplink.link import Link
from agent.uplink.outbox import OutboxReader
from agent.uplink.settings import BrokerSettings, BudgetSettings, UplinkSettings
from tests.contract.makers import NODE, STORE, signer
from tests.faults import row
from tests.faults.tools.partition import Partition, partition
from tests.uplink.nodes import Node, event, health, ring, stat

SPOOL_MB = 1
PARTITION_MB = 6
ROOM_MB = 4
"""The cap of a spool that has its partition almost for itself: nothing of it need be given up."""
PATIENCE = 3_000
MAKERS: dict[Class, Callable[[], Record]] = {Class.EVT: event, Class.STAT: stat, Class.HEALTH: health}
MIX = (Class.EVT, Class.STAT, Class.HEALTH, Class.HEALTH)
BAD = ("unexplained", "named_twice", "out_of_turn", "not_drained", "given_up_on_a_full_partition")
PLENTY = BudgetSettings(evt_kb=10**6, stat_kb=10**6, health_kb=10**6, audit_kb=10**6)


class Comune:
    """A node with its link, and a store, on a broker in a list and a clock that is turned by hand."""

    def __init__(self, folder: Path, store: Path, *, max_mb: int) -> None:
        self.folder = folder
        self.max_mb = max_mb
        self.node = Node(folder, max_mb=max_mb)
        self.broker = MemoryBroker(self.node.clock)
        self.link = self._link()
        self.store = Store(store)
        receipts = Receipts(STORE, signer("store"), clock=self.node.clock)
        self.keeper = Keeper(
            self.broker.transport("store"), ring(), self.store, receipts, union=NODE.union, clock=self.node.clock
        )
        self.keeper.open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()
        self.node.reader.close()
        self.node.outbox._db.close()

    def put(self, randomness: random.Random, count: int) -> None:
        for _ in range(count):
            self.node.spool.put(MAKERS[randomness.choice(MIX)]())
        self.node.spool.flush()

    def turn(self) -> None:
        """A second of everybody's life."""
        self.node.tick(after_s=1.0)
        self.link.run_once(0.0)
        self.keeper.run_once(0.0)

    def restart(self) -> None:
        """Sense and link end and begin anew over the same folder."""
        clock = self.node.clock
        self.node.outbox._db.close()
        self.node = Node(self.folder, max_mb=self.max_mb, clock=clock)
        self.link = self._link()

    def drained(self) -> bool:
        """Whether everything has reached the store and has left the outbox, within a patient time."""
        for _ in range(PATIENCE):
            self.turn()
            if self.node.outbox.tail.seq and not self.node.reader.after(0, limit=1) and not self.node.outbox.waiting:
                return True
        return False

    def _link(self) -> Link:
        settings = UplinkSettings(BrokerSettings("localhost"), budget=PLENTY)
        link = Link(
            NODE, OutboxReader(self.folder / "outbox.sqlite"), self.broker.transport("node"), Inbox(self.folder / "inbox"),
            settings, clock=self.node.clock, randomness=random.Random(1),
        )  # fmt: skip
        link.open()
        return link


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` nodes, spool and partition in turn; counts of what was seen."""
    randomness = random.Random(seed)
    counts: Counter[str] = Counter(
        nodes=count, records=0, given_up=0, given_up_on_their_way=0, partitions_not_allowed=0, **dict.fromkeys(BAD, 0)
    )
    logging.disable(logging.ERROR)
    try:
        for number in range(count):
            with tempfile.TemporaryDirectory(dir=row.MEMORY) as name:
                (_full_partition if number % 2 else _full_spool)(Path(name), randomness, counts)
    finally:
        logging.disable(logging.NOTSET)
    return counts


def _full_spool(folder: Path, randomness: random.Random, counts: Counter[str]) -> None:
    (folder / "node").mkdir()
    with Comune(folder / "node", folder / "events.sqlite", max_mb=SPOOL_MB) as comune:
        comune.broker.up = False
        for step in range(lives := randomness.randrange(60, 90)):
            before = comune.node.outbox.tail.seq
            comune.put(randomness, randomness.randrange(10, 60))
            comune.turn()
            counts["out_of_turn"] += _out_of_turn(comune, before)
            if step == lives // 2:
                comune.restart()
        comune.broker.up = True
        counts["not_drained"] += not comune.drained()
        counts["given_up"] += _judge(comune, counts)


def _full_partition(folder: Path, randomness: random.Random, counts: Counter[str]) -> None:
    with partition(folder / "node", mb=PARTITION_MB) as place:
        if place is None:
            counts["partitions_not_allowed"] += 1
            return
        with Comune(place.folder, folder / "events.sqlite", max_mb=ROOM_MB) as comune:
            for _ in range(3):
                _fill_and_free(comune, place, randomness)
            counts["not_drained"] += not comune.drained()
            counts["given_up_on_a_full_partition"] += _judge(comune, counts)


def _fill_and_free(comune: Comune, place: Partition, randomness: random.Random) -> None:
    """Events come before, while and after there is no room; receipts come too."""
    comune.put(randomness, randomness.randrange(1, 100))
    for _ in range(randomness.randrange(0, 3)):
        comune.turn()
    place.fill()
    for _ in range(randomness.randrange(2, 8)):
        comune.put(randomness, randomness.randrange(1, 100))
        comune.turn()
        place.fill()
    place.free()
    comune.put(randomness, 1)


def _out_of_turn(comune: Comune, before: int) -> int:
    """How many records since number `before` give up events, though records of less worth waited by then."""
    rows = comune.node.reader.after(0, limit=100_000)
    waited = any(one.seq <= before and one.klass in (Class.STAT, Class.HEALTH) for one in rows)
    told = [one for one in rows if one.seq > before and one.topic.endswith("/audit/dropped")]
    opened = [open_envelope(one.token, comune.node.ring, topic=one.topic) for one in told]
    return sum(waited and _subject(one) == Class.EVT for one in opened)


def _subject(envelope: Envelope) -> str:
    return envelope.data.subject if isinstance(envelope.data, AuditData) else ""


def _judge(comune: Comune, counts: Counter[str]) -> int:
    """Hold what the store has against what the node signed away; how many numbers were given up."""
    there: set[int] = set()
    gone: list[int] = []
    for seq, token in comune.store.tokens(str(NODE)):
        there.add(seq)
        data = open_envelope(token, comune.node.ring).data
        if isinstance(data, AuditData) and data.action == "dropped":
            gone += [number for first, last in data.ranges for number in range(first, last + 1)]
    absent = set(range(1, comune.node.outbox.tail.seq + 1)) - there
    counts["records"] += comune.node.outbox.tail.seq
    counts["unexplained"] += len(absent - set(gone))
    counts["given_up_on_their_way"] += len(set(gone) - absent)
    counts["named_twice"] += len(gone) - len(set(gone))
    return len(gone)


if __name__ == "__main__":
    raise SystemExit(row.main("F11 full spool, full partition", run, count=10, long=40, targets=BAD))
