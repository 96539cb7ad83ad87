"""Link between a real outbox and a broker in a list, on a clock that only the test moves."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.contract.envelope import open_envelope
from agent.contract.topics import EXPIRES_S, Class, pattern
from agent.contract.types import CommandData, ReceiptData, StateData
from agent.transport import Message, Will
from agent.transport.memory import MemoryBroker, MemoryTransport, Weather
from agent.uplink import numbers
from agent.uplink.budget import size_of
from agent.uplink.inbox import Letter
from agent.uplink.ledger import TELL_S
from agent.uplink.link import HELD_S, Link
from agent.uplink.settings import BudgetSettings, UplinkSettings
from agent.uplink.window import RECEIPT_S
from tests.contract.makers import NODE, signer
from tests.uplink.nodes import STATE, Node, event, health, letter

MakeBench = Callable[..., "Bench"]


@dataclass
class Bench:
    """One node, its link, a broker, and a receiver that keeps what it gets."""

    node: Node
    settings: UplinkSettings
    broker: MemoryBroker
    receiver: MemoryTransport = field(init=False)
    link: Link = field(init=False)
    sense_lives: bool = True
    told: list[str] = field(default_factory=list)
    got: list[Message] = field(default_factory=list)
    store_has: int = 0
    opened: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.receiver = self.broker.transport("store")
        for klass in ("evt", "stat", "health", "audit", "state", "head"):
            self.receiver.subscribe(pattern(klass=klass))
        self.receiver.open()
        self.receiver.poll(0.0)
        self.link = self.new_link()
        self.link.open()

    def new_link(self) -> Link:
        return Link(
            NODE,
            self.node.reader,
            self.broker.transport("node"),
            self.node.inbox,
            self.settings,
            clock=self.node.clock,
            randomness=random.Random(1),
            alive=lambda: self.sense_lives,
            say=self.told.append,
        )

    def put(self, count: int) -> None:
        for number in range(count):
            self.node.spool.put(event(id=f"happening {self.node.clock.now()} {number}"))
        self.node.spool.flush()

    def run(self, turns: int = 3, *, each_s: float = 0.1) -> None:
        for _ in range(turns):
            self.link.run_once(each_s)
            self.got += [item for item in self.receiver.poll(0.0) if isinstance(item, Message)]

    def store(self, *, turns: int = 10) -> None:
        """A store that gives a receipt for all that it has."""
        for _ in range(turns):
            self.run(1)
            if self.seqs() and max(self.seqs()) > self.store_has:
                self.store_has = max(self.seqs())
                self.receipt(self.store_has)

    def receipt(self, cum: int, ranges: tuple[tuple[int, int], ...] = (), *, node: Any = NODE, key: str = "") -> None:
        receipt = letter(Class.RCPT, ReceiptData(node=str(node), key=key, cum=cum, ranges=ranges))
        self.receiver.publish(receipt.topic, receipt.payload, retain=True)

    def rows(self) -> list[Message]:
        return [message for message in self.got if message.topic.split("/")[5] in ("evt", "stat", "health", "audit")]

    def seqs(self) -> list[int]:
        for message in self.rows():
            if message.payload not in self.opened:
                self.opened[message.payload] = open_envelope(message.payload, self.node.ring).seq
        return [self.opened[message.payload] for message in self.rows()]

    def statements(self, klass: str) -> list[Any]:
        tokens = [message.payload for message in self.got if message.topic.split("/")[5] == klass]
        return [open_envelope(token, self.node.ring).data for token in tokens]


@pytest.fixture
def bench(tmp_path: Path) -> MakeBench:
    def make(*, weather: Weather | None = None, **settings: Any) -> Bench:
        node = Node(tmp_path, delete_on=settings.get("delete_on", "receipt"))
        broker = MemoryBroker(node.clock, randomness=random.Random(3), weather=weather)
        given = msgspec.structs.replace(node.settings, **{"window": 5, **settings})
        return Bench(node, given, broker)

    return make


def test_what_was_committed_is_carried_in_order_and_says_its_class(bench: MakeBench):
    one = bench(window=20)
    one.put(3)
    one.run()
    assert one.seqs() == [1, 2, 3]
    assert {message.topic for message in one.rows()} == {f"piazza/v1/{NODE}/evt/loitering"}


def test_no_more_is_under_way_than_the_window_allows(bench: MakeBench):
    one = bench()
    one.put(12)
    one.run(10)
    assert one.seqs() == [1, 2, 3, 4, 5]


def test_receipts_open_the_window_until_everything_is_there(bench: MakeBench):
    one = bench()
    one.put(23)
    one.store(turns=30)
    assert one.seqs() == list(range(1, 24))


def test_every_receipt_lies_in_the_inbox_and_sense_deletes_by_it(bench: MakeBench):
    one = bench()
    one.put(5)
    one.store()
    one.node.tick(after_s=2.0)
    one.node.spool.flush()
    assert one.node.reader.after(0, limit=10) == []


def test_without_a_receipt_the_same_rows_come_again_after_the_wait(bench: MakeBench):
    one = bench()
    one.put(7)
    one.run()
    one.node.clock.sleep(one.settings.resend_s * 1.3)
    one.run()
    assert one.seqs() == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]
    assert one.link.counts.resent == 5


def test_a_lost_message_is_sent_again_and_what_was_received_is_not(bench: MakeBench):
    one = bench()
    one.put(5)
    one.run()
    one.receipt(1, ranges=((3, 5),))
    one.run()
    one.node.clock.sleep(one.settings.resend_s * 1.3)
    one.run()
    assert one.seqs()[5:] == [2]


def test_after_a_cut_what_has_no_receipt_soon_comes_again(bench: MakeBench):
    one = bench()
    one.put(5)
    one.run()
    one.receipt(2)
    one.run()
    one.broker.cut("node")
    one.run(4)
    assert one.seqs()[5:] == []
    one.node.clock.sleep(RECEIPT_S)
    one.run(2)
    assert one.seqs()[5:] == [3, 4, 5]


def test_a_broker_that_lost_its_memory_gets_all_at_once_that_was_not_received(bench: MakeBench):
    one = bench()
    one.put(5)
    one.run()
    one.broker.crash(forget=True)
    one.receiver.poll(0.0)
    one.run(4)
    assert one.seqs()[5:] == [1, 2, 3, 4, 5]


def test_a_link_that_was_killed_begins_at_the_retained_receipt(bench: MakeBench):
    one = bench()
    one.put(9)
    one.store()
    one.put(3)
    one.link = one.new_link()
    one.link.open()
    one.store()
    assert sorted(set(one.seqs())) == list(range(1, 13))
    assert one.seqs()[9:].count(10) >= 1
    assert len(one.seqs()) <= 12 + one.settings.window


@pytest.mark.slow
def test_rough_weather_loses_nothing_and_duplicates_stay_few(bench: MakeBench):
    one = bench(weather=Weather(lost=0.1, twice=0.05, delay_s=0.5))
    one.put(40)
    have: set[int] = set()
    for _ in range(2000):
        one.run(1, each_s=1.0)
        have = set(one.seqs())
        cum = next(number for number in range(1, 42) if number not in have) - 1
        one.receipt(cum, ranges=tuple((number, number) for number in sorted(have) if number > cum)[:32])
        if len(have) == 40:
            break
    assert have == set(range(1, 41))


def test_messages_bear_the_retention_of_the_contract(bench: MakeBench):
    one = bench()
    one.put(1)
    one.node.spool.put(health())
    one.node.spool.flush()
    one.node.tick()
    one.run()
    assert set(one.broker.retained) == {
        f"piazza/v1/{NODE}/health/node",
        f"piazza/v1/{NODE}/head/node",
    }


def test_messages_expire_as_the_contract_says(bench: MakeBench):
    one = bench()
    late = one.broker.transport("late")
    late.subscribe(pattern(klass="evt"))
    late.open()
    late.poll(0.0)
    late.close()
    one.put(1)
    one.run()
    one.node.clock.sleep(EXPIRES_S[Class.EVT] + 1)
    late = one.broker.transport("late", session_s=1e9)
    late.open()
    assert not any(isinstance(item, Message) for item in late.poll(0.0))


def test_birth_and_head_are_published_once_and_again_after_a_reconnect(bench: MakeBench):
    one = bench()
    one.node.spool.birth(STATE)
    one.run(5)
    assert [data.status for data in one.statements("state")] == ["up"]
    one.broker.cut("node")
    one.run(5)
    assert [data.status for data in one.statements("state")] == ["up", "up"]


def test_a_lost_node_is_called_lost_by_the_broker_after_a_while(bench: MakeBench):
    one = bench()
    one.node.spool.birth(STATE)
    one.run()
    one.link = one.new_link()  # a link that died has said nothing
    one.broker.cut("node")
    one.node.clock.sleep(Will("", b"").delay_s + 1)
    one.broker.cut("nobody")
    one.got += [item for item in one.receiver.poll(0.1) if isinstance(item, Message)]
    one.got += [item for item in one.receiver.poll(0.1) if isinstance(item, Message)]
    assert [data.status for data in one.statements("state")][-1] == "lost"


def test_a_link_that_stops_alone_leaves_the_node_lost(bench: MakeBench):
    one = bench()
    one.node.spool.birth(STATE)
    one.run()
    one.link.close()
    one.node.clock.sleep(60)
    one.got += [item for item in one.receiver.poll(0.0) if isinstance(item, Message)]
    assert [data.status for data in one.statements("state")] == ["up", "lost"]


def test_a_node_that_goes_down_on_purpose_is_not_called_lost(bench: MakeBench):
    one = bench()
    one.node.spool.birth(STATE)
    one.run()
    one.node.spool.close(STATE)
    one.link.close()
    one.node.clock.sleep(60)
    one.got += [item for item in one.receiver.poll(0.0) if isinstance(item, Message)]
    assert [data.status for data in one.statements("state")] == ["up", "down"]


def test_when_sense_has_died_link_says_so_at_once_and_takes_it_back_when_it_lives(bench: MakeBench):
    one = bench()
    one.node.spool.birth(STATE)
    one.run()
    one.sense_lives = False
    one.run(5)
    assert [data.status for data in one.statements("state")] == ["up", "lost"]
    one.sense_lives = True
    one.run(5)
    assert [data.status for data in one.statements("state")] == ["up", "lost", "up"]


def test_a_reconnect_does_not_bring_a_dead_sense_back_to_life(bench: MakeBench):
    one = bench()
    one.node.spool.birth(STATE)
    one.run()
    one.sense_lives = False
    one.run(5)
    one.broker.cut("node")
    one.run(5)
    assert [data.status for data in one.statements("state")][-1] == "lost"


def test_whoever_looks_after_link_is_told_how_the_connection_stands(bench: MakeBench):
    one = bench()
    one.run()
    one.broker.cut("node")
    one.run(3)
    assert one.told == ["connected to the broker", "the connection is lost", "connected to the broker"]


def test_a_refusal_is_said_once_and_asked_again(bench: MakeBench, caplog: pytest.LogCaptureFixture):
    one = bench()
    one.broker.refused["node"] = "not authorized"
    one.run(10)
    assert [record.message for record in caplog.records].count("the broker refuses this node") == 1
    one.broker.refused.clear()
    one.put(1)
    one.run()
    assert one.seqs() == [1]


def test_a_new_configuration_takes_its_own_will_to_the_broker(bench: MakeBench):
    one = bench()
    one.node.spool.birth(STATE)
    one.run()
    one.node.spool.birth(msgspec.structs.replace(STATE, cfg="d" * 12))
    one.run(5)
    one.link.close()
    one.node.clock.sleep(60)
    one.got += [item for item in one.receiver.poll(0.0) if isinstance(item, Message)]
    last: StateData = one.statements("state")[-1]
    assert (last.status, last.cfg) == ("lost", "d" * 12)


def test_commands_are_letters_and_a_retained_one_is_marked(bench: MakeBench):
    one = bench()
    one.run()
    command = CommandData(node=str(NODE), command="report", deadline="2030-01-01T00:00:00Z")
    sent = letter(Class.CMD, command, role="operator")
    one.receiver.publish(sent.topic, sent.payload)
    one.run()
    assert one.node.inbox.take() == [Letter(sent.topic, sent.payload)]
    one.receiver.publish(sent.topic, sent.payload, retain=True)
    one.broker.cut("node")
    one.run(4)
    assert one.node.inbox.take()[-1] == Letter(sent.topic, sent.payload, retained=True)


def test_a_receipt_for_another_node_or_from_the_future_moves_nothing(bench: MakeBench):
    one = bench()
    one.put(7)
    one.run()
    one.receipt(5, node="romagna-faentina/brisighella/n-0018")
    one.run()
    one.receipt(1000)
    one.run()
    assert one.seqs() == [1, 2, 3, 4, 5]


def test_a_receipt_for_a_predecessor_of_the_same_name_moves_nothing(bench: MakeBench):
    """A replaced node finds the retained receipt of the one that was struck by lightning."""
    one = bench()
    one.put(7)
    one.receipt(5, key=signer("its predecessor").kid)
    one.run(5)
    assert one.seqs() == [1, 2, 3, 4, 5]
    one.node.tick(after_s=2.0)
    one.node.spool.flush()
    assert one.node.reader.after(0, limit=1)[0].seq == 1


@pytest.mark.parametrize("payload", [b"", b"a.b.c", b"x" * 10_000, b"..", b"\xff.\xff.\xff"])
def test_rubbish_instead_of_a_receipt_is_left_to_sense(bench: MakeBench, payload: bytes):
    one = bench()
    one.run()
    one.receiver.publish(f"piazza/v1/{NODE}/rcpt/store", payload or b"\0")
    one.put(1)
    one.run()
    assert one.seqs() == [1]


def test_a_class_over_its_budget_waits_and_the_others_pass(bench: MakeBench):
    one = bench(budget=BudgetSettings(health_kb=1))
    for number in range(3):
        one.node.spool.put(health(at=one.node.clock.now() + number))
    one.put(2)
    one.run(5)
    assert one.seqs() == [1, 4, 5]
    one.receipt(1, ranges=((4, 5),))
    one.run()
    one.node.clock.sleep(3720)
    one.run(5)
    assert one.seqs()[3:] == [2]


def test_a_restarted_link_has_no_new_budget(bench: MakeBench):
    one = bench(budget=BudgetSettings(health_kb=1))
    for number in range(3):
        one.node.spool.put(health(at=one.node.clock.now() + number))
    one.node.spool.flush()
    one.run()
    one.link.close()
    one.link = one.new_link()
    one.link.open()
    one.run(5)
    assert one.seqs() == [1]


def test_a_link_that_is_killed_again_and_again_has_the_budget_of_one_that_is_not(bench: MakeBench):
    """kill -9 leaves no time to write down what was sent; it was written down before, and no more than that."""
    one = bench(budget=BudgetSettings(evt_kb=16), window=1000)
    one.put(60)
    for _ in range(40):
        one.run(2)
        one.broker.cut("node")
        one.link = one.new_link()
        one.link.open()
    sent = sum(size_of(message.topic, message.payload) for message in one.got if "/evt/" in message.topic)
    assert 15 * 1024 < sent <= 16 * 1024


def test_a_clock_that_is_set_brings_no_new_budget(bench: MakeBench):
    """NTP comes after the restart: by the wall clock fifty years have passed."""
    one = bench(budget=BudgetSettings(health_kb=1))
    for number in range(3):
        one.node.spool.put(health(at=one.node.clock.now() + number))
    one.node.spool.flush()
    one.run()
    one.link.close()
    one.node.clock.at, one.node.clock.started = one.node.clock.at + 1.5e9, one.node.clock.started + 1.5e9
    one.link = one.new_link()
    one.link.open()
    one.run(5)
    assert one.seqs() == [1]


@pytest.mark.slow
def test_no_hour_carries_more_than_the_budget_of_any_class(bench: MakeBench):
    """Much more is made than may leave, for four hours; what left is looked at from every ten minutes on."""
    one = bench(budget=BudgetSettings(evt_kb=20, health_kb=2, audit_kb=1, head_kb=2), window=40)
    left: dict[str, list[tuple[float, int]]] = {}
    for minute in range(240):
        one.put(2)
        one.node.spool.put(health(at=one.node.clock.now()))
        one.node.tick(after_s=60.0)
        one.store(turns=2)
        for message in one.broker.log:
            size = size_of(message.topic, message.payload)
            left.setdefault(message.topic.split("/")[5], []).append((60.0 * minute, size))
        one.broker.log.clear()
        if minute % 50 == 49:
            one.link = one.new_link()
            one.link.open()
    limits = {"evt": 20, "health": 2, "audit": 1, "head": 2}
    for klass, kb in limits.items():
        for since in range(0, 240 * 60, 600):
            in_the_hour = sum(size for at, size in left.get(klass, []) if since <= at < since + 3600)
            assert in_the_hour <= kb * 1024, (klass, since)
    assert sum(size for _, size in left["evt"]) > 2 * 20 * 1024


def test_a_class_that_the_broker_refuses_does_not_hold_up_the_others(bench: MakeBench):
    one = bench()
    one.broker.answers[f"piazza/v1/{NODE}/health/node"] = 135
    for number in range(6):
        one.node.spool.put(health(at=one.node.clock.now() + number))
    one.put(3)
    one.run(5)
    assert one.seqs() == [7, 8, 9]
    assert one.link.counts.refused > 0
    one.broker.answers.clear()
    one.receipt(0, ranges=((7, 9),))
    one.run()
    one.node.clock.sleep(HELD_S + 1)
    one.run(5)
    assert one.seqs()[3:] == [1, 2, 3, 4, 5]


def test_nobody_subscribing_is_not_delivery(bench: MakeBench):
    one = bench(delete_on="puback")
    one.receiver.close()
    one.broker.crash(forget=True)
    one.put(2)
    for _ in range(5):
        one.link.run_once(0.1)
    one.node.tick(after_s=2.0)
    one.node.spool.flush()
    assert [row.seq for row in one.node.reader.after(0, limit=10)][:2] == [1, 2]


def test_a_store_that_comes_a_little_late_is_not_kept_waiting(bench: MakeBench):
    one = bench()
    one.receiver.close()
    one.broker.crash(forget=True)
    one.put(3)
    for _ in range(3):
        one.link.run_once(0.1)
    one.receiver.open()
    one.receiver.poll(0.0)
    one.run(5, each_s=1.0)
    assert one.seqs() == [1, 2, 3]


def test_where_the_configuration_says_so_the_brokers_word_deletes(bench: MakeBench):
    one = bench(delete_on="puback")
    one.put(12)
    one.run(8)
    assert one.seqs() == list(range(1, 13))
    one.node.tick(after_s=2.0)
    one.node.spool.flush()
    assert one.node.reader.after(0, limit=20) == []


def test_the_numbers_of_link_lie_where_sense_reads_them(bench: MakeBench):
    one = bench()
    one.put(3)
    one.run()
    one.node.clock.sleep(TELL_S + 1)
    one.run()
    told = numbers.read(one.node.inbox.folder)
    assert told["link_connected"] == 1.0
    assert told["link_evt_kb_h"] * 1024 >= sum(len(message.payload) for message in one.rows())


def test_an_outbox_that_is_not_there_yet_is_waited_for(tmp_path: Path):
    node = Node(tmp_path / "node")
    broker = MemoryBroker(node.clock)
    one = Bench(node, node.settings, broker)
    one.run()
    one.put(1)
    one.run()
    assert one.seqs() == [1]
