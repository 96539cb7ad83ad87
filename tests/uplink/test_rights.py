"""Link tries what it must not say when a technician asks, and tells whether the broker refused it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import pytest

from agent.transport import Acknowledged, Connected, Happening
from agent.transport.memory import MemoryBroker, MemoryTransport
from agent.uplink import rights
from agent.uplink.link import Link
from agent.uplink.rights import ECHO_S, forbidden
from tests.contract.makers import NODE
from tests.uplink.nodes import STATE, Node

NOT_AUTHORISED = 135
TOPICS = [str(topic) for topic in forbidden(NODE).values()]


class OldTransport(MemoryTransport):
    """A client of MQTT 3.1.1: it is told that a message arrived, and never why not."""

    def poll(self, timeout_s: float, **more: int) -> list[Happening]:
        return [_plain(one) for one in super().poll(timeout_s, **more)]


def _plain(happening: Happening) -> Happening:
    if isinstance(happening, Connected):
        return replace(happening, protocol=4)
    return replace(happening, reason=0) if isinstance(happening, Acknowledged) else happening


@dataclass
class Desk:
    """A node and its link before a broker that refuses some topics."""

    folder: Path
    mqtt: Literal["5", "3.1.1"] = "5"
    node: Node = field(init=False)
    broker: MemoryBroker = field(init=False)
    link: Link = field(init=False)

    def __post_init__(self) -> None:
        self.node = Node(self.folder)
        self.node.spool.birth(STATE)
        self.broker = MemoryBroker(self.node.clock)
        kind = MemoryTransport if self.mqtt == "5" else OldTransport
        self.link = Link(
            NODE, self.node.reader, kind(self.broker, "node", session_s=60.0, will=None), self.node.inbox,
            self.node.settings, clock=self.node.clock, randomness=random.Random(1),
        )  # fmt: skip
        self.link.open()

    def refusing(self, *topics: str) -> rights.Rights | None:
        """What link tells of a broker that refuses these."""
        self.broker.answers.update(dict.fromkeys(topics, NOT_AUTHORISED))
        rights.ask(self.node.inbox.folder)
        for _ in range(6):
            self.link.run_once(0.1)
            self.node.clock.sleep(ECHO_S / 4)
        return rights.read(self.node.inbox.folder)


@pytest.fixture(params=["5", "3.1.1"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    return Desk(tmp_path, request.param)


def test_a_broker_that_keeps_its_list_refuses_every_forbidden_topic(desk: Desk):
    found = desk.refusing(*TOPICS)
    assert found is not None
    assert found.allowed == ()
    assert found.refused == (3 if desk.mqtt == "5" else 2)


def test_a_broker_that_lets_a_forged_command_through_is_found_out(desk: Desk):
    """Also where it gives no reasons: the forged command comes back to us."""
    found = desk.refusing(*[topic for topic in TOPICS if "/cmd/" not in topic])
    assert found is not None
    assert found.allowed == ("cmd",)


def test_what_came_back_from_a_trial_is_no_letter_for_sense(desk: Desk):
    desk.refusing()
    assert desk.node.inbox.take() == []


def test_nothing_is_tried_that_nobody_asked_for(desk: Desk):
    desk.link.run_once(0.1)
    desk.node.clock.sleep(60.0)
    desk.link.run_once(0.1)
    assert not [message for message in desk.broker.log if message.topic in TOPICS]
    assert rights.read(desk.node.inbox.folder) is None


def test_it_is_tried_once_for_each_time_it_was_asked(desk: Desk):
    first = desk.refusing(*TOPICS)
    desk.broker.answers.clear()
    for _ in range(8):
        desk.link.run_once(0.1)
        desk.node.clock.sleep(ECHO_S)
    assert rights.read(desk.node.inbox.folder) == first


@pytest.mark.parametrize(
    "content", [b"{", b'{"at": 1.0, "found": {"\xff": "refused"}}', b'{"at": ' + b"[" * 4000, b"\xff"]
)
def test_a_spoiled_file_says_nothing(tmp_path: Path, content: bytes):
    (tmp_path / rights.FILE).write_bytes(content)
    assert rights.read(tmp_path) is None


def test_what_link_lays_in_the_way_is_neither_followed_nor_a_reason_to_fall(tmp_path: Path):
    """Root asks here, in a folder that link may write to."""
    asked, elsewhere = tmp_path / rights.ASK, tmp_path / "nologin"
    asked.symlink_to(elsewhere)
    rights.ask(tmp_path)
    assert (asked.is_file(), elsewhere.exists()) == (True, False)
    asked.unlink()
    (asked / "full").mkdir(parents=True)
    rights.ask(tmp_path)
    assert asked.is_dir()
