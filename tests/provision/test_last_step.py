"""The bounded last step: patience first, then one restart, and never a loop."""

from __future__ import annotations

from itertools import pairwise

import pytest

from agent.provision.facts import Finding
from agent.provision.last_step import APART_S, ILL_S, MOST_A_WEEK, WEEK_S, Course, hopeless, judged

AT = 1_777_624_200.0
EVERY_S = 300.0


def restarts(*, ill, hours):
    """When the machine would be restarted in so many hours of looking every five minutes."""
    course, found = Course(), []
    for step in range(int(hours * 3600 / EVERY_S)):
        at = AT + step * EVERY_S
        course, restart = judged(course, ill=ill(at - AT), at=at)
        if restart:
            found.append(at - AT)
    return found


def test_a_node_that_is_well_is_left_alone():
    assert restarts(ill=lambda _s: False, hours=200) == []


def test_half_an_hour_of_illness_restarts_the_machine_once():
    assert restarts(ill=lambda s: s < 3600, hours=24) == [ILL_S]


def test_what_heals_by_itself_in_time_restarts_nothing():
    assert restarts(ill=lambda s: s % 3600 < ILL_S - EVERY_S, hours=48) == []


def test_an_illness_that_no_restart_mends_is_tried_three_times_a_week_and_six_hours_apart():
    found = restarts(ill=lambda _s: True, hours=24 * 14)
    assert len(found) <= 2 * MOST_A_WEEK + 1
    assert len([at for at in found if at < WEEK_S]) == MOST_A_WEEK
    assert all(later - earlier >= APART_S for earlier, later in pairwise(found))


def test_a_clock_that_was_set_back_begins_the_illness_anew():
    course, restart = judged(Course(since=AT + 9999), ill=True, at=AT)
    assert (course.since, restart) == (AT, False)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ((), False),
        (("link", "outbox"), False),
        (("sense",), True),
        (("cameras",), True),
        (("sense", "configuration"), False),
    ],
)
def test_only_what_a_restart_may_mend_counts(wrong, expected):
    found = [
        Finding(what, ok=what not in wrong, said="") for what in ("configuration", "sense", "link", "cameras", "outbox")
    ]
    assert hopeless(found) == expected
