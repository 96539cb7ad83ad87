"""Link's part in updates: what it asks for, what it keeps, what it leaves alone."""

from __future__ import annotations

import pytest

from agent.clock import SimulatedClock
from agent.contract.topics import NodeName, Topic
from agent.transport import Connected, Message
from agent.transport.memory import MemoryBroker
from agent.uplink.updates import MAX_BYTES, UNDER_WAY, Updates

NODE = NodeName("romagna", "brisighella", "n-0017")
ALL = "piazza/v1/romagna/brisighella/all/ota"
CHUNK, OTHER = "a" * 32, "b" * 32


class Listener:
    """One `Updates` on a broker in a list, and what lies in its folder."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = SimulatedClock(1000.0)
        self.broker = MemoryBroker(self.clock)
        self.transport = self.broker.transport("node")
        self.asked = []
        (folder / "inbox").mkdir()
        (folder / "ota").mkdir()
        self.updates = Updates(NODE, self, folder / "inbox")
        self.updates.begin()
        self.transport.open()

    def subscribe(self, pattern):
        self.transport.subscribe(pattern)

    def ask(self, topic):
        self.asked.append(topic.rpartition("/")[2])
        self.transport.ask(topic)

    def publish(self, kind, payload):
        self.broker.publish(Message(f"{ALL}/{kind}", payload, retained=True))

    def wish(self, *names):
        (self.folder / "ota" / "wishes").write_text("\n".join(names))

    def turn(self):
        self.clock.sleep(2.0)
        self.updates.look(self.clock.monotonic())
        for happening in self.transport.poll(0.1):
            if isinstance(happening, Connected):
                self.updates.begin_session()
            if isinstance(happening, Message):
                self.updates.receive(Topic.parse(happening.topic), happening.payload)

    def lies(self):
        folder = self.folder / "shelf"
        return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


@pytest.fixture
def one(tmp_path):
    return Listener(tmp_path)


def test_the_bundle_is_kept_and_no_chunk_that_nobody_wished_for(one):
    one.publish("bundle", b"metadata")
    one.publish(CHUNK, b"part")
    one.turn()
    assert one.lies() == {"bundle": b"metadata"}


def test_a_chunk_comes_once_it_is_wished_for(one):
    one.publish(CHUNK, b"part")
    one.wish(CHUNK, "no chunk at all", "../../etc")
    one.turn()
    one.turn()
    assert one.lies() == {CHUNK: b"part"}


def test_when_nothing_is_wished_for_any_more_the_chunks_go(one):
    one.publish("bundle", b"metadata")
    one.publish(CHUNK, b"part")
    one.wish(CHUNK)
    one.turn()
    one.turn()
    one.wish()
    one.turn()
    assert one.lies() == {"bundle": b"metadata"}


def test_a_newer_bundle_takes_the_place_of_the_older(one):
    one.publish("bundle", b"first")
    one.turn()
    one.publish("bundle", b"second")
    one.turn()
    assert one.lies() == {"bundle": b"second"}


@pytest.mark.parametrize("payload", [b"", b"x" * (MAX_BYTES + 1)])
def test_what_is_empty_or_too_large_is_not_kept(one, payload):
    one.publish("bundle", payload)
    one.turn()
    assert one.lies() == {}


def test_what_another_comune_is_told_is_nothing_to_us(one):
    one.turn()
    one.updates.receive(Topic(NodeName("romagna", "casola", "all"), Topic.parse(f"{ALL}/bundle").klass, "bundle"), b"x")
    assert one.lies() == {}


def test_only_a_few_chunks_are_under_way_at_one_time(one):
    names = [f"{number:032x}" for number in range(UNDER_WAY + 2)]
    one.wish(*names)
    one.turn()
    for name in names:
        one.publish(name, b"part")
    one.transport.poll(0.0)  # sent to a process that is killed before it can store them
    assert one.asked == names[:UNDER_WAY]


def test_a_chunk_that_is_there_is_not_asked_for_again_after_a_cut_or_by_another_process(one):
    one.publish(CHUNK, b"part")
    one.wish(CHUNK, OTHER)
    one.turn()
    one.turn()
    one.asked.clear()
    one.updates.begin_session()
    one.turn()
    assert one.asked == [OTHER]


def test_a_chunk_that_was_lost_is_asked_for_again_after_a_while(one):
    one.publish(CHUNK, b"part")
    one.wish(CHUNK)
    one.turn()
    one.turn()
    (one.folder / "shelf" / CHUNK).unlink()
    one.clock.sleep(700.0)
    one.turn()
    one.turn()
    assert one.lies() == {CHUNK: b"part"}
