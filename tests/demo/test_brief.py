"""What is over at once is told in one line; everything else as it came."""

from __future__ import annotations

from agent.contract.topics import Class
from agent.demo.viewer import brief
from agent.records import Event, Phase, Reason, Severity
from agent.subscriber import Reader
from agent.subscriber.board import Board, Line
from agent.transport import Message
from tests.contract.makers import AT
from tests.uplink.nodes import Node


def told(node: Node, *events: Event) -> list[Line]:
    """The lines of a board for events that went the whole way through outbox and signature."""
    for one in events:
        node.spool.put(one)
    node.spool.flush()
    reader, board = Reader(node.ring), Board()
    rows = [row for row in node.reader.after(0, limit=100) if row.klass == Class.EVT]
    return [line for row in rows for line in board.take(reader.read(Message(row.topic, row.token.encode())), at=AT)]


def event(which: str, phase: Phase, *, duration_s: float | None = None) -> Event:
    reason = Reason("kerb/person/in", "crossing", 1.0)
    return Event(
        which, "stays", "crossing", phase, Severity.NOTICE, AT, "gate-cam", reason, "kerb", "person", duration_s
    )


def crossing(which: str) -> tuple[Event, Event]:
    return event(which, Phase.OPENED), event(which, Phase.CLOSED, duration_s=0.0)


def texts(lines: list[Line]) -> list[str]:
    return [line.text.partition(":")[0] for line in brief(lines)]


def test_a_passage_is_one_line(tmp_path):
    assert texts(told(Node(tmp_path), *crossing("one"))) == ["crossing"]


def test_two_passages_at_the_same_moment_are_two_lines(tmp_path):
    one, two = crossing("one"), crossing("two")
    assert texts(told(Node(tmp_path), one[0], two[0], one[1], two[1])) == ["crossing", "crossing"]


def test_an_event_that_lasts_keeps_both_its_lines(tmp_path):
    lines = told(Node(tmp_path), event("one", Phase.OPENED), event("one", Phase.CLOSED, duration_s=4.0))
    assert texts(lines) == ["crossing opened", "crossing closed"]


def test_an_end_whose_beginning_is_not_here_is_shown(tmp_path):
    assert texts(told(Node(tmp_path), crossing("one")[1])) == ["crossing closed"]


def test_an_event_that_is_still_open_says_so(tmp_path):
    assert texts(told(Node(tmp_path), crossing("one")[0])) == ["crossing opened"]
