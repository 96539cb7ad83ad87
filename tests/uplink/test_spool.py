"""The spool: records in, durable envelopes out, receipts let go of them, nobody else can."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from agent.contract.chain import BAD, ChainCheck
from agent.contract.jws import KeyRing
from agent.contract.topics import Class
from agent.contract.types import AckData, AuditData, CommandData, HeadData, ReceiptData, StateData
from agent.provision.keys import save_ring
from agent.provision.ring_file import RingFile
from agent.records import Audit, ClockQuality, Event, Health, Phase, Reason, Record, Stat
from agent.uplink.inbox import DELIVERED, Letter
from agent.uplink.outbox import WILL
from agent.uplink.spool import Spool
from tests.contract.makers import AT, NODE, STORE, ring_of, signer
from tests.uplink.nodes import STATE, Node, audit, event, health, letter, sealer, stat

RECEIPT = ReceiptData(node=str(NODE), cum=2)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def numbers(node: Node) -> list[int]:
    return [envelope.seq for envelope in node.seen()]


def filled(node: Node, count: int) -> Node:
    for _ in range(count):
        node.spool.put(event())
    node.spool.flush()
    return node


def test_every_kind_of_record_comes_out_signed_and_chained(node: Node) -> None:
    for record in (event(), stat(), health(), audit()):
        node.spool.put(record)
    node.spool.flush()
    seen = node.seen()
    check = ChainCheck(whole=True)
    assert [envelope.klass for envelope in seen] == ["evt", "stat", "health", "audit"]
    assert [finding.word for envelope in seen for finding in check.feed(envelope)] == ["ok"] * 4


def test_put_alone_commits_nothing_and_a_tick_does(node: Node) -> None:
    node.spool.tick(node.clock.now())
    node.spool.put(event())
    assert node.seen() == []
    node.tick(after_s=0.1)
    assert node.seen() == []
    node.tick(after_s=0.2)
    assert numbers(node) == [1]


def test_a_store_whose_key_was_revoked_is_not_believed_any_more_and_no_start_is_needed(node: Node, tmp_path: Path):
    path = tmp_path / "ring.json"
    save_ring(path, ring_of((signer("store"), "store", STORE)))
    file = RingFile(path)
    node.spool = Spool(node.outbox, sealer(node.clock), node.inbox, file.ring, node.settings, look=file.look)
    filled(node, 3)
    node.inbox.put(letter(Class.RCPT, ReceiptData(node=str(NODE), cum=1)))
    node.tick()
    assert numbers(node) == [2, 3]
    save_ring(path, ring_of())
    node.inbox.put(letter(Class.RCPT, RECEIPT))
    node.tick()
    assert numbers(node)[:2] == [2, 3]
    assert [one.data.outcome for one in node.seen(Class.AUDIT) if isinstance(one.data, AuditData)] == ["unknown-key"]


def test_a_head_is_signed_every_minute(node: Node) -> None:
    filled(node, 3)
    node.tick()
    head = node.statement(Class.HEAD)
    assert isinstance(head.data, HeadData)
    assert (head.data.seq, head.data.digest) == (3, node.seen()[-1].digest)
    filled(node, 1)
    node.tick(after_s=30)
    assert node.statement(Class.HEAD).data == head.data
    node.tick(after_s=30)
    assert node.statement(Class.HEAD).data == HeadData(seq=4, digest=node.seen()[-1].digest)


def test_health_waits_for_the_head_and_an_event_does_not(node: Node) -> None:
    """A card wears by how often it is written, and health can wait a minute."""
    node.tick()
    node.spool.put(health())
    node.tick(after_s=10)
    assert numbers(node) == []
    node.spool.put(event())
    node.tick(after_s=10)
    assert numbers(node) == [1, 2]
    node.spool.put(health())
    node.tick(after_s=40)
    assert node.statement(Class.HEAD).data == HeadData(seq=3, digest=node.seen()[-1].digest)


def test_birth_leaves_a_state_a_will_and_an_audit_record(node: Node) -> None:
    node.spool.birth(STATE)
    assert node.statement(Class.STATE).data == STATE
    assert WILL in [statement.topic for statement in node.reader.statements()]
    assert node.audits() == [("boot", "", "")]


def test_going_down_is_said_with_a_last_head(node: Node) -> None:
    filled(node, 2)
    node.spool.put(event())
    node.spool.close(STATE)
    state, head = node.statement(Class.STATE), node.statement(Class.HEAD)
    assert isinstance(state.data, StateData)
    assert isinstance(head.data, HeadData)
    assert (state.data.status, head.data.seq, numbers(node)) == ("down", 3, [1, 2, 3])


def test_a_receipt_of_the_store_lets_go_of_what_it_names(node: Node) -> None:
    filled(node, 5)
    node.inbox.put_latest(letter(Class.RCPT, ReceiptData(node=str(NODE), cum=2, ranges=((4, 4),))))
    node.tick()
    assert numbers(node) == [3, 5]


@pytest.mark.parametrize(
    ("data", "role", "why"),
    [
        (RECEIPT, "operator", "role"),
        (ReceiptData(node="romagna-faentina/brisighella/n-0018", cum=2), "store", "topic"),
        (ReceiptData(node=str(NODE), cum=6), "store", "ahead"),
        (ReceiptData(node=str(NODE), cum=2, key=signer("its predecessor").kid), "store", "key"),
        (ReceiptData(node=str(NODE), cum=0, ranges=((1, 6),)), "store", "ahead"),
    ],
)
def test_a_receipt_that_is_not_right_lets_go_of_nothing_and_is_told(
    node: Node, data: ReceiptData, role: str, why: str
) -> None:
    filled(node, 5)
    node.inbox.put_latest(letter(Class.RCPT, data, role=role))
    node.tick()
    assert numbers(node)[:5] == [1, 2, 3, 4, 5]
    assert node.audits() == [("letter-refused", "rcpt", why)]


def test_bytes_of_the_link_let_go_of_nothing(node: Node) -> None:
    filled(node, 3)
    for forged in (b"", b"{}", b"a.b.c", b"\xff" * 5000, node.seen()[0].payload.data):
        node.inbox.put(Letter(f"piazza/v1/{NODE}/rcpt/store", bytes(forged)))
    node.inbox.put(Letter("somewhere", b"x"))
    node.tick()
    assert numbers(node)[:3] == [1, 2, 3]
    assert {action for action, *_ in node.audits()} == {"letter-refused"}


def test_the_links_own_report_counts_only_where_the_configuration_says_so(tmp_path: Path) -> None:
    report = Letter(DELIVERED, b'{"node":"romagna-faentina/brisighella/n-0017","cum":2,"ranges":[[4,4]]}')
    strict, bench = filled(Node(tmp_path / "a"), 5), filled(Node(tmp_path / "b", delete_on="puback"), 5)
    for node in (strict, bench):
        node.inbox.put_latest(report)
        node.tick()
    assert numbers(strict) == [1, 2, 3, 4, 5, 6]
    assert strict.audits() == [("letter-refused", "letter", "delivered")]
    assert numbers(bench) == [3, 5]


def test_a_flood_of_bad_letters_is_told_once_between_two_heads(node: Node) -> None:
    for _ in range(100):
        node.inbox.put(Letter(f"piazza/v1/{NODE}/rcpt/store", b"x"))
    node.tick()
    for _ in range(100):
        node.inbox.put(Letter(f"piazza/v1/{NODE}/rcpt/store", b"x"))
    node.tick()
    assert node.audits() == [("letter-refused", "rcpt", "malformed")]


def test_a_verified_command_and_a_verdict_reach_sense(node: Node) -> None:
    command = CommandData(node=str(NODE), command="report", deadline="2026-05-01T08:31:00.000Z")
    verdict = AckData(node=str(NODE), event="00000000000000aa", verdict="useful")
    node.inbox.put(letter(Class.CMD, command, role="operator"))
    node.inbox.put(letter(Class.ACK, verdict, role="operator", id=f"{2:016x}"))
    assert [envelope.data for envelope in node.tick()] == [command, verdict]


def test_a_retained_or_late_command_is_refused_and_told(node: Node) -> None:
    late = CommandData(node=str(NODE), command="restart", deadline="2026-05-01T08:30:00.000Z")
    kept = CommandData(node=str(NODE), command="restart", deadline="2026-05-01T09:30:00.000Z")
    node.inbox.put(letter(Class.CMD, late, role="operator"))
    node.inbox.put(letter(Class.CMD, kept, role="operator", retained=True))
    assert node.tick() == []
    assert node.audits() == [("letter-refused", "cmd", "expired"), ("letter-refused", "cmd", "retained")]


def test_open_events_are_there_after_a_crash_and_closed_ones_are_not(tmp_path: Path) -> None:
    first = Node(tmp_path)
    stays, goes = event(id="stays open"), event(id="goes")
    for record in (stays, goes, dataclasses.replace(goes, phase=Phase.CLOSED, closed_by="rule", duration_s=3.0)):
        first.spool.put(record)
    first.spool.flush()
    assert Node(tmp_path).spool.open_events() == [stays]


def test_a_record_that_is_kept_back_is_told_and_stops_nothing(node: Node) -> None:
    node.spool.put(event(zone="Piazza del Popolo 3"))
    node.spool.put(event())
    node.spool.put(audit(action="dropped", ranges=((1, 2),)))
    node.spool.flush()
    assert [envelope.klass for envelope in node.seen()] == ["audit", "evt", "audit"]
    assert node.audits() == [("refused", "evt", "not-declared"), ("refused", "audit", "not-declared")]
    assert "Popolo" not in "".join(str(envelope) for envelope in node.seen())


TEXT = some.text(max_size=40) | some.sampled_from(["gate", "gate-cam", "stays", "opened", "closed", "notice", "limit"])
NUMBER = some.floats() | some.sampled_from([AT, 1e300, -1.0])
RECORD = some.one_of(
    some.builds(
        Event, id=TEXT, rule=TEXT, kind=TEXT, phase=TEXT, severity=TEXT, at=NUMBER, source=TEXT, zone=TEXT, label=TEXT,
        reason=some.builds(Reason, quantity=TEXT, test=TEXT, observed=NUMBER, expected=some.none() | NUMBER),
        duration_s=some.none() | NUMBER, closed_by=TEXT,
    ),
    some.builds(Stat, source=TEXT, since=NUMBER, at=NUMBER, coverage=NUMBER, values=some.tuples(some.tuples(TEXT, NUMBER))),
    some.builds(Health, at=NUMBER, values=some.tuples(some.tuples(TEXT, NUMBER))),
    some.builds(Audit, at=NUMBER, action=TEXT, subject=TEXT, first=some.none() | some.integers()),
)  # fmt: skip


@given(record=RECORD)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_record_whatever_is_sent_or_told_of_and_never_stops_sense(node: Node, record: Record) -> None:
    node.tick(after_s=60.0)  # a new head: what was told before may be told again
    before = node.outbox.tail.seq
    node.spool.put(record)
    node.spool.flush()
    assert node.outbox.tail.seq == before + 1


@pytest.mark.slow
def test_a_full_spool_gives_up_health_first_and_every_gap_is_explained(tmp_path: Path) -> None:
    """An outage longer than the spool: what is missing at the end is exactly what the node says it dropped."""
    node = Node(tmp_path, max_mb=1)
    for second in range(900):
        node.spool.put(health(AT + second))
        if second % 3 == 0:
            node.spool.put(event())
        node.spool.flush()
    seen = node.seen()
    check = ChainCheck(whole=True)
    words = {finding.word for envelope in seen for finding in check.feed(envelope)}
    assert (words & BAD, check.missing()) == (set(), ())
    assert check.dropped()
    dropped = [envelope.data for envelope in seen if isinstance(envelope.data, AuditData)]
    assert {data.subject for data in dropped} == {"health"}
    assert sum(envelope.klass == "evt" for envelope in seen) == 300
    assert (tmp_path / "outbox.sqlite").stat().st_size <= 1024 * 1024


# A key with an end, as an agreement gives it


def verdict_of_a_dated_key(folder: Path, until: float, trust: ClockQuality) -> Node:
    """A node that has got a verdict of an operator whose agreement ends, by a clock of this quality."""
    node = Node(folder)
    held = KeyRing()
    for key in node.ring:
        held.add(dataclasses.replace(key, until=until if key.role == "operator" else None))
    clock = sealer(node.clock, trust=lambda: trust)
    node.spool = Spool(node.outbox, clock, node.inbox, held, node.settings)
    verdict = AckData(node=str(NODE), event="00000000000000aa", verdict="useful")
    node.inbox.put(letter(Class.ACK, verdict, role="operator"))
    return node


@pytest.mark.parametrize(
    ("until", "trust", "word"),
    [
        (AT + 60, ClockQuality.NTP, ""),
        (AT - 60, ClockQuality.NTP, "ended"),
        (AT + 60, ClockQuality.RTC, ""),
        (AT + 60, ClockQuality.UNSYNCED, "clock"),
    ],
)
def test_a_verdict_counts_until_the_agreement_ends_and_only_where_the_time_is_known(tmp_path, until, trust, word):
    node = verdict_of_a_dated_key(tmp_path, until, trust)
    assert len(node.tick()) == (not word)
    assert node.audits() == ([("letter-refused", "ack", word)] if word else [])
