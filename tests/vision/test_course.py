"""How one box moves and grows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.vision.course import Course, middle
from agent.vision.kalman import Axis
from tests.vision.walkers import TALL, WIDE, box


def after(*boxes, step_s=0.2):
    course = Course.start(boxes[0])
    for one in boxes[1:]:
        course.predict(step_s)
        course.correct(one)
    return course


def test_a_steady_walk_is_foreseen():
    course = after(*[box(0.1 + 0.02 * number) for number in range(20)])
    course.predict(1.0)
    assert course.x.at == pytest.approx(0.1 + 0.02 * 24, abs=0.005)


def test_who_comes_nearer_grows_in_both_directions():
    course = after(*[box(0.5, tall=TALL * 1.02**number, wide=WIDE * 1.02**number) for number in range(20)])
    course.predict(0.2)
    assert course.height == pytest.approx(TALL * 1.02**20, rel=0.03)
    assert course.width / course.height == pytest.approx(WIDE / TALL, rel=0.01)


def test_the_less_a_box_has_the_expected_size_the_less_it_moves_the_course():
    usual = [box(0.5)] * 10
    moved = {wide: after(*usual, box(0.53, wide=wide)).x.at - 0.5 for wide in (WIDE, 2 * WIDE, 3 * WIDE)}
    assert moved[WIDE] > moved[2 * WIDE] > moved[3 * WIDE] > 0.0


def test_time_makes_a_place_vaguer_and_a_sight_surer():
    course = after(*[box(0.5)] * 5)
    known = course.off(box(0.5)).vague
    course.predict(1.0)
    assert course.off(box(0.5)).vague > known
    course.correct(box(0.5))
    assert course.off(box(0.5)).vague < known + 1.0


def test_a_copy_goes_its_own_way():
    course = Course.start(box(0.5))
    course.copy().correct(box(0.6))
    assert course.x.at == 0.5


@given(st.floats(0.01, 3.0), st.floats(0.0, 2.0), st.floats(0.0, 2.0))
def test_a_filter_that_waits_in_two_steps_knows_what_one_step_knows(seconds, jerk, drift):
    one, two = (Axis.start(0.0, noise=0.1, speed_noise=0.5) for _ in range(2))
    one.predict(seconds, jerk=jerk, drift=drift)
    for _ in range(2):
        two.predict(seconds / 2, jerk=jerk, drift=drift)
    assert (two.pp, two.pv, two.vv) == pytest.approx((one.pp, one.pv, one.vv))


def test_a_box_without_extent_has_a_tiny_one():
    assert min(middle(box(0.5, tall=0.0, wide=0.0))[2:]) > 0.0
