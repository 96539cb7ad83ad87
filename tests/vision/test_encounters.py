"""Second thoughts about two who met."""

from __future__ import annotations

import pytest

from agent.pixels import Detection
from agent.vision.course import Course
from agent.vision.encounters import APART_S, LONGEST_S, Encounters, together, unlike
from agent.vision.trace import Trace
from tests.vision.walkers import FPS, box, hidden, places, seen, tracked, walking

STEP_S = 1.0 / FPS


def trace(number, x, *, tall=0.2):
    """Somebody who stands at x, seen for long."""
    made = Trace.begin(number, Detection("person", 0.8, box(x, tall=tall)), 0.0)
    for _ in range(10):
        made.predict(STEP_S)
        made.take(Detection("person", 0.8, box(x, tall=tall)))
    return made


def met_and_parted(one, other, *, apart):
    """They stand together, then where `apart` says for as long as it takes; what was exchanged."""
    encounters = Encounters()
    told = list(encounters.update([one, other], 0.0))
    for number in range(1, 6):
        for who, (x, tall) in zip((one, other), apart, strict=True):
            who.course = Course.start(box(x, tall=tall))
            who.coasting_s = 0.0
        told += encounters.update([one, other], number * APART_S / 2)
    return told


def test_who_parts_as_they_met_keeps_the_number():
    one, other = trace(1, 0.50, tall=0.2), trace(2, 0.52, tall=0.3)
    assert met_and_parted(one, other, apart=[(0.4, 0.2), (0.6, 0.3)]) == []
    assert (one.number, other.number) == (1, 2)


def test_who_parts_with_the_others_height_was_confused_and_gets_the_number_back():
    one, other = trace(1, 0.50, tall=0.2), trace(2, 0.52, tall=0.3)
    assert met_and_parted(one, other, apart=[(0.4, 0.3), (0.6, 0.2)]) == [(1, 2)]
    assert (one.number, other.number) == (2, 1)


def test_what_was_seen_of_a_person_goes_with_the_number():
    one, other = trace(1, 0.50, tall=0.2), trace(2, 0.52, tall=0.3)
    one.since, other.since = 3.0, 7.0
    met_and_parted(one, other, apart=[(0.4, 0.3), (0.6, 0.2)])
    assert (one.since, other.since) == (7.0, 3.0)


def test_after_long_the_way_before_says_nothing():
    one, other = trace(1, 0.50, tall=0.2), trace(2, 0.52, tall=0.3)
    encounters = Encounters()
    encounters.update([one, other], 0.0)
    one.course, other.course = Course.start(box(0.4, tall=0.3)), Course.start(box(0.6, tall=0.2))
    assert encounters.update([one, other], LONGEST_S + 1.0) == ()


def test_who_ends_while_they_are_together_is_forgotten():
    one, other = trace(1, 0.50), trace(2, 0.52)
    encounters = Encounters()
    encounters.update([one, other], 0.0)
    encounters.update([one], 1.0)
    assert encounters._open == {}


@pytest.mark.parametrize(("x", "share"), [(0.5, 1.0), (0.53, 0.5), (0.7, 0.0)])
def test_together_is_the_share_of_the_smaller_box(x, share):
    assert together(box(0.5), box(x)) == pytest.approx(share)


def test_a_course_led_on_is_like_itself():
    course = trace(1, 0.5).course
    led = course.copy()
    led.predict(1.0)
    assert unlike(course, led, seconds=1.0) == pytest.approx(0.0)


def test_two_who_pass_one_another_keep_their_numbers():
    """While they overlap the detector sees only the nearer one."""
    told = tracked(seen([walking(0.2, 0.1, 0.62), hidden(walking(0.8, -0.1), since=2.7, until=3.3)], seconds=6.0))
    assert places(told[-1])[1] > places(told[-1])[2]
