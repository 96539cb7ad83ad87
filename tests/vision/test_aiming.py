"""Focus follows the lens and nothing else; sky and lean are found in a drawn street."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from agent.commissioning import Sight
from agent.pixels import Box, Frame, Track, Tracks
from agent.vision.aiming import focus, roll_deg, sky
from agent.vision.backdrop import LEAST, Backdrop
from agent.vision.masks import Masks

HIGH, WIDE = 180, 320
NOBODY = Tracks("yard", 0.0, ())


def a_street(*, sky_rows: int = 60, turned: float = 0.0):
    """Blue sky, walls with upright edges, a paved ground with grain."""
    picture = np.full((HIGH, WIDE, 3), (170, 160, 150), np.uint8)
    picture[:sky_rows] = (170, 200, 235)
    for left in range(20, WIDE, 60):
        picture[sky_rows : HIGH - 50, left : left + 30] = (90, 80, 70)
    picture[HIGH - 50 :] += np.random.default_rng(1).integers(0, 40, (50, WIDE, 1), np.uint8)
    if turned:
        turn = cv2.getRotationMatrix2D((WIDE / 2, HIGH / 2), -turned, 1.0)
        return np.asarray(cv2.warpAffine(picture, turn, (WIDE, HIGH), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    return picture


def frame(picture, at: float = 0.0) -> Frame:
    return Frame("yard", at, picture)


def blurred(picture, sigma: float):
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def test_the_sharper_the_lens_the_higher_the_score():
    scores = [focus(frame(blurred(a_street(), sigma)), NOBODY) for sigma in (4.0, 2.0, 1.0, 0.5)]
    assert scores == sorted(scores)
    assert scores[-1] > 3 * scores[0]


def test_a_brighter_day_is_not_a_sharper_lens():
    darker = (a_street().astype(np.float32) * 0.6).astype(np.uint8)
    assert focus(frame(darker), NOBODY) == pytest.approx(focus(frame(a_street()), NOBODY), rel=0.05)


def test_who_walks_through_does_not_count():
    picture = a_street()
    box = Box(0.4, 0.3, 0.6, 0.9)
    picture[int(0.3 * HIGH) : int(0.9 * HIGH), int(0.4 * WIDE) : int(0.6 * WIDE) : 4] = 255
    somebody = Tracks("yard", 0.0, (Track(1, "person", box, 0.0, 0.9),))
    assert focus(frame(picture), somebody) == pytest.approx(focus(frame(a_street()), somebody), rel=0.02)


def test_somebody_whom_the_detector_overlooks_changes_little():
    picture = a_street()
    picture[int(0.3 * HIGH) : int(0.6 * HIGH), 3 : int(0.1 * WIDE) : 4] = 255
    assert focus(frame(picture), NOBODY) == pytest.approx(focus(frame(a_street()), NOBODY), rel=0.2)


def test_the_edge_of_a_mask_is_no_detail():
    even = np.full((HIGH, WIDE, 3), 60, np.uint8)
    masked = Masks([((0.2, 0.2), (0.8, 0.2), (0.8, 0.8))]).hide(frame(even))
    assert focus(masked, NOBODY) == pytest.approx(0.0)


def test_where_all_is_masked_there_is_nothing_to_be_sharp():
    hidden = Masks([((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))]).hide(frame(a_street()))
    assert focus(hidden, NOBODY) == 0.0
    assert sky(hidden.pixels) == 0.0


@pytest.mark.parametrize("rows", [0, 40, 90])
def test_the_share_of_sky_is_found(rows: int):
    assert sky(a_street(sky_rows=rows)) == pytest.approx(rows / HIGH, abs=0.06)


@pytest.mark.parametrize("turned", [-6.0, 0.0, 4.0])
def test_a_camera_that_hangs_askew_is_found_by_the_walls(turned: float):
    assert roll_deg(blurred(a_street(turned=turned), 1.0)) == pytest.approx(turned, abs=1.0)


def test_without_edges_nobody_can_say_what_is_level():
    assert roll_deg(np.full((54, 96, 3), 120, np.uint8)) is None


def test_numbers_are_told_only_while_commissioning_is_open():
    told: list[Sight] = []
    opened = [True]
    backdrop = Backdrop(lambda _: opened[0], lambda _: None, told.append)
    for number in range(LEAST + 1):
        backdrop.see(frame(a_street(), at=0.5 * number), NOBODY)
    assert len(told) == LEAST + 1
    assert (told[-1].width, told[-1].height) == (WIDE, HIGH)
    assert told[-1].sky == pytest.approx(60 / HIGH, abs=0.06)
    opened[0] = False
    backdrop.see(frame(a_street(), at=60.0), NOBODY)
    assert len(told) == LEAST + 1
