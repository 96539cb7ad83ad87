"""What may be believed of a message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.contract.chain import Word
from agent.contract.topics import Class
from agent.contract.types import HeadData
from agent.subscriber import Mark, Reader
from agent.transport import Message
from tests.contract.makers import Chain, signer
from tests.subscriber.parts import dropping, head, message, several


def marks(reader: Reader, messages: list[Message]) -> list[Mark]:
    return [reader.read(one).mark for one in messages]


def test_a_whole_stream_is_verified():
    chain = Chain()
    assert marks(Reader(chain.ring), [*several(chain, 5), head(chain)]) == [Mark.VERIFIED] * 6


def test_what_came_before_is_a_duplicate():
    chain = Chain()
    first, second = several(chain, 2)
    assert marks(Reader(chain.ring), [first, second, first, second])[2:] == [Mark.DUPLICATE, Mark.DUPLICATE]


def test_a_missing_number_is_a_gap_until_it_comes_late():
    chain = Chain()
    first, second, third = several(chain, 3)
    reader = Reader(chain.ring)
    assert marks(reader, [first, third, second]) == [Mark.VERIFIED, Mark.GAP, Mark.LATE]
    assert reader.chain(str(chain.name)).missing() == ()


def test_a_cut_off_end_is_a_gap_at_the_next_head():
    chain = Chain()
    shown = several(chain, 3)[:2]
    assert marks(Reader(chain.ring), [*shown, head(chain)])[-1] is Mark.GAP


def test_what_the_node_gave_up_is_no_gap():
    chain = Chain()
    first, _, third = several(chain, 3)
    assert marks(Reader(chain.ring), [first, dropping(chain, (2, 3)), third])[-1] is not Mark.ALARM


def test_another_content_under_a_number_is_an_alarm():
    chain, clone = Chain(), Chain()
    several(chain, 2)
    message(clone)
    other = message(clone, data=None, kind="crossing")
    reader = Reader(chain.ring)
    chain.seq, chain.prev = 0, "0" * 64
    for one in several(chain, 2):
        reader.read(one)
    found = reader.read(other)
    assert found.mark is Mark.ALARM
    assert Word.EQUIVOCATION in {finding.word for finding in found.findings}


def test_a_stranger_is_not_believed_and_the_reason_is_given():
    chain, stranger = Chain(), Chain(signer=signer("stranger"))
    news = Reader(chain.ring).read(message(stranger))
    assert (news.mark, news.why, news.envelope) == (Mark.UNVERIFIED, "unknown-key", None)
    assert news.node == str(chain.name)


@pytest.mark.parametrize("payload", [b"", b"{}", b"a.b.c", b"\xff\xfe", b"x" * 5000])
def test_rubbish_is_unverified_and_nothing_worse(payload: bytes):
    chain = Chain()
    news = Reader(chain.ring).read(replace(message(chain), payload=payload))
    assert news.mark is Mark.UNVERIFIED
    assert not news.genuine


def test_a_message_under_another_topic_is_unverified():
    chain = Chain()
    moved = replace(message(chain), topic="piazza/v1/romagna-faentina/faenza/n-0018/evt/loitering")
    assert Reader(chain.ring).read(moved).why == "topic"


def test_a_partial_view_sees_no_gaps_where_it_may_not_look():
    chain = Chain()
    first, _, third, *_ = several(chain, 4)
    reader = Reader(chain.ring, partial=True)
    assert marks(reader, [first, third, third, head(chain)]) == [
        Mark.VERIFIED,
        Mark.VERIFIED,
        Mark.DUPLICATE,
        Mark.VERIFIED,
    ]


def test_an_event_has_a_sentence_and_other_classes_none():
    chain = Chain()
    reader = Reader(chain.ring)
    assert reader.read(message(chain)).sentence == "gate (gate-cam): a thing stays 41 s, at most 30 s"
    assert reader.read(head(chain)).sentence == ""


def test_memory_does_not_grow_with_the_stream():
    chain = Chain()
    reader = Reader(chain.ring, remember=10)
    for one in several(chain, 200):
        reader.read(one)
    assert len(reader.chain(str(chain.name))._links) <= 11


def test_a_head_alone_tells_nothing_bad():
    chain = Chain()
    chain.seq, chain.prev = 7, "a" * 64
    told = message(chain, Class.HEAD, HeadData(seq=7, digest="a" * 64), kind="node")
    assert Reader(chain.ring).read(told).mark is Mark.VERIFIED
