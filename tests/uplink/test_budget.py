"""Bytes that may leave in an hour."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.contract.topics import Class
from agent.uplink.budget import HOUR_S, Budget


def test_what_is_over_the_limit_must_wait_an_hour():
    budget = Budget({Class.EVT: 1000})
    assert budget.take(Class.EVT, 900, at=0.0)
    assert not budget.take(Class.EVT, 101, at=HOUR_S)
    assert budget.take(Class.EVT, 101, at=HOUR_S + 120.0)


def test_classes_do_not_eat_each_others_budget():
    budget = Budget({Class.EVT: 1000, Class.HEALTH: 10})
    assert not budget.take(Class.HEALTH, 11, at=0.0)
    assert budget.take(Class.EVT, 1000, at=0.0)


def test_a_class_without_a_limit_sends_nothing():
    assert not Budget({}).take(Class.RES, 1, at=0.0)


@given(st.lists(st.tuples(st.floats(0.0, 300.0), st.integers(1, 400)), max_size=80))
def test_no_hour_wherever_it_begins_holds_more_than_the_limit(steps):
    budget, at, taken = Budget({Class.EVT: 1000}), 0.0, []
    for pause, size in steps:
        at += pause
        if budget.take(Class.EVT, size, at=at):
            taken.append((at, size))
    for begin, _ in taken:
        assert sum(size for when, size in taken if begin <= when < begin + HOUR_S) <= 1000
