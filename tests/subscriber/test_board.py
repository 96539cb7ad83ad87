"""What a person who watches is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from agent.clock import SimulatedClock
from agent.commands.watch import Watch, document, style, text
from agent.contract.envelope import spell
from agent.contract.topics import Class, pattern
from agent.contract.types import AuditData, HealthData, ReceiptData, StatData, StateData
from agent.errors import BrokerRefused
from agent.records import Severity
from agent.subscriber import Mark, Reader
from agent.subscriber.board import Board, Line
from agent.transport import Message
from agent.transport.memory import MemoryBroker
from agent.uplink.simulated import BIRTH
from tests.contract.makers import AT, NODE, STORE, Chain, payload, ring_of, signer
from tests.subscriber.parts import head, message, several

NAME = str(NODE)


def state(status: Any) -> StateData:
    return structs.replace(BIRTH, status=status)


def told(messages: list[Message], *, everything: bool = False, ring: Any = None) -> list[Line]:
    chain = Chain()
    reader, board = Reader(ring or chain.ring), Board(everything=everything)
    return [line for second, one in enumerate(messages) for line in board.take(reader.read(one), at=AT + second)]


def receipt(cum: int) -> Message:
    data = ReceiptData(node=NAME, cum=cum)
    token, _ = signer("store").seal(spell(payload(Class.RCPT, data, name=STORE, kind="store-1")))
    return Message(f"piazza/v1/{NODE}/rcpt/store-1", token.encode(), retained=True)


def test_an_event_is_a_sentence():
    assert [line.text for line in told([message(Chain())])] == [
        "loitering opened: gate (gate-cam): a thing stays 41 s, at most 30 s"
    ]


def test_counts_health_and_heads_are_shown_only_when_asked_for():
    chain = Chain()
    quiet = [
        message(chain, Class.HEALTH, HealthData(values={"cpu_temp_c": 61.0}), kind="node"),
        message(
            chain,
            Class.STAT,
            StatData(
                source="gate-cam",
                since="2026-05-01T08:30:00.000Z",
                until="2026-05-01T08:45:00.000Z",
                coverage=0.5,
                values={f"zone{number}/person/in": 1.0 for number in range(9)},
            ),
            kind="gate-cam",
        ),
        head(chain),
    ]
    assert told(quiet) == []
    assert [line.text for line in told(quiet, everything=True)] == [
        "health: cpu_temp_c 61",
        "gate-cam, 50% observed: " + ", ".join(f"zone{number}/person/in 1" for number in range(6)) + " and 3 more",
        "has made 2 records",
    ]


def test_a_lost_node_is_urgent_and_one_that_went_down_is_not():
    chain = Chain()
    lines = told([message(chain, Class.STATE, state(status), kind="node") for status in ("up", "lost", "down")])
    assert [(line.text.split(":")[0].split(",")[0], line.urgent) for line in lines] == [
        ("UP", False),
        ("LOST", True),
        ("DOWN", False),
    ]


def test_a_lost_node_is_told_with_the_time_at_which_that_came():
    """The node signed these words beforehand: their own time says when it was well, not when it was lost."""
    chain = Chain()
    reader, board = Reader(chain.ring), Board()
    noticed = {}
    for status in ("up", "lost", "down"):
        envelope = message(chain, Class.STATE, state(status), kind="node")
        (line,) = board.take(reader.read(envelope), at=9e9)
        noticed[status] = line.at == 9e9
    assert noticed == {"up": False, "lost": True, "down": False}


def test_a_node_on_the_brokers_word_alone_says_so():
    up = message(Chain(), Class.STATE, StateData(**{**_fields(state("up")), "delete_on": "puback"}), kind="node")
    assert "deletes on the broker's word" in told([up])[0].text


def _fields(data: StateData) -> dict[str, Any]:
    return {name: getattr(data, name) for name in data.__struct_fields__}


def test_a_gap_names_what_is_missing():
    first, _, _, fourth = several(Chain(), 4)
    assert "[2-3 missing before it]" in told([first, fourth])[-1].text


def test_a_cut_end_shows_although_heads_are_quiet():
    chain = Chain()
    first, *_ = several(chain, 3)
    assert told([first, head(chain)])[1:] == []
    assert "2-3 promised and not here yet" in told([first, head(chain)], everything=True)[-1].text


def test_what_is_not_genuine_is_urgent_and_its_content_is_not_shown():
    (line,) = told([message(Chain(signer=signer("stranger")))])
    assert line.urgent
    assert line.text.startswith("NOT BELIEVED (unknown-key)")


def test_a_topic_that_is_not_believed_cannot_speak_to_the_terminal():
    """Not every broker refuses names with control characters in them."""
    (line,) = told([Message("piazza/v1/a/b/\x1b[2J/evt/\n", b"?")])
    assert text(line).endswith(r"NOT BELIEVED (malformed): piazza/v1/a/b/\u001b[2J/evt/\u000a")
    assert text(line).isprintable()
    assert "gate" not in line.text


def test_a_forger_with_a_copied_key_is_named():
    chain, clone = Chain(), Chain()
    (line,) = told([message(chain), message(clone, kind="crossing")])[1:]
    assert line.urgent
    assert "key is in two hands" in line.text


def test_an_audit_record_names_its_range():
    said = AuditData(action="dropped", subject="health", first=3, last=9, ranges=((3, 9),))
    chain = Chain()
    assert "audit: dropped health 3-9" in told([message(chain, Class.AUDIT, said, kind="dropped")])[0].text


def test_silence_is_told_once_and_so_is_its_end():
    chain = Chain()
    reader, board = Reader(chain.ring), Board(silent_s=100.0)
    board.take(reader.read(message(chain)), at=0.0)
    assert board.advance(100.0) == []
    assert [line.text for line in board.advance(101.0)] == ["SILENT for 1 min 41 s: calm is not known"]
    assert board.advance(500.0) == []
    lines = board.take(reader.read(message(chain)), at=600.0)
    assert lines[0].text == "heard again after 10 min"
    assert board.advance(600.0) == []


def test_the_brokers_word_that_a_node_is_lost_is_no_sign_of_life():
    chain = Chain()
    reader, board = Reader(chain.ring), Board(silent_s=100.0)
    board.take(reader.read(message(chain)), at=0.0)
    board.take(reader.read(message(chain, Class.STATE, state("lost"), kind="node")), at=90.0)
    assert len(board.advance(101.0)) == 1


def test_a_store_that_stopped_is_noticed():
    chain = Chain()
    ring = ring_of((chain.signer, "node", NODE), (signer("store"), "store", STORE))
    reader, board = Reader(ring), Board(silent_s=100.0)
    for second, one in enumerate([*several(chain, 2), receipt(2)]):
        board.take(reader.read(one), at=float(second))
    assert board.advance(90.0) == []
    for at in (91.0, 150.0):
        board.take(reader.read(message(chain)), at=at)
    assert [line.text for line in board.advance(192.0)] == ["the store lacks 2 of its records"]
    assert board.advance(193.0) == []


def test_a_cut_end_is_told_when_it_does_not_come():
    chain = Chain()
    reader, board = Reader(chain.ring), Board(silent_s=100.0)
    first, *_ = several(chain, 3)
    for one in (first, head(chain)):
        board.take(reader.read(one), at=0.0)
    board.take(reader.read(head(chain)), at=60.0)
    assert [line.text for line in board.advance(101.0)] == ["2 records promised and not here"]


def test_in_a_partial_view_nothing_is_promised():
    chain = Chain()
    reader, board = Reader(chain.ring, partial=True), Board(silent_s=100.0, partial=True)
    first, *_ = several(chain, 3)
    for at, one in ((0.0, first), (0.0, head(chain)), (60.0, head(chain))):
        board.take(reader.read(one), at=at)
    assert board.advance(101.0) == []


def test_a_line_names_time_node_mark_and_number():
    (line,) = told([message(Chain())])
    shown = text(line)
    assert shown[8:] == (
        " brisighella/n-0017       ✓      1 loitering opened: gate (gate-cam): a thing stays 41 s, at most 30 s"
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (Line(0.0, "", "x", urgent=True), "bold red"),
        (Line(0.0, "", "x", Mark.DUPLICATE), "dim"),
        (Line(0.0, "", "x", Mark.GAP), "yellow"),
        (Line(0.0, "", "x", Mark.VERIFIED, severity=Severity.WARNING), "yellow"),
        (Line(0.0, "", "x", Mark.VERIFIED), ""),
    ],
)
def test_colour_follows_what_matters(line: Line, expected: str):
    assert style(line) == expected


def test_json_carries_the_contracts_own_members():
    (line,) = told([message(Chain())])
    made = json.loads(json.dumps(document(line)))
    assert (made["mark"], made["class"], made["seq"], made["node"]) == ("verified", "evt", 1, NAME)
    assert made["data"]["reason"]["observed"] == 41.0


def test_json_of_what_is_not_genuine_has_no_content():
    (line,) = told([message(Chain(signer=signer("stranger")))])
    made = document(line)
    assert (made["mark"], made["why"], "data" in made) == ("unverified", "unknown-key", False)


class Watching:
    """A watcher on a broker in a list."""

    def __init__(self, *, classes: frozenset[str] = frozenset()) -> None:
        self.clock = SimulatedClock(AT)
        self.broker = MemoryBroker(self.clock)
        self.chain = Chain()
        transport = self.broker.transport("watch", session_s=0)
        transport.subscribe(pattern())
        self.watch = Watch(transport, Reader(self.chain.ring), Board(), clock=self.clock, classes=classes)
        self.lines = self.watch.lines(lambda: False)

    def publish(self, one: Message) -> None:
        self.broker.publish(one)

    def next(self) -> str:
        return next(self.lines).text


def test_the_watcher_says_when_the_broker_comes_and_goes():
    watching = Watching()
    assert watching.next() == "connected"
    watching.broker.crash()
    assert [watching.next(), watching.next()] == ["the connection is lost", "the broker is there again"]


def test_the_watcher_shows_what_comes_and_what_does_not():
    watching = Watching()
    watching.next()
    watching.publish(message(watching.chain))
    assert watching.next().startswith("loitering opened")
    assert watching.next().startswith("SILENT")


def test_a_class_that_was_not_asked_for_is_not_shown():
    watching = Watching(classes=frozenset({"audit"}))
    watching.next()
    watching.publish(message(watching.chain))
    watching.publish(message(watching.chain, Class.AUDIT, AuditData(action="boot"), kind="boot"))
    assert watching.next() == "audit: boot"


def test_a_watcher_that_is_refused_ends_with_the_reason(tmp_path: Path):
    watching = Watching()
    watching.broker.refused["watch"] = "not authorized"
    with pytest.raises(BrokerRefused, match="not authorized"):
        watching.next()
