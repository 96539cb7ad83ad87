"""One object for a subscriber: in order, each once, gaps asked for, and a receipt only for what was dealt with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from agent.clock import SimulatedClock
from agent.contract.envelope import open_envelope
from agent.contract.topics import Class, NodeName
from agent.contract.types import CommandData, ReceiptData
from agent.errors import BrokerRefused, KeyFileError
from agent.subscriber import Kit, Mark, News
from agent.subscriber.holding import Held
from agent.subscriber.receipts import Receipts
from agent.transport import Message
from agent.transport.memory import MemoryBroker, MemoryTransport
from tests.contract.makers import AT, NODE, ROOM, STORE, Chain, ring_of, signer
from tests.subscriber.parts import head, several

POLICE = NodeName(NODE.union, "centre", "police")
OWN = {"store": STORE, "operator": ROOM, "police": POLICE}
IDLE = 150
"""Turns after the last message, half a second of the simulated clock each."""

Batch = list[Message] | Callable[["Place"], list[Message]]


class Ended(Exception):
    """The stream of a test has an end."""


class Place:
    """A node whose messages reach a broker turn by turn, and a kit that listens there."""

    def __init__(self, role: str = "", *batches: Batch) -> None:
        self.chain, self.clock = Chain(), SimulatedClock(AT)
        self.broker, self.batches, self.idle = MemoryBroker(self.clock), list(batches), 0
        parties = ((signer(one), one, name) for one, name in OWN.items())
        self.ring = ring_of((self.chain.signer, "node", NODE), *parties)
        self.transport = self.broker.transport("kit")
        self.transport.__class__ = type("Fed", (MemoryTransport,), {"poll": lambda _, *given, **more: self.poll()})
        self.kit = Kit(self.transport, self.ring, signer(role) if role else None, clock=self.clock)

    def poll(self) -> list[Any]:
        happened = MemoryTransport.poll(self.transport, 0.5)
        if self.batches:
            batch = self.batches.pop(0)
            for message in batch(self) if callable(batch) else batch:
                self.broker.publish(message)
        elif not happened:
            self.idle += 1
            if self.idle > IDLE:
                raise Ended
        return happened

    def news(self) -> list[News]:
        """Everything that the loop is given."""
        found: list[News] = []
        with suppress(Ended):
            found.extend(self.kit)
        return found

    def heard(self) -> list[tuple[int, Mark]]:
        found: list[tuple[int, Mark]] = []
        with suppress(Ended):
            found.extend((one.envelope.seq, one.mark) for one in self.kit if one.envelope)
        return found

    def said(self, klass: Class) -> list[Any]:
        """What the kit itself published of a class."""
        tokens = [one.payload for one in self.broker.log if f"/{klass}/" in one.topic]
        return [open_envelope(token, self.ring).data for token in tokens]


def receipt(place: Place) -> Message:
    """The retained word of the store about a node that it has nothing of, by which its name is known."""
    topic, token = Receipts(STORE, signer("store"), clock=place.clock).receipt(str(NODE), Held())
    return Message(topic, token, retained=True)


MADE = several(Chain(), 9)


@pytest.mark.parametrize("role", ["", "operator", "store"])
def test_a_whole_view_is_given_in_order_and_each_once(role):
    place = Place(role, [], [MADE[0], MADE[2], MADE[0]], [MADE[1], MADE[2], MADE[3]])
    assert [seq for seq, _ in place.heard()] == [1, 2, 3, 4]


def test_to_a_partial_view_the_numbers_of_others_are_no_gaps():
    """It waits for none of them and asks for none."""
    place = Place("police", [], [MADE[0], MADE[4], MADE[2]])
    assert place.heard() == [(1, Mark.VERIFIED), (5, Mark.VERIFIED), (3, Mark.VERIFIED)]
    assert place.said(Class.CMD) == []


def test_what_is_missing_is_asked_of_the_store_and_given_where_it_belongs():
    def answer(place: Place) -> list[Message]:
        (asked,) = place.said(Class.CMD)
        assert isinstance(asked, CommandData)
        assert (asked.command, asked.node, asked.first, asked.last) == ("resend", str(NODE), 2, 3)
        return [Message(f"piazza/v1/{NODE}/res/{STORE.node}", one.payload) for one in MADE[1:3]]

    place = Place("operator", lambda place: [receipt(place)], [MADE[0], MADE[3]], [], [], [], [], [], [], answer)
    assert place.heard() == [(1, Mark.VERIFIED), (2, Mark.LATE), (3, Mark.LATE), (4, Mark.GAP)]


def test_the_end_that_a_head_promises_is_asked_for_too():
    chain = Chain()
    several(chain, 4)
    place = Place("operator", lambda place: [receipt(place)], [MADE[0], head(chain)])
    place.heard()
    assert [(asked.first, asked.last) for asked in place.said(Class.CMD)] == [(2, 4)] * 3
    assert place.kit.missing(str(NODE)) == ((2, 4),)


def test_what_nobody_can_give_holds_the_rest_back_only_for_a_while():
    place = Place("operator", [], [MADE[0], MADE[4]])
    assert place.heard() == [(1, Mark.VERIFIED), (5, Mark.GAP)]


def test_a_receipt_leaves_when_the_loop_is_done_and_not_before():
    place = Place("store", [], MADE[:3])
    owed: list[int] = []
    with suppress(Ended):
        owed.extend(len(place.said(Class.RCPT)) for _ in place.kit)
    assert owed == [0, 0, 0]
    (told,) = place.said(Class.RCPT)
    assert isinstance(told, ReceiptData)
    assert (told.cum, told.key) == (3, place.chain.signer.kid)


def test_a_loop_that_breaks_gives_no_receipt_for_what_it_was_at():
    place = Place("store", [], MADE[:3])
    for news in place.kit:
        if news.envelope and news.envelope.seq == 2:
            break
    assert place.said(Class.RCPT) == []


def test_a_node_that_repeats_has_not_had_its_receipt():
    place = Place("store", [], MADE[:2], [], MADE[:2])
    assert len(place.heard()) == 2
    assert [told.cum for told in place.said(Class.RCPT)] == [2, 2]


def test_after_a_new_start_a_receipt_speaks_only_of_what_came_since():
    place = Place("store", [], MADE[4:6])
    place.heard()
    (told,) = place.said(Class.RCPT)
    assert (told.cum, told.ranges) == (0, ((5, 6),))


def test_what_is_not_genuine_is_given_with_its_reason():
    place = Place("", [], several(Chain(signer=signer("stranger")), 1))
    (news,) = place.news()
    assert (news.mark, news.why) == (Mark.UNVERIFIED, "unknown-key")


def test_a_broker_that_does_not_let_us_in_ends_the_loop():
    place = Place()
    place.broker.refused["kit"] = "not authorized"
    with pytest.raises(BrokerRefused, match="not authorized"):
        next(iter(place.kit))


def test_a_key_that_the_ring_does_not_know_cannot_be_ours():
    broker = MemoryBroker(SimulatedClock(AT))
    with pytest.raises(KeyFileError, match="our own key"):
        Kit(broker.transport("kit"), ring_of(), signer("store"))
