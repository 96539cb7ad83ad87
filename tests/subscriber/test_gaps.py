"""Whoever lacks numbers asks for them, and gets what the node signed or the word that it is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.clock import SimulatedClock
from agent.commands.readers import Readers, by_role
from agent.contract.command import MOST_NUMBERS
from agent.contract.envelope import open_envelope
from agent.contract.jws import Key
from agent.contract.times import instant
from agent.contract.topics import Class, NodeName, Topic, pattern
from agent.contract.types import AuditData, CommandData, HealthData, ResultData
from agent.subscriber.accesses import AccessLog
from agent.subscriber.gaps import MOST_HOURLY, Answers, Gaps
from agent.subscriber.holding import Item
from agent.subscriber.keeper import Keeper
from agent.subscriber.reader import Mark, Reader
from agent.subscriber.receipts import Receipts
from agent.subscriber.speaker import Speaker
from agent.subscriber.store import Store
from agent.transport import Message
from agent.transport.memory import MemoryBroker
from tests.brokers.waiting import messages, opened
from tests.contract.makers import AT, NODE, STORE, Chain, ring_of, signer
from tests.governance.unions import JUNE, loaded
from tests.governance.unions import POLICE as AGREEMENT
from tests.governance.unions import folder as agreed_folder
from tests.subscriber.parts import message, several

NAME = str(NODE)
OPERATOR = NodeName("romagna-faentina", "brisighella", "operator")
MAINTAINER = NodeName("romagna-faentina", "brisighella", "maintainer")
POLICE = NodeName("romagna-faentina", "brisighella", "police")


class Place:
    """A store with some numbers of a node, and somebody who asks."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimulatedClock(AT)
        self.chain = Chain()
        self.ring = ring_of(
            (self.chain.signer, "node", NODE),
            (signer("store"), "store", STORE),
            (signer("operator"), "operator", OPERATOR),
            (signer("police"), "police", POLICE),
            (signer("maintainer"), "maintainer", MAINTAINER),
        )
        self.store = Store(folder / "events.sqlite")
        self.made = several(self.chain, 9)
        kept = [self.made[number] for number in (0, 1, 2, 5, 6, 8)]
        items = [Item(open_envelope(one.payload, self.ring, topic=one.topic), one.payload.decode()) for one in kept]
        self.store.commit(items, at=AT)
        self.log = AccessLog(folder / "access", STORE, signer("store"), self.clock)
        self.answers = Answers(
            STORE, signer("store"), self.ring, self.store.tokens, clock=self.clock, sees=by_role, sign=self.log.write
        )
        self.operator = Speaker(OPERATOR, signer("operator"), clock=self.clock)

    def command(self, first: int, last: int, *, what: Any = "resend", who: Speaker | None = None) -> Message:
        data = CommandData(node=NAME, command=what, deadline=instant(self.clock.now() + 60), first=first, last=last)
        word = (who or self.operator).say(Class.CMD, STORE.node, data)
        return Message(str(word.topic), word.token)

    def answered(self, command: Message) -> tuple[list[int], ResultData]:
        """Numbers that were given, and the result."""
        *given, (topic, token) = self.answers.answer(command)
        result = open_envelope(token, self.ring, topic=topic)
        assert isinstance(result.data, ResultData)
        return [open_envelope(one, self.ring).seq for _, one in given], result.data


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# The store


def test_what_is_kept_is_given_as_the_node_signed_it(place: Place):
    given, result = place.answered(place.command(1, 3))
    assert (given, result.outcome, result.ranges) == ([1, 2, 3], "done", ())


def test_what_is_not_there_is_named_and_signed_for(place: Place):
    given, result = place.answered(place.command(2, 8))
    assert (given, result.outcome, result.why) == ([2, 3, 6, 7], "failed", "gone")
    assert result.ranges == ((4, 5), (8, 8))


def test_the_store_signs_for_what_it_gives_before_it_leaves(place: Place):
    first, *_ = place.answers.answer(place.command(1, 3))
    assert open_envelope(first[1], place.ring).seq == 1
    told = open_envelope(place.log.path.read_bytes().strip(), place.ring)
    assert isinstance(told.data, AuditData)
    assert (told.maker, told.data.subject, told.data.outcome) == (STORE, "resend", "shown")


def test_nothing_is_given_where_no_record_of_it_can_be_kept(place: Place):
    place.log.folder.write_text("no folder")
    given, result = place.answered(place.command(1, 3))
    assert (given, result.outcome, result.why) == ([], "failed", "disk")


def told(place: Place) -> list[str]:
    """What the store's log of accesses says came of each question."""
    lines = place.log.path.read_bytes().splitlines()
    return [data.outcome for line in lines if isinstance(data := open_envelope(line, place.ring).data, AuditData)]


def test_who_may_not_read_a_class_is_told_so_and_given_nothing_of_it(place: Place):
    """A maintainer reads a node's health, and no events; the numbers are named, since its head tells them anyway."""
    maintainer = Speaker(MAINTAINER, signer("maintainer"), clock=place.clock)
    given, result = place.answered(place.command(1, 5, who=maintainer))
    assert (given, result.outcome, result.why, result.ranges) == ([], "refused", "role", ((1, 3),))
    assert told(place) == ["refused"]


def test_of_some_numbers_those_that_may_be_read_are_given(place: Place):
    extra = message(place.chain, Class.HEALTH, HealthData(values={"cpu_temp_c": 51.0}), kind="node")
    item = Item(open_envelope(extra.payload, place.ring, topic=extra.topic), extra.payload.decode())
    place.store.commit([item], at=AT)
    maintainer = Speaker(MAINTAINER, signer("maintainer"), clock=place.clock)
    given, result = place.answered(place.command(9, 10, who=maintainer))
    assert (given, result.outcome, result.why, result.ranges) == ([10], "refused", "role", ((9, 9),))
    assert told(place) == ["part"]


def test_what_is_withheld_is_not_lost(place: Place):
    """Somebody else may still have it, and who asks may be allowed tomorrow."""
    maintainer, gaps = Speaker(MAINTAINER, signer("maintainer"), clock=place.clock), Gaps()
    (_, token) = place.answers.answer(place.command(1, 3, who=maintainer))[-1]
    gaps.hear(open_envelope(token, place.ring))
    assert gaps.lost(NAME) == ()


def test_what_nobody_can_check_any_more_is_not_given(place: Place):
    """Its key has left the ring, so nobody knows under which topic it belongs."""
    place.ring.replace(ring_of((signer("operator"), "operator", OPERATOR), (signer("store"), "store", STORE)))
    given, result = place.answered(place.command(1, 3))
    assert (given, result.outcome, result.why) == ([], "refused", "role")


def test_with_the_documents_of_the_union_the_agreements_in_force_decide(tmp_path: Path):
    """What the police were granted, for as long as they were, and not what the role could be granted."""
    readers = Readers(agreed_folder(tmp_path, AGREEMENT))
    officer = NodeName.parse("romagna/centre/police")

    def may(text: str, at: float, who: NodeName = officer) -> bool:
        return readers.sees(who, "police", Topic.parse(f"piazza/v1/romagna/{text}"), at)

    ends_at = loaded(tmp_path)[1][0].ends_at
    assert may("faenza/n-1/evt/crossing", JUNE)
    assert not may("faenza/n-1/evt/loitering", JUNE)
    assert not may("riolo/n-3/evt/crossing", JUNE)
    assert not may("faenza/n-1/stat/node", JUNE)
    assert not may("faenza/n-1/evt/crossing", ends_at)
    assert not may("faenza/n-1/evt/crossing", JUNE, NodeName.parse("romagna/centre/stranger"))


def test_a_command_is_answered_once(place: Place):
    command = place.command(1, 3)
    assert len(place.answers.answer(command)) == 4
    assert place.answers.answer(command) == []


def test_who_asks_after_the_end_of_their_agreement_is_told_so_and_given_nothing(place: Place):
    place.ring.add(Key(signer("operator").kid, signer("operator").public, "operator", str(OPERATOR), AT + 60))
    assert place.answered(place.command(1, 2))[0] == [1, 2]
    place.clock.sleep(60)
    numbers, result = place.answered(place.command(1, 2))
    assert (numbers, result.outcome, result.why) == ([], "refused", "ended")


def test_a_retained_command_is_not_answered(place: Place):
    one = place.command(1, 3)
    assert place.answers.answer(Message(one.topic, one.payload, retained=True)) == []


def test_somebody_whose_role_may_not_ask_gets_nothing(place: Place):
    """Police have verdicts, and no commands."""
    police = Speaker(POLICE, signer("police"), clock=place.clock)
    assert place.answers.answer(place.command(1, 3, who=police)) == []


def test_an_asker_who_is_known_hears_once_that_the_question_was_none(place: Place):
    backwards = place.command(3, 1)
    _, result = place.answered(backwards)
    assert (result.outcome, result.why) == ("refused", "data")
    assert place.answers.answer(backwards) == []


def test_what_is_for_longer_ahead_than_an_hour_is_not_answered(place: Place):
    data = CommandData(node=NAME, command="resend", deadline=instant(place.clock.now() + 7200), first=1, last=1)
    word = place.operator.say(Class.CMD, STORE.node, data)
    assert place.answers.answer(Message(str(word.topic), word.token)) == []


def test_a_stranger_gets_nothing(place: Place):
    stranger = Speaker(OPERATOR, signer("stranger"), clock=place.clock)
    assert place.answers.answer(place.command(1, 3, who=stranger)) == []


def test_other_commands_are_not_for_a_store(place: Place):
    _, result = place.answered(place.command(1, 1, what="report"))
    assert (result.outcome, result.why) == ("refused", "data")


def test_too_much_in_one_command_or_in_an_hour_is_refused_until_the_hour_has_passed(place: Place):
    assert place.answered(place.command(1, MOST_NUMBERS + 1))[1].why == "rate"
    for _ in range(MOST_HOURLY // MOST_NUMBERS):
        assert place.answered(place.command(1, MOST_NUMBERS))[1].why == "gone"
    assert place.answered(place.command(1, 1))[1].why == "rate"
    place.clock.sleep(3601)
    assert place.answered(place.command(1, 1))[1].outcome == "done"


def test_a_running_store_answers_and_a_reader_fills_its_gap(place: Place):
    broker = MemoryBroker(place.clock)
    keeper = Keeper(
        broker.transport("store"),
        place.ring,
        place.store,
        Receipts(STORE, signer("store"), clock=place.clock),
        union=NODE.union,
        clock=place.clock,
        answers=place.answers,
    )
    keeper.open()
    keeper.run_once(0.0)
    reader, asker = Reader(place.ring), broker.transport("operator")
    opened(asker, pattern(klass=Class.RES))
    for number in (0, 1, 5):
        reader.read(place.made[number])
    command = place.command(3, 5)
    asker.publish(command.topic, command.payload)
    keeper.run_once(0.0)
    news = [reader.read(one) for one in messages(asker, 2)]
    assert [one.mark for one in news] == [Mark.LATE, Mark.VERIFIED]
    assert reader.chain(NAME).missing() == ((4, 5),)
    gaps = Gaps()
    for one in news:
        if one.envelope:
            gaps.hear(one.envelope)
    assert gaps.lost(NAME) == ((4, 5),)


def test_what_is_given_again_under_another_nodes_name_is_not_believed(place: Place):
    other = Message(f"piazza/v1/{NODE.union}/faenza/n-0018/res/store-1", place.made[0].payload)
    assert Reader(place.ring).read(other).why == "topic"


def test_a_store_cannot_answer_in_the_name_of_the_node(place: Place):
    data = ResultData(node=NAME, command=f"{1:016x}", outcome="done")
    word = Speaker(STORE, signer("store"), clock=place.clock).say(Class.RES, "node", data)
    assert Reader(place.ring).read(Message(str(word.topic), word.token)).why == "role"


# Who asks


def test_a_gap_is_asked_for_when_it_has_lasted_and_then_less_and_less_often():
    gaps = Gaps(patience_s=60.0, times=3)
    asked = [at for at in range(0, 2000, 10) if gaps.due(NAME, [(4, 5)], at=float(at))]
    assert asked == [60, 180, 420]


def test_a_long_gap_is_asked_for_in_pieces():
    gaps = Gaps(patience_s=0.0)
    assert gaps.due(NAME, [(1, 2500)], at=0.0) == [(1, 1000), (1001, 2000), (2001, 2500)]


def test_a_gap_that_closed_is_forgotten_and_may_come_again():
    gaps = Gaps(patience_s=60.0)
    assert gaps.due(NAME, [(4, 5)], at=0.0) == []
    assert gaps.due(NAME, [], at=30.0) == []
    assert gaps.due(NAME, [(4, 5)], at=70.0) == []
    assert gaps.due(NAME, [(4, 5)], at=130.0) == [(4, 5)]


def test_what_is_lost_is_not_asked_for_again_and_stays_said(place: Place):
    gaps = Gaps(patience_s=0.0)
    (_, token) = place.answers.answer(place.command(4, 5))[-1]
    gaps.hear(open_envelope(token, place.ring))
    assert gaps.lost(NAME) == ((4, 5),)
    assert gaps.due(NAME, [(4, 6)], at=0.0) == [(6, 6)]
