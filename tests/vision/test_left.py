"""Things left behind and taken away: what came and stays is one, somebody who stands there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.pixels import Box, Frame, Track, Tracks
from agent.records import Observation
from agent.vision.geometry import covered
from agent.vision.ground import Ground
from agent.vision.left import Left, beside, last_near
from agent.vision.settings import View, Zone

Picture = NDArray[np.uint8]
WIDTH, HEIGHT = 192, 108
STEP_S = 0.5
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
BAG = Box(0.5, 0.6, 0.58, 0.72)
COMES, LASTS = 6.0, 22.0


def ground(seed: int = 1) -> Picture:
    coarse = np.random.default_rng(seed).integers(90, 140, (18, 32, 1), np.uint8).repeat(3, axis=2)
    return coarse.repeat(6, axis=0).repeat(6, axis=1)


def put(picture: Picture, box: Box, colour: tuple[int, int, int] = (60, 40, 180)) -> Picture:
    rows = slice(round(box.top * HEIGHT), round(box.bottom * HEIGHT))
    columns = slice(round(box.left * WIDTH), round(box.right * WIDTH))
    done = picture.copy()
    done[rows, columns] = colour
    return done


def person(x: float, *, number: int = 1) -> Track:
    return Track(number, "person", Box(x - 0.04, 0.4, x + 0.04, 0.72), since=0.0, score=0.9)


Scene = Callable[[float], tuple[Picture, Sequence[Track]]]


def told(scene: Scene, *, measure: str = "left_s", until: float = LASTS, zone: Zone | None = None) -> list[float]:
    """What the zone says of a scene, by the second."""
    left = Left(View(masks=(), zones=(zone or Zone("hall", WHOLE, things=True),)), report_s=1.0)
    values = []
    for step in range(round(until / STEP_S)):
        picture, tracks = scene(step * STEP_S)
        grain = np.random.default_rng(step).integers(0, 5, picture.shape, np.uint8)
        frame = Frame("cam", step * STEP_S, picture + grain)
        values += [
            one.value
            for one in left.observe(frame, Tracks("cam", frame.at, tuple(tracks)))
            if one.quantity == f"hall/object/{measure}"
        ]
    return values


def bag(owner: Callable[[float], Sequence[Track]]) -> Scene:
    """A bag comes at COMES; `owner` says who is there."""
    return lambda t: (put(ground(), BAG) if t >= COMES else ground(), owner(t))


def test_a_bag_that_nobody_brought_is_left():
    values = told(bag(lambda _: ()))
    assert max(values[: int(COMES)]) == 0.0
    assert values[-1] == pytest.approx(LASTS - COMES, abs=6.0)


@pytest.mark.parametrize(("kept", "stands"), [([], False), ([BAG], True)])
def test_what_looks_like_a_shadow_for_a_moment_is_learned_but_not_where_a_thing_stands(
    kept: list[Box], *, stands: bool
):
    """The same place at half the light; a thing of which only such a part shows behind somebody's legs stays a thing."""
    one, place = Ground(), ground()
    shadow = place.copy()
    rows = slice(round(BAG.top * HEIGHT), round(BAG.bottom * HEIGHT))
    columns = slice(round(BAG.left * WIDTH), round(BAG.right * WIDTH))
    shadow[rows, columns] //= 2
    for _ in range(12):
        one.look(place, [], [], elapsed_s=STEP_S)
    for _ in range(8):
        one.look(shadow, [], kept, elapsed_s=STEP_S)
    assert one.holds(BAG) is stands


def test_a_camera_that_goes_over_to_night_vision_leaves_nothing_behind_but_what_stood_there():
    """Under infrared a dark road is as light as what surrounds it: patches of another tone, and no things."""
    roads = [Box(left, 0.1, left + 0.2, 0.35) for left in (0.05, 0.3, 0.55)]
    day, night = ground(), (ground() * 0.8).astype(np.uint8)
    for road in roads:
        day, night = put(day, road, (40, 40, 40)), put(night, road, (90, 90, 90))
    one = Ground()
    for _ in range(12):
        one.look(day, [], [], elapsed_s=STEP_S)
    day, night = put(day, BAG), put(night, BAG)
    for _ in range(8):
        one.look(day, [], [BAG], elapsed_s=STEP_S)
    patches = [patch for _ in range(20) for patch in one.look(night, [], [BAG], elapsed_s=STEP_S)]
    assert not [patch for patch in patches if covered(patch.box, BAG) < 0.5]
    assert one.holds(BAG)


@pytest.mark.parametrize("comes", [True, False])
def test_a_haze_that_comes_or_lifts_is_light(*, comes: bool):
    """Rain takes contrast and lays grey over everything: what was dark becomes lighter and nothing has been left there."""
    clear = put(ground(), BAG, (5, 5, 5))
    hazy = (clear * 0.7 + 50).astype(np.uint8)
    before, now = (clear, hazy) if comes else (hazy, clear)
    one = Ground()
    for _ in range(12):
        one.look(before, [], [], elapsed_s=STEP_S)
    assert not [patch for _ in range(20) for patch in one.look(now, [], [], elapsed_s=STEP_S)]


def test_a_headlight_that_passes_leaves_no_thing_behind():
    """A light that the place was taken to have for good left, once it was gone, a ghost for half an hour."""
    one, place = Ground(), ground()
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    glow = 300 * np.exp(-((x - 0.55 * WIDTH) ** 2 + (y - 0.6 * HEIGHT) ** 2) / 10**2)
    lit = np.clip(place + glow[:, :, None], 0, 255).astype(np.uint8)
    for _ in range(12):
        one.look(place, [], [], elapsed_s=STEP_S)
    for _ in range(6):
        one.look(lit, [], [], elapsed_s=STEP_S)
    patches = [patch for _ in range(40) for patch in one.look(place, [], [], elapsed_s=STEP_S)]
    assert not patches


def test_a_twig_that_has_swayed_for_minutes_and_comes_to_rest_is_no_thing_and_a_bag_elsewhere_is():
    twig, calm = Box(0.1, 0.1, 0.16, 0.2), 180.0

    def scene(at: float) -> tuple[Picture, Sequence[Track]]:
        sways = at % 6.0 < 3.0 or at >= calm
        picture = put(ground(), twig) if sways and at >= COMES else ground()
        return (put(picture, BAG) if at >= calm + 20.0 else picture), ()

    values = told(scene, until=calm + 40.0)
    assert max(values[: int(calm) + 20]) <= 3.0
    assert values[-1] == pytest.approx(20.0, abs=6.0)


def test_a_bag_is_left_from_when_its_owner_has_gone():
    walks = told(bag(lambda t: [person(0.56 if t < 9 else 0.56 + 0.1 * (t - 9))] if 5 <= t < 13 else []))
    assert max(walks[:9]) == 0.0
    assert walks[-1] == pytest.approx(LASTS - 13, abs=3.0)


def test_a_bag_whose_owner_stands_beside_it_is_not_left():
    assert max(told(bag(lambda t: [person(0.64)] if t >= 5 else []))) == 0.0


def test_who_hid_the_place_is_the_owner_and_not_who_stood_beside_it():
    before = [Tracks("cam", at, (person(0.54, number=7), person(0.68, number=8))) for at in (0.0, 0.5, 1.0)]
    assert beside(BAG, before, WIDTH / HEIGHT) == {7}


def test_where_nobody_hid_the_place_who_stood_beside_it_is_the_owner():
    before = [Tracks("cam", 0.0, (person(0.65, number=8), person(0.95, number=9)))]
    assert beside(BAG, before, WIDTH / HEIGHT) == {8}


def test_who_only_passed_before_the_place_owns_nothing_of_it():
    stands, passes = person(0.54, number=7), person(0.53, number=8)
    before = [Tracks("cam", at, (stands, passes) if at == 1.0 else (stands,)) for at in (0.0, 0.5, 1.0, 1.5)]
    assert beside(BAG, before, WIDTH / HEIGHT) == {7}


def test_a_thing_is_alone_since_its_owner_was_last_near():
    before = [Tracks("cam", at, (person(x, number=7),)) for at, x in ((0.0, 0.54), (1.0, 0.6), (2.0, 0.95))]
    assert last_near({7}, BAG, before, WIDTH / HEIGHT) == 1.0
    assert last_near(set(), BAG, before, WIDTH / HEIGHT) == 2.0


def test_an_owner_whose_number_changes_is_still_the_owner():
    def owner(t: float) -> list[Track]:
        box = person(0.64).box
        if t < 5:
            return []
        return [Track(1 if t < 12 else 2, "person", box, since=5.0 if t < 12 else 12.0, score=0.9)]

    assert max(told(bag(owner))) == 0.0


def test_somebody_whom_the_detector_lost_where_they_stand_is_no_thing():
    somebody = Box(0.46, 0.4, 0.54, 0.72)

    def scene(t: float) -> tuple[Picture, Sequence[Track]]:
        if t < COMES:
            return ground(), ()
        return put(ground(), somebody), [person(0.5)] if t < COMES + 4 else []

    assert max(told(scene)) == 0.0


def test_a_crate_that_is_taken_is_missing_and_not_left():
    def scene(t: float) -> tuple[Picture, Sequence[Track]]:
        return ground() if t >= COMES else put(ground(), BAG, (230, 230, 40)), ()

    assert max(told(scene)) == 0.0
    assert told(scene, measure="removed_s")[-1] == pytest.approx(LASTS - COMES, abs=6.0)


def test_a_light_that_is_switched_on_over_a_part_of_the_floor_is_no_thing():
    def scene(t: float) -> tuple[Picture, Sequence[Track]]:
        picture = ground().astype(np.float32)
        if t >= COMES:
            picture[40:80, 60:90] *= 1.4
        return np.clip(picture, 0, 255).astype(np.uint8), ()

    assert max(told(scene)) == 0.0


def test_dusk_leaves_nothing_behind():
    assert max(told(lambda t: ((ground() * (1 - t / 40)).astype(np.uint8), ()))) == 0.0


def test_somebody_who_walks_through_leaves_nothing_behind():
    def scene(t: float) -> tuple[Picture, Sequence[Track]]:
        x = 0.05 * (t - COMES)
        there = 0.05 < x < 0.95
        picture = put(ground(), Box(x - 0.04, 0.4, x + 0.04, 0.72)) if there else ground()
        return picture, [person(x)] if there else []

    assert max(told(scene)) == 0.0


def test_a_bag_that_is_taken_again_is_over_soon():
    values = told(lambda t: (put(ground(), BAG) if COMES <= t < 14 else ground(), ()))
    assert values[13] > 3.0
    assert values[-1] == 0.0


def test_a_zone_that_does_not_ask_is_told_nothing():
    assert told(bag(lambda _: ()), zone=Zone("hall", WHOLE)) == []


def test_a_thing_outside_the_zone_is_not_told():
    left_half = Zone("hall", ((0.0, 0.0), (0.4, 0.0), (0.4, 1.0), (0.0, 1.0)), things=True)
    assert max(told(bag(lambda _: ()), zone=left_half)) == 0.0


def test_a_switched_light_makes_the_place_be_learned_anew():
    """Half of the picture changes at once: nobody has left half a hall behind."""

    def scene(t: float) -> tuple[Picture, Sequence[Track]]:
        return ground() if t < COMES else ground(2), ()

    assert max(told(scene)) == 0.0


def test_a_clock_that_is_set_back_leaves_no_thing_with_a_negative_age():
    left = Left(View(masks=(), zones=(Zone("hall", WHOLE, things=True),)), report_s=1.0)
    before: list[Observation] = []
    for step in range(40):
        picture = put(ground(), BAG) if step >= 12 else ground()
        at = 1000.0 + step * STEP_S
        before += left.observe(Frame("cam", at, picture), Tracks("cam", at, ()))
    after = list(left.observe(Frame("cam", 500.0, put(ground(), BAG)), Tracks("cam", 500.0, ())))
    assert max(one.value for one in before) > 5.0
    assert [one.value for one in after] == [0.0, 0.0]
