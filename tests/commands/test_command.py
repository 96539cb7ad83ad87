"""`piazza command` against a node's link and a store, on a broker in a list."""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.anomaly.engine import Engine, ids
from agent.anomaly.tally import Tally
from agent.cli import main
from agent.commands import command
from agent.commands.orders import Orders
from agent.commands.readers import by_role
from agent.contract.topics import Class
from agent.contract.types import ResultData
from agent.errors import BrokerRefused
from agent.pipeline import Decider, Vitals
from agent.provision.bench import Bench
from agent.subscriber.gaps import Answers
from agent.subscriber.keeper import Keeper
from agent.subscriber.receipts import Receipts
from agent.subscriber.speaker import Speaker
from agent.subscriber.store import Store
from agent.transport import Happening
from agent.transport.memory import MemoryBroker, MemoryTransport
from agent.uplink.link import Link
from tests.contract.makers import AT, NODE, STORE, signer
from tests.uplink.nodes import MAINTAINER, OPERATOR, Node, event


class Turning(MemoryTransport):
    """A client that lets all others work while it waits."""

    others: Callable[[], None]

    def poll(self, timeout_s: float, *, owing: int = 0) -> list[Happening]:
        self.others()
        return super().poll(timeout_s, owing=owing)


class Town:
    """A node with its link and orders, a store that answers, and a maintainer."""

    def __init__(self, folder: Path) -> None:
        self.node = Node(folder)
        self.clock = self.node.clock
        self.broker = MemoryBroker(self.clock)
        self.link = Link(
            NODE, self.node.reader, self.broker.transport("link"), self.node.inbox, self.node.settings,
            clock=self.clock, randomness=random.Random(1),
        )  # fmt: skip
        engine = Engine([], new_id=ids("boot"))
        self.orders = Orders(self.node.spool, Decider(engine, Tally(), Vitals(frozenset())), lambda: None)
        self.store = Store(folder / "events.sqlite")
        self.keeper = Keeper(
            self.broker.transport("store"), self.node.ring, self.store,
            Receipts(STORE, signer("store"), clock=self.clock), union=NODE.union, clock=self.clock,
            answers=Answers(STORE, signer("store"), self.node.ring, self.store.tokens, clock=self.clock, sees=by_role),
        )  # fmt: skip
        self.link.open()
        self.keeper.open()
        self.maintainer = Speaker(MAINTAINER, signer("maintainer"), clock=self.clock)
        self.operator = Speaker(OPERATOR, signer("operator"), clock=self.clock)

    def turn(self) -> None:
        self.link.run_once(0.0)
        self.keeper.run_once(0.0)
        for asked in self.node.tick():
            for record in self.orders.obey(asked, self.clock.now()):
                self.node.spool.put(record)

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.turn()

    def ask(self, *words: str, who: Speaker | None = None) -> list[Any]:
        """What comes back, the result last."""
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        options = parser.parse_args([words[0], str(NODE), *words[1:], "--keys", "none"])
        word = command._word(options, who or self.maintainer, NODE, at=self.clock.now())
        client = Turning(self.broker, "maintainer", session_s=0.0, will=None)
        client.others = self.turn
        found = []
        for answer in command.asked(client, self.node.ring, word, clock=self.clock, wait_s=options.wait):
            found.append(answer.data if isinstance(answer.data, ResultData) else answer.seq)
            if isinstance(answer.data, ResultData):
                break
        return found


@pytest.fixture
def town(tmp_path: Path) -> Town:
    made = Town(tmp_path)
    made.turns(3)
    return made


def test_a_node_does_what_it_is_asked_and_says_so(town: Town):
    (result,) = town.ask("mode", "pause")
    assert (result.outcome, result.why) == ("done", "pause")
    assert town.orders.pause.until > AT


def test_what_the_store_has_is_given_again_and_what_it_lacks_is_named(town: Town):
    for number in range(5):
        town.node.spool.put(event(id=f"{number}"))
    town.node.spool.flush()
    town.turns(4)
    *given, result = town.ask("resend", "2", "7", "--store", STORE.node, who=town.operator)
    assert given == [2, 3, 4, 5]
    assert (result.outcome, result.why, result.ranges) == ("failed", "gone", ((6, 7),))


def test_a_store_gives_a_maintainer_no_events(town: Town):
    for number in range(3):
        town.node.spool.put(event(id=f"{number}"))
    town.node.spool.flush()
    town.turns(4)
    (result,) = town.ask("resend", "2", "3", "--store", STORE.node)
    assert (result.outcome, result.why, result.ranges) == ("refused", "role", ((2, 3),))


def test_a_node_hands_over_again_what_its_outbox_has(town: Town):
    town.keeper._transport.close()
    for number in range(5):
        town.node.spool.put(event(id=f"{number}"))
    town.node.spool.flush()
    town.turns(3)
    before = len([one for one in town.broker.log if "/evt/" in one.topic])
    (result,) = town.ask("resend", "1", "5")
    town.turns(3)
    assert result.outcome == "done"
    assert len([one for one in town.broker.log if "/evt/" in one.topic]) >= before + 5


def test_a_result_is_not_retained_and_not_sent_twice(town: Town):
    town.ask("report")
    town.turns(5)
    results = [one for one in town.broker.log if f"/{Class.RES}/" in one.topic]
    assert [one.retained for one in results] == [False]


def test_who_is_not_answered_waits_as_long_as_asked(town: Town):
    town.link.close()
    began = town.clock.now()
    assert town.ask("report", "--wait", "5") == []
    assert town.clock.now() - began >= 5


def test_a_broker_that_refuses_is_told(town: Town):
    town.broker.refused["maintainer"] = "Not authorized"
    with pytest.raises(BrokerRefused):
        town.ask("report")


def test_a_name_that_is_none_is_the_users_to_mend(tmp_path: Path):
    bench = Bench.make(tmp_path / "keys", at=AT)
    bench.add_signer("operator", str(NODE), at=AT)
    assert main(["command", "report", "n-0017", "--keys", str(bench.folder)]) == 2
