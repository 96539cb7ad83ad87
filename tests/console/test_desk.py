"""What an operator has before them: open events, silence told as silence, and only what their role may see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.contract.jws import KeyRing
from agent.contract.topics import Class, NodeName
from agent.contract.types import AckData
from agent.records import Event, Phase, Reason, Severity
from agent.simulation.nodes import SimulatedNode
from agent.simulation.script import CAMERA, GATE
from agent.simulation.stage import POLICE, ROOM
from agent.subscriber import Reader
from agent.subscriber.board import SILENT_S
from agent.subscriber.speaker import Speaker
from agent.transport import Message
from tests.console.rooms import NOON, Place, place, signer

STAY = Reason(f"{GATE}/person/stay_s", "stay", 240.0, 180.0)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Place:
    return place(tmp_path_factory.mktemp("place"), days=0.05)


@pytest.fixture
def node(built):
    """The first node, at the end of its chain."""
    return another(built.nodes[0])


def another(node, key=None):
    """The same node at noon, whose chain goes on apart; with another key it is a thief's."""
    fresh = SimulatedNode(node.name, signer(key or str(node.name)), node.clock)
    fresh.tail = node.tail
    fresh.clock.advance_to(NOON)
    return fresh


def happening(phase=Phase.OPENED, *, name="one", kind="loitering", at=NOON):
    return Event(name, "stays", kind, phase, Severity.NOTICE, at, CAMERA, STAY, GATE, "person")


def feed(desk, built, node, *records, at=NOON, reader=None):
    reader = reader or Reader(built.ring, partial=True)
    return [
        item
        for record in records
        for outgoing in node.seal(record)
        for item in desk.take(built.news(outgoing, reader), at=at)
    ]


def test_an_event_is_open_until_its_node_closes_it(built, node):
    desk = built.desk()
    feed(desk, built, node, happening())
    assert [item["sentence"] for item in desk.open()] == ["gate (cam): a person stays 4 min, at most 3 min"]
    feed(desk, built, node, happening(Phase.CLOSED, at=NOON + 60))
    assert desk.open() == []


def test_what_the_role_may_not_see_is_not_told(built, node):
    """The police have no agreement on loitering, and none on the comune of another node."""
    desk = built.desk(POLICE)
    assert feed(desk, built, node, happening()) == []
    assert [item["kind"] for item in feed(desk, built, node, happening(kind="crossing"))][:1] == ["event"]


def test_an_agreement_that_ends_ends_on_the_page(built, node):
    desk, ends_at = built.desk(POLICE), built.town.agreements[0].ends_at
    assert desk.nodes(ends_at - 1)
    assert desk.nodes(ends_at) == []
    assert feed(desk, built, node, happening(kind="crossing"), at=ends_at) == []


def test_a_verdict_of_anybody_stands_beside_its_event(built, node):
    desk = built.desk()
    (opened, *_) = feed(desk, built, node, happening())
    word = Speaker(NodeName.parse(POLICE), signer(POLICE), clock=node.clock).say(
        Class.ACK, "verdict", AckData(node=str(node.name), event=opened["id"], verdict="useful")
    )
    desk.take(Reader(built.ring).read(Message(str(word.topic), word.token)), at=NOON)
    assert [(one["by"], one["role"], one["verdict"]) for one in desk.open()[0]["verdicts"]] == [
        ("police-faenza", "police", "useful")
    ]


def test_a_verdict_after_the_end_of_its_agreement_is_an_alarm(built, node):
    """Whatever the broker lets through: in the second of the end it no longer stands beside the event."""
    desk, ends_at = built.desk(), NOON + 60
    (opened, *_) = feed(desk, built, node, happening())
    key = next(key for key in built.ring if key.subject == POLICE)
    dated = KeyRing()
    dated.add(replace(key, until=ends_at))
    word = Speaker(NodeName.parse(POLICE), signer(POLICE), clock=node.clock).say(
        Class.ACK, "verdict", AckData(node=str(node.name), event=opened["id"], verdict="false")
    )
    (told,) = desk.take(Reader(dated).read(Message(str(word.topic), word.token)), at=ends_at)
    assert (told["kind"], told["why"], desk.open()[0]["verdicts"]) == ("alarm", "ended", [])
    desk.take(Reader(dated).read(Message(str(word.topic), word.token)), at=ends_at - 1)
    assert len(desk.open()[0]["verdicts"]) == 1


def test_what_is_not_believed_is_an_alarm_and_no_event(built, node):
    thief = another(node, "thief")
    desk = built.desk()
    (told,) = feed(desk, built, thief, happening())
    assert (told["kind"], told["why"], desk.open()) == ("alarm", "unknown-key", [])
    assert list(desk.alarms) == [told], "a page that opens later is told of it too"


def test_a_silent_node_is_alone_when_its_neighbours_speak(built):
    desk = built.desk()
    first, other = (another(node) for node in built.nodes if node.name.comune == "faenza")
    for node in (first, other):
        desk.take(built.news(node.head(), Reader(built.ring)), at=NOON)
    later = NOON + SILENT_S + 1
    desk.take(built.news(other.head(), Reader(built.ring)), at=later)
    shown = {item["node"]: item for item in desk.nodes(later)}
    assert (shown[str(first.name)]["silent"], shown[str(first.name)]["alone"]) == (True, True)
    assert not shown[str(other.name)]["silent"]
    assert str(first.name) in [item["node"] for item in desk.advance(later)]
    assert desk.advance(later) == []


def test_a_node_that_was_never_heard_is_silent(built):
    shown = built.desk().nodes(NOON)
    assert {(item["heard_at"], item["silent"]) for item in shown} == {(None, True)}
    assert len(shown) == 9


def test_what_was_made_before_we_looked_is_not_missing(built, node):
    """The head that the broker kept is up to a minute older than the records that came just before we did."""
    desk, reader = built.desk(), Reader(built.ring)
    kept = node.head()
    desk.take(reader.read(Message(kept.topic, kept.token, retained=True)), at=NOON)
    list(node.seal(happening()))
    desk.take(built.news(node.head(), reader), at=NOON + 1)
    (shown,) = (item for item in desk.nodes(NOON + 1) if item["node"] == str(node.name))
    assert shown["missing"] == 0


def test_nobody_is_silent_who_could_not_have_been_heard_yet(built):
    desk = replace(built.desk(), began=NOON)
    assert not any(item["silent"] for item in desk.nodes(NOON + SILENT_S))
    assert all(item["silent"] for item in desk.nodes(NOON + SILENT_S + 1))


def test_a_retained_message_is_no_sign_of_life(built, node):
    desk = built.desk()
    outgoing = node.head()
    desk.take(Reader(built.ring).read(Message(outgoing.topic, outgoing.token, retained=True)), at=NOON)
    (shown,) = (item for item in desk.nodes(NOON) if item["node"] == str(node.name))
    assert shown["silent"]


def test_everybody_knows_their_role(built):
    assert (built.sight(ROOM).role, built.sight(POLICE).role, built.sight("a/b/c").role) == ("operator", "police", "")
    assert built.sight(POLICE).comuni(NOON) == ("faenza", "brisighella")
    assert built.sight("a/b/c").filters(NOON) == ()
