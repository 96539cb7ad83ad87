"""Verdicts of people move what is taken for unusual: by how much, of which rules, within which bounds."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.anomaly.engine import Engine, ids
from agent.anomaly.feedback import REMEMBERED, Feedback, moved
from agent.anomaly.tuning import LEAST, MOST
from agent.errors import Refused
from agent.records import Audit, Event, Phase, Reason, Severity
from tests.anomaly.playing import MONDAY, rules, series

RULES = """
- {kind: baseline, id: odd, quantity: temperature_c, every_s: 1, warm_up: 20, least_spread: 1, deviations: 4}
- {kind: week, id: hourly, quantity: gate/person/in}
- {kind: series, id: strange, quantity: humidity_pct, every_s: 1, warm_up: 60}
- {kind: limit, id: hot, quantity: temperature_c, above: 90}
"""
VERDICTS = st.lists(st.sampled_from(["useful", "false", "unclear", "received"]), max_size=60)


def engine() -> Engine:
    return Engine(rules(RULES), new_id=ids("00000001"))


def event(rule: str = "odd", number: int = 0) -> Event:
    reason = Reason("temperature_c", "baseline", 9.0, 1.0)
    return Event(f"{number}", rule, "anomaly", Phase.OPENED, Severity.NOTICE, MONDAY, "air", reason)


def lived(one: Engine, last: float) -> list[Event]:
    """A minute of twenty degrees, then one reading."""
    readings = [(float(n), 20.0) for n in range(60)] + [(60.0, last), (61.0, 20.0)]
    return [told for observation in series("temperature_c", readings, source="air") for told in one.update(observation)]


@given(VERDICTS)
def test_whatever_people_say_the_factor_stays_within_its_bounds(verdicts):
    factor = 1.0
    for verdict in verdicts:
        factor = moved(factor, verdict)
        assert LEAST <= factor <= MOST


def test_a_false_alarm_makes_stricter_and_a_useful_one_a_little_less_so():
    assert moved(1.0, "false") > 1.0 > moved(1.0, "useful") > LEAST
    assert moved(1.0, "unclear") == 1.0


def test_what_was_told_before_is_not_told_after_false_alarms():
    one = engine()
    assert lived(one, 24.5)
    other = engine()
    feedback = Feedback(other)
    assert feedback.learn(event(), "false", MONDAY) == [
        Audit(MONDAY, "threshold-moved", subject="odd", outcome="stricter")
    ]
    feedback.learn(event(number=1), "false", MONDAY)
    assert not lived(other, 24.5)


def test_a_judge_that_already_watches_is_moved_too():
    one = engine()
    lived(one, 20.0)
    one.tune("odd", 2.0)
    more = series("temperature_c", [(70.0, 26.0), (71.0, 20.0)])
    assert not [told for observation in more for told in one.update(observation)]


@pytest.mark.parametrize("rule", ["odd", "hourly", "strange"])
def test_every_rule_that_learns_can_be_moved(rule: str):
    one = engine()
    told = Feedback(one).learn(event(rule), "useful", MONDAY)
    assert told == [Audit(MONDAY, "threshold-moved", subject=rule, outcome="looser")]
    assert one.factor(rule, "air") < 1.0 == one.factor(rule, "yard")


def test_a_false_alarm_of_one_camera_leaves_the_others_as_they_were():
    """Both before and after they have said anything."""
    one = engine()
    feedback = Feedback(one)
    for number in range(4):
        feedback.learn(replace(event(number=number), source="elsewhere"), "false", MONDAY)
    assert one.factor("odd", "elsewhere") > 1.4
    assert lived(one, 24.5), "air is judged as it is configured"
    feedback.learn(replace(event(number=9), source="elsewhere"), "false", MONDAY)
    assert one.factor("odd", "air") == 1.0


def test_what_was_moved_for_one_camera_survives_a_restart_for_that_one():
    one, other = engine(), engine()
    one.tune("odd", 1.5, "air")
    other.restore(json.loads(json.dumps(one.state())))
    assert (other.factor("odd", "air"), other.factor("odd", "yard")) == (1.5, 1.0)
    assert not lived(other, 24.5)


def test_a_rule_on_readings_that_belong_together_is_moved_as_a_whole():
    text = """
- kind: together
  id: pair
  of: [{source: air, quantity: temperature_c}, {source: pole, quantity: temperature_c}]
"""
    one = Engine(rules(text), new_id=ids("00000001"))
    assert Feedback(one).learn(event("pair"), "false", MONDAY)
    assert one.factor("pair", "pole") == one.factor("pair", "air") > 1.0


def test_a_limit_that_a_person_declared_is_never_moved():
    one = engine()
    assert not Feedback(one).learn(event("hot"), "false", MONDAY)
    assert one.factor("hot") == 1.0


@pytest.mark.parametrize("rule", ["camera-lost", "gone-since"])
def test_a_rule_that_the_engine_does_not_have_is_left_alone(rule: str):
    assert not Feedback(engine()).learn(event(rule), "false", MONDAY)


def test_an_event_is_judged_once_however_often_it_is_said():
    one = engine()
    feedback = Feedback(one)
    assert feedback.learn(event(), "false", MONDAY)
    assert not feedback.learn(event(), "false", MONDAY)
    assert not feedback.learn(replace(event(), phase=Phase.CLOSED), "useful", MONDAY)


def test_that_an_event_arrived_is_no_verdict():
    feedback = Feedback(engine())
    assert not feedback.learn(event(), "received", MONDAY)
    assert feedback.learn(event(), "false", MONDAY)


def test_at_a_bound_nothing_moves_and_nothing_is_put_on_record():
    feedback = Feedback(engine())
    said = [feedback.learn(event(number=number), "false", MONDAY) for number in range(20)]
    assert len([records for records in said if records]) == 8
    assert not said[-1]


def test_only_so_many_events_are_remembered():
    feedback = Feedback(engine())
    for number in range(REMEMBERED + 5):
        feedback.learn(event(number=number), "unclear", MONDAY)
    assert len(feedback._judged) == REMEMBERED


def test_what_was_moved_survives_a_restart():
    one, other = engine(), engine()
    one.tune("odd", 1.5)
    other.restore(json.loads(json.dumps(one.state())))
    assert other.factor("odd") == 1.5
    assert not lived(other, 24.5)


def test_a_state_from_before_there_was_feedback_is_taken_and_one_that_is_none_is_not():
    engine().restore({"version": 1, "learned": {}})
    with pytest.raises(Refused, match="no factors"):
        engine().restore({"version": 1, "learned": {}, "factors": {"odd": "much"}})
