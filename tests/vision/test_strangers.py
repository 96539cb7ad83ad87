"""The drawn places of bench/strangers.py and the days of bench/days.py are what they say they are."""

from __future__ import annotations

import numpy as np
import pytest

from bench.cast import Person
from bench.days import DAWN_S, DUSK_S, LEAST_LIGHT, daylight
from bench.strangers import PLACES, STEP_S, Place, Stage, Walk

PLATE = np.full((40, 16, 4), 255, np.uint8)
WALKER = Person([PLATE, PLATE], 0.1)
STAGE = Stage([WALKER], [PLATE], [PLATE])


@pytest.fixture(params=PLACES.values(), ids=list(PLACES))
def place(request: pytest.FixtureRequest) -> Place:
    made: Place = request.param
    return made


def test_a_walker_covers_the_body_heights_that_are_asked_for(place: Place):
    walk = Walk("walker", WALKER, 0.0, (0.1, 0.9), 0.0, 0.75)
    for _ in range(round(1.0 / STEP_S)):
        walk.step(place)
    gone_px = (walk.at[0] - 0.1) * place.width
    assert gone_px / (place.tall(0.9) * place.height) == pytest.approx(0.75, rel=0.01)


def test_people_are_drawn_as_tall_as_the_place_has_them(place: Place):
    walk = Walk("walker", WALKER, 0.0, (0.5, 1.0), 0.0, 0.75)
    assert walk.drawn(place).shape[0] == pytest.approx(place.near * place.height, abs=1.0)


def test_a_clip_is_as_long_as_it_should_be_and_marks_what_is_odd(place: Place):
    shown = list(STAGE.plays(place, 12.0, place.odd[0], np.random.default_rng(1)))
    assert len(shown) == pytest.approx(12.0 * place.fps, abs=1.0)
    marked = [is_odd for _, is_odd in shown]
    assert not marked[0]
    assert any(marked)
    for walks, is_odd in shown:
        assert not is_odd or place.odd[0] in {walk.kind for walk in walks}


def test_nothing_is_odd_in_what_is_learned_from(place: Place):
    assert not any(is_odd for _, is_odd in STAGE.plays(place, 5.0, "", np.random.default_rng(1)))


def test_a_day_is_dark_at_night_and_bright_at_noon():
    assert daylight(0.0) == daylight(DAWN_S) == daylight(DUSK_S) == LEAST_LIGHT
    assert daylight((DAWN_S + DUSK_S) / 2) == 1.0
    assert LEAST_LIGHT < daylight(DAWN_S + 1800.0) < 1.0
