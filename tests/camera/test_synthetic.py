"""The synthetic camera: what it draws, when, and what it says is true."""

from __future__ import annotations

import numpy as np
import pytest

from agent.camera.world import Fault
from agent.clock import SimulatedClock
from agent.errors import CameraError, CameraStalled
from agent.pixels import ACTOR_COLOURS, Box, Frame
from tests.camera.drawn import START, bystander, camera, scene, walker


def coloured(frame: Frame, label: str, *, within: int = 20) -> Box:
    """The extent, in pixels, of what is painted in the colour of `label`."""
    distance = np.abs(frame.pixels.astype(int) - np.array(ACTOR_COLOURS[label])).max(axis=2)
    rows, columns = np.nonzero(distance <= within)
    return Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))


def test_frames_are_stamped_by_their_number_alone():
    frames = list(camera(scene(), fps=4.0).frames())
    assert [frame.at for frame in frames[:3]] == [START, START + 0.25, START + 0.5]
    assert len(frames) == 40


def test_a_frame_is_rgb_and_read_only():
    frame = next(camera(scene(), width=64, height=48).frames())
    assert frame.pixels.shape == (48, 64, 3)
    assert not frame.pixels.flags.writeable


@pytest.mark.parametrize("label", ["person", "car", "bicycle", "bus", "object"])
def test_the_truth_is_where_the_colour_is(label: str):
    """To a pixel, wherever the actor stands, since tests of the vision room rely on it."""
    gate = camera(scene(walker(label=label, size=0.6)), width=320, height=240)
    for frame in list(gate.frames())[10:40:5]:
        (item,) = gate.truth(frame.at).items
        scale = (320, 240, 320, 240)
        expected = [fraction * pixels for fraction, pixels in zip(item.box, scale, strict=True)]
        assert coloured(frame, label) == pytest.approx(expected, abs=1.0)


def test_the_same_seed_draws_the_same_bytes():
    first, second, other = (
        b"".join(frame.pixels.tobytes() for frame in camera(scene(walker(), seed=seed, duration_s=2.0)).frames())
        for seed in (3, 3, 4)
    )
    assert first == second != other


def test_two_cameras_of_one_world_have_different_noise():
    one, two = (next(camera(scene(), name=name).frames()) for name in ("gate", "square"))
    assert not np.array_equal(one.pixels, two.pixels)


def test_pictures_of_a_still_scene_differ_by_noise_only():
    first, second = list(camera(scene()).frames())[:2]
    differences = np.abs(first.pixels.astype(int) - second.pixels)
    assert 0 < differences.max() <= 2 * round(0.01 * 255)


def test_light_fades_as_the_world_says():
    frames = list(camera(scene(light=((0.0, 1.0), (10.0, 0.0)))).frames())
    brightness = [frame.pixels.mean() for frame in frames]
    assert brightness[25] == pytest.approx(brightness[0] / 2, rel=0.05)
    assert brightness[-1] < 5


def test_the_fast_pace_never_sleeps():
    clock = SimulatedClock(START)
    assert list(camera(scene(), clock=clock).frames())
    assert clock.now() == START


def test_the_pace_of_timestamps_gives_each_frame_at_its_moment():
    clock = SimulatedClock(START)
    for frame in camera(scene(), clock=clock, pace="timestamps").frames():
        assert clock.now() == pytest.approx(frame.at)


def test_a_closed_camera_ends():
    gate = camera(scene())
    frames = gate.frames()
    next(frames)
    gate.close()
    assert list(frames) == []


def test_a_camera_without_a_world_says_what_to_do():
    with pytest.raises(CameraError, match="no world") as caught:
        camera(None)  # type: ignore[arg-type]
    assert "world" in caught.value.hint


def test_a_lost_camera_gives_no_frames_while_it_is_lost():
    gate = camera(scene(faults=(Fault(kind="lost", at_s=4.0, for_s=2.0),)), fps=1.0)
    assert [frame.at - START for frame in gate.frames()] == [0, 1, 2, 3, 6, 7, 8, 9]


def test_a_frozen_camera_repeats_the_last_picture():
    gate = camera(scene(walker(), faults=(Fault(kind="freeze", at_s=4.0, for_s=2.0),)), fps=1.0)
    frames = [frame.pixels for frame in gate.frames()]
    assert np.array_equal(frames[3], frames[4])
    assert np.array_equal(frames[3], frames[5])
    assert not np.array_equal(frames[5], frames[6])
    assert gate.truth(START + 5.0).items == gate.truth(START + 3.0).items


@pytest.mark.parametrize("kind", ["freeze", "lost"])
def test_with_a_stall_limit_a_dead_picture_ends_the_camera(kind: str):
    gate = camera(scene(faults=(Fault(kind=kind, at_s=2.0),), duration_s=60.0), stall_s=3.0)  # type: ignore[arg-type]
    with pytest.raises(CameraStalled, match="gate"):
        list(gate.frames())


@pytest.mark.parametrize("kind", ["black", "blocked", "overexposed", "garbage", "lost"])
def test_nobody_is_truly_seen_by_a_blind_camera(kind: str):
    gate = camera(scene(bystander(), faults=(Fault(kind=kind, at_s=2.0),)))  # type: ignore[arg-type]
    assert gate.truth(START + 1.0).items
    assert not gate.truth(START + 3.0).items


@pytest.mark.parametrize(
    ("kind", "low", "high", "spread"),
    [("black", 0, 1, 1), ("blocked", 40, 90, 12), ("overexposed", 254, 256, 1), ("garbage", 120, 135, 80)],
)
def test_a_fault_looks_like_what_it_is_called(kind: str, low: float, high: float, spread: float):
    (frame,) = camera(scene(faults=(Fault(kind=kind, at_s=0.0),), duration_s=0.1)).frames()  # type: ignore[arg-type]
    assert low <= frame.pixels.mean() < high
    assert frame.pixels.std() <= spread


def test_a_shifted_camera_sees_everybody_farther_right():
    gate = camera(scene(bystander(), faults=(Fault(kind="shift", at_s=5.0, amount=0.2),)), fps=1.0)
    frames = list(gate.frames())
    before, after = (gate.truth(START + t).items[0].box for t in (1.0, 6.0))
    assert after.left - before.left == pytest.approx(0.2)
    assert coloured(frames[6], "person").left == pytest.approx(after.left * 320, abs=1.0)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_camera_that_hangs_askew_shows_the_world_askew(turn: int):
    """And its truth is where the colour is all the same."""
    gate = camera(scene(bystander(at=(0.3, 0.7), size=0.5)), width=320, height=240, hangs=turn)
    frame = next(gate.frames())
    height, width = frame.pixels.shape[:2]
    (item,) = gate.truth(frame.at).items
    expected = [fraction * pixels for fraction, pixels in zip(item.box, (width, height) * 2, strict=True)]
    assert coloured(frame, "person") == pytest.approx(expected, abs=1.0)


def test_a_rotation_sets_the_picture_upright():
    upright = next(camera(scene(walker())).frames())
    corrected = next(camera(scene(walker()), hangs=90, rotation=270).frames())
    assert np.array_equal(upright.pixels, corrected.pixels)


def test_blur_takes_the_detail_and_noise_adds_some():
    sharp, blurred, noisy = (
        next(camera(scene(bystander(), faults=faults)).frames()).pixels
        for faults in ((), (Fault(kind="blur", at_s=0.0),), (Fault(kind="noise", at_s=0.0),))
    )
    detail = [float(np.abs(np.diff(pixels.astype(int), axis=1)).mean()) for pixels in (blurred, sharp, noisy)]
    assert detail == sorted(detail)
