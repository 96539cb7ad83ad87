"""The running store on a broker in a list."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.clock import SimulatedClock
from agent.contract.envelope import open_envelope
from agent.contract.jws import Key
from agent.contract.topics import Class, NodeName, pattern
from agent.contract.types import AckData, Data, ReceiptData
from agent.errors import BrokerRefused, StoreError
from agent.subscriber.holding import Item, Taken
from agent.subscriber.keeper import Keeper
from agent.subscriber.receipts import RANGES, Receipts
from agent.subscriber.speaker import Speaker
from agent.subscriber.store import Store
from agent.transport import Disconnected, Message
from agent.transport.memory import MemoryBroker
from tests.brokers.waiting import messages, opened
from tests.contract.makers import AT, NODE, STORE, Chain, ring_of, signer
from tests.subscriber.parts import Told, head, several

KEY = signer("node").kid


class Bench:
    """A broker, a node that publishes what it is given and reads its receipts, and a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SimulatedClock(AT)
        self.broker = MemoryBroker(self.clock)
        self.chain = Chain()
        self.ring = ring_of((self.chain.signer, "node", NODE), (signer("store"), "store", STORE))
        self.keeper = self.begin()
        self.node = self.broker.transport("node")
        opened(self.node, pattern(klass="rcpt"))

    def begin(self) -> Keeper:
        keeper = Keeper(
            self.broker.transport("store"),
            self.ring,
            Store(self.folder / "events.sqlite"),
            Receipts(STORE, signer("store"), clock=self.clock),
            union=NODE.union,
            clock=self.clock,
        )
        keeper.open()
        keeper.run_once(0.0)
        return keeper

    def publish(self, *batch: Message) -> None:
        for one in batch:
            self.node.publish(one.topic, one.payload)

    def receipts(self) -> list[Data]:
        found = [item for item in self.node.poll(0.0) if isinstance(item, Message)]
        return [open_envelope(one.payload, self.ring, topic=one.topic).data for one in found]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_batch_is_answered_by_one_receipt_after_its_commit(bench: Bench):
    bench.publish(*several(bench.chain, 5))
    bench.keeper.run_once(0.0)
    assert bench.receipts() == [ReceiptData(node=str(NODE), key=KEY, cum=5)]


def test_why_no_broker_is_there_is_said_once_with_what_to_do(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    clock, unknown = SimulatedClock(AT), Disconnected("no machine is called brocker", hint="look", unknown=True)
    ends = [unknown, unknown, Disconnected("no route"), Disconnected("no route"), unknown]
    receipts = Receipts(STORE, signer("store"), clock=clock)
    keeper = Keeper(
        Told(clock, *ends), ring_of(), Store(tmp_path / "s.sqlite"), receipts, union=NODE.union, clock=clock
    )
    with caplog.at_level(logging.WARNING, logger="agent.subscriber.keeper"):
        for _ in ends:
            keeper.run_once(0.0)
    assert [(vars(one)["why"], vars(one)["next"]) for one in caplog.records] == [
        ("no machine is called brocker", "look"),
        ("no route", "it is tried again and again"),
        ("no machine is called brocker", "look"),
    ]


def test_the_receipt_is_retained_for_a_node_that_is_away(bench: Bench):
    bench.publish(*several(bench.chain, 5))
    bench.keeper.run_once(0.0)
    late = bench.broker.transport("late")
    opened(late)
    late.subscribe(pattern(klass="rcpt"))
    assert messages(late, 1)[0].retained


def test_a_gap_is_named_by_ranges(bench: Bench):
    first, _, *others = several(bench.chain, 5)
    bench.publish(first, *others)
    bench.keeper.run_once(0.0)
    assert bench.receipts() == [ReceiptData(node=str(NODE), key=KEY, cum=1, ranges=((3, 5),))]


def test_a_receipt_has_room_for_so_many_ranges_and_no_more(bench: Bench):
    bench.publish(*several(bench.chain, 100)[1::2])
    bench.keeper.run_once(0.0)
    (receipt,) = bench.receipts()
    assert isinstance(receipt, ReceiptData)
    assert (receipt.cum, len(receipt.ranges)) == (0, RANGES)


def test_what_came_last_is_named_however_many_gaps_lie_before_it(bench: Bench):
    """Else a node whose spool has overflowed would send the same numbers for ever."""
    scattered = several(bench.chain, 200)[1::2]
    for begin in range(0, 100, 20):
        bench.publish(*scattered[begin : begin + 20])
        bench.keeper.run_once(0.0)
    receipt = bench.receipts()[-1]
    assert isinstance(receipt, ReceiptData)
    assert receipt.ranges[-20:] == tuple((number, number) for number in range(162, 201, 2))
    assert len(receipt.ranges) == RANGES


def test_a_repetition_is_answered_again(bench: Bench):
    batch = several(bench.chain, 2)
    bench.publish(*batch)
    bench.keeper.run_once(0.0)
    bench.publish(*batch)
    bench.keeper.run_once(0.0)
    assert len(bench.receipts()) == 2
    assert bench.keeper.tally.repeated == 2


def test_what_is_not_genuine_is_neither_kept_nor_answered(bench: Bench):
    stranger = Chain(signer=signer("stranger"))
    bench.publish(*several(stranger, 3))
    bench.keeper.run_once(0.0)
    assert bench.receipts() == []
    assert (bench.keeper.tally.refused, bench.keeper.tally.fresh) == (3, 0)


def test_heads_are_kept_without_a_receipt(bench: Bench):
    bench.publish(head(bench.chain))
    bench.keeper.run_once(0.0)
    assert bench.receipts() == []


def test_a_store_that_died_before_its_commit_gets_the_batch_again(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    bench.publish(*several(bench.chain, 3))

    def disk_full(*_: object, **__: object) -> None:
        raise StoreError("no space")

    with monkeypatch.context() as broken:
        broken.setattr(Store, "commit", disk_full)
        with pytest.raises(StoreError):
            bench.keeper.run_once(0.0)
    bench.broker.cut("store")
    again = bench.begin()
    again.run_once(0.0)
    assert again.tally.fresh == 3
    assert bench.receipts()[-1] == ReceiptData(node=str(NODE), key=KEY, cum=3)


def test_what_is_being_written_is_not_acknowledged_while_the_next_batch_is_opened(bench: Bench, tmp_path: Path):
    """Also where forgeries came among it, which are no part of what is written."""

    class Watched(Store):
        owed = True

        def commit(self, items: Sequence[Item], *, at: float) -> Taken:
            taken = super().commit(items, at=at)
            in_flight = {one.message.payload.decode() for one in bench.broker._sessions["store"].in_flight}
            self.owed = self.owed and in_flight >= {item.token for item in items}
            return taken

    store = Watched(tmp_path / "watched.sqlite")
    receipts = Receipts(STORE, signer("store"), clock=bench.clock)
    bench.broker.hang_up("store", lost=True)
    transport = bench.broker.transport("store")
    keeper = Keeper(transport, bench.ring, store, receipts, union=NODE.union, clock=bench.clock)
    keeper.open()
    keeper.run_once(0.0)
    stranger = Chain(signer=signer("stranger"))
    for _ in range(30):
        bench.publish(*several(bench.chain, 10), *several(stranger, 10))
    keeper.run_once(0.0)
    assert (keeper.tally.fresh, keeper.tally.refused, store.owed) == (300, 300, True)


def test_a_broker_that_lost_its_memory_is_told_all_receipts_again(bench: Bench):
    bench.publish(*several(bench.chain, 3))
    bench.keeper.run_once(0.0)
    bench.receipts()
    bench.broker.crash(forget=True)
    bench.keeper.run_once(0.0)
    bench.keeper.run_once(0.0)
    told = open_envelope(messages(bench.node, 1)[0].payload, bench.ring)
    assert told.data == ReceiptData(node=str(NODE), key=KEY, cum=3)


def test_a_store_that_is_never_let_in_ends_with_the_reason(bench: Bench):
    bench.broker.refused["store"] = "not authorized"
    bench.broker.cut("store")
    with pytest.raises(BrokerRefused, match="not authorized"):
        Keeper(
            bench.broker.transport("store"),
            bench.ring,
            Store(Path(":memory:")),
            Receipts(STORE, signer("store"), clock=bench.clock),
            union=NODE.union,
            clock=bench.clock,
        ).run(lambda: False)


def test_only_its_own_union_is_kept(bench: Bench):
    assert all(topic.startswith(f"piazza/v1/{NODE.union}/") for topic in bench.keeper._transport._patterns)  # type: ignore[attr-defined]
    assert {topic.split("/")[5] for topic in bench.keeper._transport._patterns} >= {Class.EVT, Class.AUDIT}  # type: ignore[attr-defined]


def test_stores_of_a_group_share_what_is_chained_and_each_hear_every_statement(bench: Bench):
    keeper = Keeper(
        bench.broker.transport("store-2"),
        bench.ring,
        Store(Path(":memory:")),
        Receipts(STORE, signer("store"), clock=bench.clock),
        union=NODE.union,
        clock=bench.clock,
        group="stores",
    )
    keeper.open()
    asked = set(keeper._transport._patterns)  # type: ignore[attr-defined]
    assert f"$share/stores/{pattern(NODE.union, klass=Class.EVT)}" in asked
    assert pattern(NODE.union, klass=Class.HEAD) in asked


def test_what_a_person_says_after_the_end_of_their_agreement_is_not_kept(bench: Bench):
    police = NodeName("romagna-faentina", "centre", "police")
    bench.ring.add(Key(signer("police").kid, signer("police").public, "police", str(police), AT + 60))
    speaker, refused = Speaker(police, signer("police"), clock=bench.clock), []
    for event in ("00000000000000aa", "00000000000000bb"):
        word = speaker.say(Class.ACK, "verdict", AckData(node=str(NODE), event=event, verdict="useful"))
        bench.publish(Message(str(word.topic), word.token))
        bench.keeper.run_once(0.0)
        refused.append(bench.keeper.tally.refused)
        bench.clock.sleep(60)
    assert refused == [0, 1]
