"""Rights that change while the console runs: the police's page loses exactly its access at the end, and nobody starts it anew."""

from __future__ import annotations

import pytest
import yaml

from agent.commands.followed import Followed
from agent.commands.in_force import Agreed
from agent.console.items import Item
from agent.contract.topics import Class
from agent.governance import agreement, union
from agent.simulation.stage import POLICE, ROOM
from agent.transport import Message
from agent.transport.memory import MemoryBroker
from tests.console.rooms import NOON, place
from tests.console.test_desk import another, happening


@pytest.fixture
def built(tmp_path):
    return place(tmp_path / "place", days=0.05)


class Sitting:
    """One party before its page, at a broker that would deliver whatever it is asked for."""

    def __init__(self, built, party, broker):
        self.desktop = built.desktop(party, broker)
        self.room = self.desktop.room
        self.items: list[Item] = []
        self.client = party.replace("/", ".")
        self.room.listen(self.items.extend)
        self.room.transport.open()
        self.turn()

    def turn(self):
        """What the page was told in two turns."""
        self.items.clear()
        self.room.run_once()
        self.room.run_once()
        return [item["kind"] for item in self.items]

    def until(self, at):
        self.room.clock.advance_to(at)
        return self.turn()

    def asked(self, broker):
        """Classes that the broker is asked for."""
        return {pattern.split("/")[5] for pattern in broker.patterns(self.client)}


@pytest.fixture
def broker(built):
    return MemoryBroker(built.nodes[0].clock)


def told(built, broker, **event):
    """A node says that something has happened; the same node, one number further, at each call."""
    node = another(built.nodes[0])
    for outgoing in node.seal(happening(**event)):
        broker.publish(Message(outgoing.topic, outgoing.token))
    built.nodes[0].tail = node.tail


def test_at_the_end_the_police_ask_for_nothing_and_their_page_is_empty(built, broker):
    """In the same second, over a session that goes on; the control room keeps all that it had."""
    police, room = (Sitting(built, party, broker) for party in (POLICE, ROOM))
    told(built, broker, kind="crossing")
    assert ("event" in police.turn(), "event" in room.turn()) == (True, True)
    over = built.town.agreements[0].ends_at
    police.until(over - 1)
    before = room.asked(broker)
    assert (police.asked(broker), len(police.room.now()["open"])) == ({"evt", "state", "head", "pub"}, 1)
    assert ("again" in police.until(over), "again" in room.until(over)) == (True, False)
    told(built, broker, name="two", kind="crossing")
    assert ("event" in police.turn(), "event" in room.turn()) == (False, True)
    assert (police.room.now()["open"], police.room.now()["nodes"]) == ([], [])
    assert (police.asked(broker), room.asked(broker)) == (set(), before)
    assert len(room.room.now()["open"]) == 2
    assert not police.room.may_judge(built.nodes[0].name)


def test_what_comes_after_the_end_is_not_asked_for_when_a_connection_is_new(built, broker):
    police = Sitting(built, POLICE, broker)
    police.until(built.town.agreements[0].ends_at)
    broker.cut(police.client)
    assert "broker" in police.turn()
    assert police.asked(broker) == set()


def test_an_agreement_that_is_written_anew_counts_for_a_page_that_is_open(built, broker):
    """First it names one type of event, then another; then it is gone, then it cannot be read."""
    folder = built.town.folder
    police = Sitting(built, POLICE, broker)
    sight = police.room.desk.sight
    followed = Followed(folder, lambda now: sight.follow(now.union, now.agreements))
    police.room.look = followed.look
    path = folder / "agreements" / "police.yaml"
    document = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(document | {"events": ["loitering"]}))
    assert "again" in police.until(NOON + 2)
    told(built, broker, kind="crossing")
    assert "event" not in police.turn()
    told(built, broker, name="two", kind="loitering")
    assert "event" in police.turn()
    path.write_text("version: [")
    police.until(NOON + 4)
    assert Class.EVT in police.asked(broker)
    path.unlink()
    assert "again" in police.until(NOON + 6)
    assert (police.asked(broker), police.room.now()["open"]) == (set(), [])


def test_the_documents_that_are_followed_are_those_of_the_folder(built):
    heard: list[Agreed] = []
    followed = Followed(built.town.folder, heard.append)
    for second in range(3):
        followed.look(float(second))
    whole = union.load(built.town.folder / "union.yaml")
    (agreed,) = heard
    assert (agreed.union, agreed.agreements) == (whole, agreement.load_all(built.town.folder / "agreements", whole))
