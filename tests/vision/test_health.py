"""What a camera says of its own sight, on drawn pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.camera.pictures import smeared
from agent.pixels import Frame
from agent.records import Observation
from agent.vision.health import MEANT, UNJUDGED, Health, first_only, levels, ramp
from agent.vision.settings import HealthSettings, Polygon

Picture = NDArray[np.uint8]
WIDTH, HEIGHT = 320, 180


def place(seed: int = 1) -> Picture:
    """A square with clear edges everywhere."""
    coarse = np.random.default_rng(seed).integers(30, 220, (18, 32, 1), np.uint8).repeat(3, axis=2)
    return coarse.repeat(HEIGHT // 18, axis=0).repeat(WIDTH // 32, axis=1)


def grainy(picture: Picture, seed: int, *, sigma: float = 2.0) -> Picture:
    grain = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def film(*stretches: tuple[Picture, int], sigma: float = 2.0) -> list[Picture]:
    """Each picture so many times, two a second, with fresh grain."""
    pictures = [picture for picture, times in stretches for _ in range(times)]
    return [grainy(picture, seed, sigma=sigma) for seed, picture in enumerate(pictures)]


def told(pictures: Iterable[Picture], *, masks: Sequence[Polygon] = (), every_s: float = 0.5) -> list[Observation]:
    health = Health("north", HealthSettings(), masks)
    frames = [Frame("north", 1000.0 + number * every_s, picture) for number, picture in enumerate(pictures)]
    return [observation for frame in frames for observation in health.update(frame)]


def meant(observations: Iterable[Observation]) -> set[str]:
    """The faults that were meant at any time; how far a view moved is no fault of its own."""
    found = {one.quantity.removeprefix("camera/") for one in observations if one.value >= MEANT}
    return found - {"moved_by", UNJUDGED}


def unjudged(observations: Iterable[Observation]) -> list[float]:
    return [one.value for one in observations if one.quantity == f"camera/{UNJUDGED}"]


def plate(picture: Picture, share: float) -> Picture:
    covered = picture.copy()
    covered[:, : round(share * WIDTH)] = 90
    return covered


FAULTS = {
    "blocked": plate(place(), 0.8),
    "moved": np.roll(place(), 40, axis=1),
    "defocus": smeared(place(), radius_px=4),
    "dark": (place() * 0.03).astype(np.uint8),
    "bright": np.clip(place().astype(np.float32) * 10, 0, 255).astype(np.uint8),
    "noise": grainy(place(), 99, sigma=70.0),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_by_its_name_and_no_other(name: str):
    assert meant(told(film((place(), 8), (FAULTS[name], 6)))) == {name}


def test_a_fault_that_is_over_is_told_as_nothing():
    last = [
        one.value for one in told(film((place(), 8), (FAULTS["blocked"], 4), (place(), 4))) if "blocked" in one.quantity
    ]
    assert last[0] >= MEANT
    assert last[-1] < 0.05


def night(picture: Picture) -> Picture:
    return (picture * 0.45).astype(np.uint8)


def lamp(picture: Picture) -> Picture:
    """The same with a headlight in the corner that is left."""
    dazzling = picture.copy()
    dazzling[20:60, 260:310] = 255
    return dazzling


@pytest.mark.parametrize(("looks", "found"), [(3, set()), (8, {"blocked"})])
def test_half_hidden_while_a_car_dazzles_is_blocked_only_where_it_stays(looks: int, found: set[str]):
    """The veil of a headlight over half the view passes within two seconds; a plate does not."""
    half = lamp(night(plate(place(), 0.5)))
    assert meant(told(film((night(place()), 8), (half, looks), (night(place()), 4)))) == found


@pytest.mark.parametrize("half", [lamp(plate(place(), 0.5)), plate(place(), 0.5)])
def test_by_day_half_hidden_is_blocked_at_once(half: Picture):
    assert meant(told(film((place(), 8), (half, 1)))) == {"blocked"}


def test_what_is_hidden_altogether_is_blocked_at_once_even_beside_a_lamp():
    covered = lamp(night(plate(place(), 0.8)))
    assert meant(told(film((night(place()), 8), (covered, 1)))) == {"blocked"}


def test_a_view_that_moved_says_how_far():
    """40 of 320 columns are an eighth of the frame."""
    by = [one.value for one in told(film((place(), 8), (FAULTS["moved"], 3))) if one.quantity == "camera/moved_by"]
    assert by[0] == pytest.approx(0.125, abs=0.01)


def test_the_same_bytes_for_five_seconds_are_frozen():
    still = grainy(place(), 1)
    assert meant(told([still] * 10)) == set()
    assert meant(told([still] * 12)) == {"frozen"}


def test_dusk_is_no_fault():
    pictures = [grainy((place() * share).astype(np.uint8), seed) for seed, share in enumerate(np.linspace(1, 0.25, 40))]
    assert [one for one in told(pictures) if one.value] == []


def test_light_that_is_switched_is_no_fault():
    assert meant(told(film((place(), 8), ((place() * 0.4).astype(np.uint8), 8), (place(), 8)))) == set()


def rained_on(picture: Picture, seed: int) -> Picture:
    """Bright streaks somewhere else in each picture."""
    chance, wet = np.random.default_rng(seed), picture.copy()
    y, x = chance.integers(0, HEIGHT - 12, (500, 1, 1)), chance.integers(0, WIDTH - 2, (500, 1, 1))
    streaks = y + np.arange(12)[:, None], x + np.arange(2)
    wet[streaks] = np.minimum(wet[streaks], 185) + 70
    return wet


@pytest.mark.slow
def test_rain_that_ends_is_no_loss_of_focus():
    """Streaks are fine detail; what had been learned of them made the dry place look soft."""
    soft = smeared(place(), radius_px=2)
    pictures = [*[soft] * 20, *(rained_on(soft, seed) for seed in range(300)), *[soft] * 20]
    assert meant(told(grainy(picture, seed) for seed, picture in enumerate(pictures))) == set()


def test_people_in_a_third_of_the_picture_are_no_fault():
    assert meant(told(film((place(), 8), (plate(place(), 0.33), 8)))) == set()


def test_a_view_without_edges_is_not_judged_and_says_so():
    flat = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    observations = told(film((flat, 8), (place(), 4)))
    assert meant(observations) == set()
    assert unjudged(observations) == [3.0]


def test_a_view_that_is_soft_by_itself_says_that_its_focus_cannot_be_judged():
    assert unjudged(told(film((smeared(place(), radius_px=6), 8)))) == [1.0]


def test_a_view_with_clear_edges_says_that_everything_can_be_judged():
    assert unjudged(told(film((place(), 8)))) == [0.0]


def test_what_changes_at_every_look_is_no_view_that_could_be_hidden():
    """Rain over a bare wall has edges in every picture and the same ones in none."""
    rain = [(place(seed), 1) for seed in range(12)]
    observations = told(film(*rain, (np.full((HEIGHT, WIDTH, 3), 120, np.uint8), 4)))
    assert meant(observations) == set()
    assert unjudged(observations)[-1] == 3.0


def test_what_is_under_a_mask_does_not_count():
    masks = [((0.0, 0.0), (0.8, 0.0), (0.8, 1.0), (0.0, 1.0))]
    assert meant(told(film((place(), 8), (plate(place(), 0.8), 6)), masks=masks)) == set()


def test_a_camera_that_is_masked_altogether_has_nothing_to_tell():
    everything = [((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))]
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert meant(told(film((black, 6)), masks=everything)) == set()


def test_frames_between_two_looks_are_not_looked_at():
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert len(told([black] * 4, every_s=0.1)) == 1


def test_what_goes_on_is_told_again_after_a_silence():
    health = Health("north", HealthSettings())
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    looks = [health.update(Frame("north", at, black)) for at in (100.0, 100.5, 200.0, 50.0)]
    dark = [any(one.quantity == "camera/dark" for one in look) for look in looks]
    assert dark == [True, False, True, True]


def test_another_size_of_picture_is_another_view():
    health = Health("north", HealthSettings())
    for number, picture in enumerate(film((place(), 8))):
        health.update(Frame("north", number / 2, picture))
    assert health.update(Frame("north", 4.0, grainy(place(2)[:, :240], 5))) == []


@pytest.mark.slow
def test_a_new_view_becomes_the_usual_one_in_time():
    """A camera that was turned on purpose does not complain for ever."""
    health = Health("north", HealthSettings(accept_s=60))
    values = []
    for number, picture in enumerate(film((place(1), 8), (place(2), 200))):
        values.append(health.look(Frame("north", number / 2, picture), elapsed_s=0.5)["blocked"])
    assert max(values[8:12]) >= MEANT
    assert values[-1] < MEANT


def test_it_is_not_looked_at_where_that_is_switched_off():
    health = Health("north", HealthSettings(enabled=False))
    assert health.update(Frame("north", 1.0, np.zeros((HEIGHT, WIDTH, 3), np.uint8))) == []


def test_a_fault_leaves_unsaid_what_it_explains():
    faults = dict.fromkeys(("frozen", "noise", "dark", "bright", "moved", "blocked", "defocus"), 0.9)
    assert first_only({**faults, "dark": 0.1, "bright": 0.0})["frozen"] == 0.9
    assert sum(first_only({**faults, "dark": 0.1, "bright": 0.0}).values()) == 1.0


def test_a_ramp_is_straight_between_its_ends_and_never_beyond():
    assert [ramp(value, (24.0, 8.0)) for value in (30.0, 24.0, 16.0, 8.0, 0.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_levels_are_those_that_a_share_of_the_pixels_does_not_pass():
    assert levels(np.arange(100, dtype=np.uint8), (0.2, 0.95)) == [19.0, 94.0]
