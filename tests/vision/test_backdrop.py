"""The picture of the empty place shows nobody, and is there only while commissioning is open."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.pixels import ACTOR_COLOURS, Box, Frame, Track, Tracks
from agent.vision.backdrop import EVERY_S, KEEP, LEAST, UNSEEN, WIDTH, Backdrop

HIGH, WIDE = 120, 160
GROUND = 100
PAINT = ACTOR_COLOURS["person"]
PLACE = st.floats(0.0, 0.85)
BOXES = st.tuples(PLACE, PLACE, st.floats(0.05, 0.5), st.floats(0.05, 0.5)).map(
    lambda box: Box(box[0], box[1], min(1.0, box[0] + box[2]), min(1.0, box[1] + box[3]))
)
FRAMES = st.lists(st.lists(BOXES, max_size=4), min_size=LEAST, max_size=KEEP)


def frame(number: int, boxes: list[Box]) -> Frame:
    """A bare ground with somebody painted in every box."""
    pixels = np.full((HIGH, WIDE, 3), GROUND, np.uint8)
    for left, top, right, bottom in boxes:
        pixels[int(top * HIGH) : int(bottom * HIGH), int(left * WIDE) : int(right * WIDE)] = PAINT
    return Frame("yard", number * EVERY_S, pixels)


def tracks(number: int, boxes: list[Box]) -> Tracks:
    return Tracks("yard", number * EVERY_S, tuple(Track(n, "person", box, 0.0, 0.9) for n, box in enumerate(boxes)))


def drawn(frames: list[list[Box]], *, known: bool = True, is_open: bool = True) -> tuple[Backdrop, list[bytes]]:
    published: list[bytes] = []
    backdrop = Backdrop(lambda _: is_open, published.append)
    for number, boxes in enumerate(frames):
        backdrop.see(frame(number, boxes), tracks(number, boxes if known else []))
    return backdrop, published


@settings(max_examples=12)
@given(FRAMES)
def test_no_pixel_of_anybody_survives(frames: list[list[Box]]):
    picture = drawn(frames)[0].picture().astype(int)
    assert set(np.unique(picture)) <= {GROUND, int(UNSEEN)}


def test_somebody_whom_the_detector_overlooks_for_a_while_is_not_in_the_picture():
    walking = [[Box(0.02 * number, 0.4, 0.02 * number + 0.1, 0.8)] for number in range(40)]
    picture = drawn(walking, known=False)[0].picture()
    assert set(np.unique(picture)) == {GROUND}


def test_a_place_where_somebody_always_is_stays_grey():
    picture = drawn([[Box(0.4, 0.4, 0.6, 0.8)]] * 20)[0].picture()
    assert picture[int(0.6 * len(picture)), WIDTH // 2].tolist() == [UNSEEN] * 3
    assert picture[0, 0].tolist() == [GROUND] * 3


def test_it_is_published_while_commissioning_is_open():
    _, published = drawn([[]] * 40)
    assert published
    assert all(png.startswith(b"\x89PNG") for png in published)


def test_nothing_is_published_nor_kept_while_it_is_closed():
    backdrop, published = drawn([[]] * 40, is_open=False)
    assert published == []
    assert not backdrop._frames


def test_what_was_gathered_is_forgotten_when_it_closes():
    opened = [True]
    backdrop = Backdrop(lambda _: opened[0], lambda _: None)
    for number in range(20):
        backdrop.see(frame(number, []), tracks(number, []))
    assert backdrop._frames
    opened[0] = False
    backdrop.see(frame(20, []), tracks(20, []))
    assert not backdrop._frames


def test_few_frames_are_not_enough():
    assert drawn([[]] * (LEAST - 1))[1] == []
