"""The gate wakes the detector for what moves, not for noise and not for the light."""

from __future__ import annotations

import numpy as np
import pytest

from agent.pixels import Frame
from agent.vision.motion import Motion
from agent.vision.settings import MotionSettings

HEIGHT, WIDTH = 120, 192
QUIET = MotionSettings(linger_s=0.0, floor_s=60.0)


def street(seed=3):
    """A textured ground that does not move."""
    coarse = np.random.default_rng(seed).integers(60, 190, (HEIGHT // 12, WIDTH // 12, 3), dtype=np.uint8)
    return coarse.repeat(12, axis=0).repeat(12, axis=1)


def walker(pixels, x, *, level=20, height=30, width=10):
    changed = pixels.copy()
    changed[60 : 60 + height, x : x + width] = level
    return changed


def noisy(pixels, sigma, seed):
    grain = np.random.default_rng(seed).normal(0, sigma, pixels.shape)
    return np.clip(pixels + grain, 0, 255).astype(np.uint8)


def woken(motion, pictures, fps=10.0):
    """Whether each picture wakes the detector."""
    return [motion.update(Frame("north", number / fps, picture)) for number, picture in enumerate(pictures)]


def test_a_still_scene_wakes_the_detector_once():
    assert woken(Motion(QUIET), [street()] * 50) == [True] + [False] * 49


@pytest.mark.parametrize("sigma", [2.0, 8.0, 16.0])
def test_sensor_noise_is_not_motion(sigma):
    pictures = [noisy(street(), sigma, seed) for seed in range(60)]
    assert sum(woken(Motion(QUIET), pictures)[1:]) == 0


def test_somebody_walking_is_seen_in_every_frame():
    pictures = [street()] * 10 + [walker(street(), x) for x in range(10, 90, 4)]
    assert all(woken(Motion(QUIET), pictures)[10:])


def test_somebody_walking_is_seen_through_noise():
    pictures = [noisy(street(), 8.0, seed) for seed in range(30)]
    pictures += [noisy(walker(street(), x), 8.0, x) for x in range(10, 90, 4)]
    assert all(woken(Motion(QUIET), pictures)[30:])


@pytest.mark.parametrize("last", [0.35, 1.3])
def test_a_sky_that_slowly_dims_or_clears_is_not_motion(last):
    pictures = [np.clip(street() * share, 0, 255).astype(np.uint8) for share in np.linspace(1.0, last, 100)]
    assert sum(woken(Motion(QUIET), pictures)[1:]) == 0


def test_an_exposure_step_of_the_whole_picture_is_not_motion():
    pictures = [street()] * 10 + [(street() * 0.7).astype(np.uint8)] * 10
    assert sum(woken(Motion(QUIET), pictures)[1:]) == 0


def test_a_walker_is_seen_while_the_light_falls():
    pictures = [(street() * share).astype(np.uint8) for share in np.linspace(1.0, 0.6, 30)]
    pictures += [(walker(street(), 80, level=10) * 0.6).astype(np.uint8)]
    assert woken(Motion(QUIET), pictures)[-1]


def test_a_view_that_changes_altogether_wakes_and_then_rests():
    """Switched to night vision, or turned to another street: the gate starts afresh at once."""
    pictures = [street(1)] * 10 + [street(2)] * 10
    assert woken(Motion(QUIET), pictures)[10:] == [True] + [False] * 9


def test_a_branch_that_keeps_waving_is_learned_and_a_walker_beside_it_is_still_seen():
    swaying = [walker(street(), 100 + (number % 2) * 3, width=6, level=90) for number in range(900)]
    motion = Motion(MotionSettings(linger_s=0.0, floor_s=600.0))
    assert sum(woken(motion, swaying)[-100:]) == 0
    assert motion.update(Frame("north", 90.1, walker(swaying[0], 20)))


def test_the_detector_lingers_after_motion_ends():
    pictures = [street()] * 30 + [walker(street(), 40)] + [street()] * 30
    motion = Motion(MotionSettings(linger_s=1.0, floor_s=60.0))
    assert woken(motion, pictures)[30:] == [True] * 11 + [False] * 20


def test_a_floor_rate_wakes_it_in_the_stillest_scene():
    motion = Motion(MotionSettings(linger_s=0.0, floor_s=2.0))
    assert [number for number, awake in enumerate(woken(motion, [street()] * 61)) if awake] == [0, 20, 40, 60]


def test_a_gate_that_is_switched_off_is_always_open():
    assert all(woken(Motion(MotionSettings(enabled=False)), [street()] * 5))


def test_a_new_frame_size_is_a_new_beginning():
    motion = Motion(QUIET)
    woken(motion, [street()] * 3)
    turned = np.ascontiguousarray(street().swapaxes(0, 1))
    assert [motion.update(Frame("north", at, turned)) for at in (1.0, 1.1)] == [True, False]


def test_a_clock_that_jumps_back_does_not_silence_the_floor_rate():
    motion = Motion(MotionSettings(linger_s=0.0, floor_s=5.0))
    motion.update(Frame("north", 1000.0, street()))
    assert motion.update(Frame("north", 10.0, street()))


def test_it_says_how_much_of_the_picture_moved():
    motion = Motion(QUIET)
    woken(motion, [street()] * 5)
    motion.update(Frame("north", 0.5, walker(street(), 40, width=20, height=40)))
    assert motion.share == pytest.approx(20 * 40 / (HEIGHT * WIDTH), rel=0.2)
