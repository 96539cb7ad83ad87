"""What a node does with commands and verdicts: once, answered, and audited."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from agent.anomaly.engine import Engine, ids
from agent.anomaly.feedback import Feedback
from agent.anomaly.settings import BaselineRule, LimitRule
from agent.anomaly.tally import Tally
from agent.clock import SimulatedClock
from agent.commands.orders import BETWEEN_S, PAUSE_S, Orders
from agent.contract.times import instant
from agent.contract.topics import Class
from agent.contract.types import AckData, CommandData, ResultData
from agent.pipeline import Decider, Vitals
from agent.records import Audit, Event, Health, Observation, Phase
from agent.uplink.door import correlation
from tests.contract.makers import AT, NODE
from tests.uplink.nodes import Node, event, letter

RULE = LimitRule(id="stays", quantity="gate/person/stay_s", above=30.0)


class Town:
    """A node's spool with its orders, and a maintainer who asks."""

    def __init__(self, folder: Path) -> None:
        self.node = Node(folder)
        self.stopped = False
        self.begin()

    def begin(self) -> None:
        engine = Engine([RULE], new_id=ids("boot"))
        self.decider = Decider(engine, Tally(), Vitals(frozenset({"host"})))
        self.orders = Orders(self.node.spool, self.decider, self.stop)
        self.asked = 0

    def stop(self) -> None:
        self.stopped = True

    def ask(self, what: Any, *, role: str = "maintainer", number: int = 0, **more: Any) -> list[Any]:
        """Send a command and let the node tick; what it makes worth telling."""
        self.asked += 1
        data = CommandData(node=str(NODE), command=what, deadline=instant(self.node.clock.now() + 60), **more)
        return self._obeyed(letter(Class.CMD, data, role=role, id=f"{number or self.asked:016x}"))

    def say(self, event_id: str, verdict: Any, **more: Any) -> list[Any]:
        self.asked += 1
        data = AckData(node=str(NODE), event=correlation(NODE, event_id), verdict=verdict)
        return self._obeyed(letter(Class.ACK, data, role="operator", id=f"{self.asked:016x}", **more))

    def _obeyed(self, one: Any) -> list[Any]:
        self.node.inbox.put(one)
        told = []
        for asked in self.node.tick():
            told += self.orders.obey(asked, self.node.clock.now())
        self.node.spool.flush()
        return told

    def result(self) -> ResultData:
        data = self.node.statement(Class.RES).data
        assert isinstance(data, ResultData)
        return data


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_a_report_is_given_at_once_and_answered(town: Town):
    town.decider.vitals.see(Observation("host", "cpu_temp_c", 51.0, AT))
    (told,) = town.ask("report", role="operator")
    assert isinstance(told, Health)
    assert (town.result().outcome, town.result().command) == ("done", f"{1:016x}")
    assert town.node.audits() == [("command", "report", "done")]


def test_a_repeated_letter_is_acted_on_once(town: Town):
    town.ask("report", number=7)
    assert town.ask("report", number=7) == []
    assert ("letter-refused", "cmd", "replayed") in town.node.audits()


def test_a_command_is_acted_on_once_over_a_crash_between_admission_and_answer(town: Town, tmp_path: Path):
    """Rather not done than done twice: who asked gets no answer and asks again."""
    data = CommandData(node=str(NODE), command="restart", deadline=instant(AT + 60))
    town.node.inbox.put(letter(Class.CMD, data, role="maintainer"))
    assert len(town.node.tick()) == 1
    second = Node(tmp_path)
    second.inbox.put(letter(Class.CMD, data, role="maintainer"))
    assert second.tick() == []


def test_a_role_that_may_not_is_refused_and_told(town: Town):
    assert town.ask("relearn", role="operator") == []
    assert town.node.audits() == [("letter-refused", "cmd", "role")]
    assert (town.result().outcome, town.result().why) == ("refused", "role")


def test_a_refusal_is_answered_once_also_over_a_restart(town: Town, tmp_path: Path):
    """Whoever plays a recorded command again must not make the node speak."""
    assert town.ask("relearn", role="operator", number=7) == []
    first = town.node.statement(Class.RES).payload.time
    again = Node(tmp_path, clock=SimulatedClock(town.node.clock.now() + 5))
    data = CommandData(node=str(NODE), command="relearn", deadline=instant(AT + 61))
    again.inbox.put(letter(Class.CMD, data, role="operator", id=f"{7:016x}"))
    assert again.tick() == []
    assert again.audits()[-1] == ("letter-refused", "cmd", "replayed")
    assert again.statement(Class.RES).payload.time == first


def test_what_needs_somebody_in_front_of_the_node_is_refused(town: Town):
    town.ask("commission")
    assert (town.result().outcome, town.result().why) == ("refused", "presence")


def test_a_restart_ends_the_process(town: Town):
    town.ask("restart")
    assert town.stopped
    assert town.result().outcome == "done"


def test_a_pause_closes_what_is_open_and_tells_nothing_until_the_next_watch(town: Town):
    first = event(id="one")
    assert town.orders.told([first]) == [first]
    changed, closed = town.ask("mode", target="pause")
    assert changed == Audit(town.node.clock.now(), "mode-changed", outcome="pause")
    assert (closed.id, closed.phase, closed.closed_by) == ("one", Phase.CLOSED, "command")
    at = town.node.clock.now()
    assert town.orders.told([event(id="two", at=at), event(id="one", phase=Phase.UPDATED, at=at)]) == []
    assert town.ask("mode", target="watch") == [Audit(town.node.clock.now(), "mode-changed", outcome="watch")]
    late = event(id="two", phase=Phase.CLOSED, at=at + 9)
    assert town.orders.told([late]) == []
    third = event(id="three", at=at + 9)
    assert town.orders.told([third]) == [third]


def test_health_and_counts_go_on_in_a_pause(town: Town):
    town.ask("mode", target="pause")
    assert town.orders.told([Health(AT, (("cpu_temp_c", 50.0),))]) != []


def test_a_pause_ends_by_itself(town: Town):
    town.ask("mode", target="pause")
    later = event(id="x", at=town.node.clock.now() + PAUSE_S + 1)
    assert town.orders.told([later]) == [later]


def test_a_rule_is_learned_anew(town: Town):
    assert town.ask("relearn", target="stays") == []
    assert town.result().outcome == "done"
    assert town.ask("relearn", target="unheard-of") == []
    assert (town.result().outcome, town.result().why) == ("failed", "not-declared")


def test_with_a_rule_its_scenes_are_learned_anew(town: Town):
    forgotten: list[str] = []
    town.orders.forget_scenes = forgotten.append
    town.ask("relearn", target="stays")
    town.ask("relearn", target="unheard-of")
    assert forgotten == ["stays"]


def test_what_still_waits_is_handed_over_again_and_what_is_gone_is_named(town: Town):
    for number in range(4):
        town.node.spool.put(event(id=f"{number}"))
    town.node.spool.flush()
    town.node.outbox.received(cum=2)
    town.ask("resend", first=1, last=4)
    assert (town.result().outcome, town.result().why, town.result().ranges) == ("failed", "gone", ((1, 2),))
    town.ask("resend", first=3, last=4)
    assert (town.result().outcome, town.result().why) == ("refused", "rate")
    town.node.clock.sleep(BETWEEN_S)
    town.ask("resend", first=1, last=5000)
    assert (town.result().outcome, town.result().why) == ("refused", "rate")
    town.ask("resend", first=3, last=4)
    assert town.result().outcome == "done"
    asked = [one for one in town.node.reader.statements() if one.topic == "resend"]
    assert [(one.token, one.version) for one in asked] == [("3 4", 2)]


class Learner:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def learn(self, event: Event, verdict: str, at: float) -> list[Any]:
        self.heard.append((event.rule, verdict))
        return []


def test_a_verdict_reaches_what_learns_from_it_under_the_events_own_rule(town: Town):
    town.orders.feedback = learner = Learner()
    town.orders.told([event(id="one")])
    town.say("one", "false")
    assert learner.heard == [("stays", "false")]
    assert town.node.audits()[-1] == ("command", "ack", "false")


def test_a_verdict_moves_the_threshold_of_a_rule_that_learned_it(town: Town):
    engine = Engine([BaselineRule(id="stays", quantity="gate/person/count")], new_id=ids("boot"))
    town.orders.feedback = Feedback(engine)
    town.orders.told([event(id="one")])
    (moved,) = town.say("one", "false")
    assert moved == Audit(town.node.clock.now(), "threshold-moved", subject="stays", outcome="stricter")
    town.node.spool.put(moved)
    town.node.spool.flush()
    assert town.node.audits()[-1] == ("threshold-moved", "stays", "stricter")


def test_a_verdict_on_an_event_that_nobody_remembers_is_answered_so(town: Town):
    town.orders.feedback = learner = Learner()
    town.say("never", "useful")
    assert (learner.heard, town.result().outcome, town.result().why) == ([], "failed", "gone")


def test_only_the_newest_thousand_events_are_remembered(town: Town):
    town.orders.told([event(id=f"{number}") for number in range(1001)])
    town.say("0", "useful")
    assert town.result().why == "gone"
    town.say("1000", "useful")
    assert town.result().outcome == "done"


def test_an_event_can_be_closed_after_its_pause_and_is_not_open_any_more(town: Town):
    opened = event(id="one")
    town.orders.told([opened, dataclasses.replace(opened, phase=Phase.CLOSED)])
    assert town.ask("mode", target="pause") == [Audit(town.node.clock.now(), "mode-changed", outcome="pause")]
