"""Speeds in the picture are the same whatever the rate and the size of the pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from agent.pixels import Frame
from agent.vision.flow import Flow
from agent.vision.settings import NormalitySettings

SPEED = 0.3
"""Heights of the frame a second, to the right."""
BASE_S = NormalitySettings().flow_s
HEIGHT, WIDTH = 240, 320
MIDDLE = np.array([[0.2, 0.2, 0.8, 0.8]], np.float32)
GROUND = cv2.resize(np.random.default_rng(3).integers(20, 235, (40, 80), np.uint8), (2 * WIDTH, HEIGHT))


def frame(at: float, *, height: int = HEIGHT) -> Frame:
    """All that is seen moves to the right."""
    shift = np.array([[1.0, 0.0, SPEED * at * HEIGHT - WIDTH / 2], [0.0, 1.0, 0.0]], np.float32)
    seen = cv2.resize(cv2.warpAffine(GROUND, shift, (WIDTH, HEIGHT)), (height * WIDTH // HEIGHT, height))
    return Frame("gate", at, np.ascontiguousarray(seen[:, :, None].repeat(3, axis=2)))


def seen(rate: float, *, height: int = HEIGHT, person: float | None = None) -> Flow:
    flow = Flow(BASE_S)
    for number in range(8):
        flow.update(frame(number / rate, height=height), MIDDLE, person=person)
    return flow


@pytest.mark.parametrize("rate", [5.0, 10.0, 15.0, 30.0])
def test_the_rate_of_the_camera_does_not_change_a_speed(rate: float):
    speed, right, down = seen(rate).within(MIDDLE)[0]
    assert speed == pytest.approx(SPEED, rel=0.1)
    assert right == pytest.approx(SPEED, rel=0.1)
    assert abs(down) < 0.03


@pytest.mark.parametrize("height", [120, 240, 480])
@pytest.mark.parametrize("person", [None, 0.1, 0.6])
def test_neither_the_size_of_the_picture_nor_of_people_changes_a_speed(height: int, person: float | None):
    assert seen(10.0, height=height, person=person).within(MIDDLE)[0, 0] == pytest.approx(SPEED, rel=0.12)


def test_boxes_are_carried_on_by_the_time_since_the_last_frame():
    assert seen(30.0).seconds == pytest.approx(1 / 30)


def test_a_frame_that_follows_at_once_can_wait():
    flow = seen(10.0)
    assert flow.is_early(0.7 + BASE_S / 2)
    assert not flow.is_early(0.8)
    assert not Flow(BASE_S).is_early(0.0), "but never the first"


def test_a_small_board_looks_for_motion_less_often_over_a_longer_time():
    flow = Flow(0.15)
    for number in range(8):
        at = number / 10.0
        if not flow.is_early(at):
            flow.update(frame(at), MIDDLE, person=None)
    assert flow.seconds == pytest.approx(0.2)
    assert flow.within(MIDDLE)[0, 1] == pytest.approx(SPEED, rel=0.1)


def test_after_a_gap_nothing_has_moved():
    flow = seen(10.0)
    flow.update(frame(9.0), MIDDLE, person=None)
    assert flow.seconds == 0.0
    assert not flow.within(MIDDLE).any()


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 0.1, 0.2), (0.4, 0.1, 0.5, 0.4), (0.8, 0.7, 1.0, 1.0), (-0.2, 0.9, 0.1, 1.2)]
)
def test_what_is_looked_at_around_a_box_is_enough_for_its_speed(box: tuple[float, ...]):
    few, all_of_it = Flow(BASE_S), Flow(BASE_S)
    asked = np.array([box], np.float32)
    for number in range(3):
        few.update(frame(number / 10.0), asked, person=None)
        all_of_it.update(frame(number / 10.0), np.array([[0.0, 0.0, 1.0, 1.0]], np.float32), person=None)
    np.testing.assert_allclose(few.within(asked), all_of_it.within(asked), atol=0.03)


def test_where_nothing_is_asked_about_nothing_is_looked_for():
    flow, none = Flow(BASE_S), np.zeros((0, 4), np.float32)
    for number in range(3):
        flow.update(frame(number / 10.0), none, person=None)
    assert flow.seconds == pytest.approx(0.1)
    assert flow.within(none).shape == (0, 3)
