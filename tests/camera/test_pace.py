"""When frames are due and which are left out."""

from __future__ import annotations

import random
from itertools import islice, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.camera.pace import Metronome, Thinner, backoff_s


@pytest.mark.parametrize(
    ("given_fps", "wanted", "kept"), [(25, 5.0, 50), (30, 10.0, 100), (10, 10.0, 100), (8, None, 80)]
)
def test_ten_seconds_are_thinned_to_the_wanted_rate(given_fps: int, wanted: float | None, kept: int):
    thinner = Thinner(wanted)
    assert sum(thinner.keeps(number / given_fps) for number in range(10 * given_fps)) == kept


def test_a_source_slower_than_the_wanted_rate_keeps_every_frame():
    """Also with the rounding and jitter of real timestamps."""
    chance, thinner = random.Random(5), Thinner(10.0)
    assert all(thinner.keeps(number / 9.0 + chance.uniform(-0.01, 0.01)) for number in range(200))


@given(st.lists(st.floats(0.001, 0.7), min_size=1, max_size=200), st.floats(0.5, 30.0))
@example([0.25, 0.625, 0.125, 0.5], 2.0)
def test_no_second_holds_more_frames_than_allowed(gaps: list[float], fps: float):
    """Kept frames are never closer than half of the period, nor above the rate in the long run."""
    thinner, kept, t = Thinner(fps), [], 0.0
    for gap in gaps:
        if thinner.keeps(t):
            kept.append(t)
        t += gap
    assert all(later - earlier >= 0.49 / fps for earlier, later in pairwise(kept))
    assert len(kept) <= (kept[-1] - kept[0]) * fps + 1.5


def test_frames_are_given_at_the_pace_of_the_video():
    metronome = Metronome()
    assert metronome.wait_s(3.0, now=100.0) == 0.0
    assert metronome.wait_s(3.4, now=100.1) == pytest.approx(0.3)


def test_a_frame_that_is_too_late_is_left_out():
    metronome = Metronome(late_s=0.3)
    metronome.wait_s(0.0, now=100.0)
    assert metronome.wait_s(0.5, now=100.7) == 0.0
    assert metronome.wait_s(0.6, now=101.0) is None


def test_a_machine_that_is_always_too_late_still_sees_a_frame_a_second():
    """Decoding takes three times as long as the video; of 100 frames in ten seconds ten are seen."""
    metronome = Metronome()
    seen = [metronome.wait_s(number / 10, now=100.0 + number * 0.3) for number in range(100)]
    assert 8 <= sum(wait is not None for wait in seen[10:]) <= 10


def test_pauses_double_up_to_a_minute():
    pauses = list(islice(backoff_s(random.Random(1)), 10))
    limits = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert all(limit / 2 <= pause <= limit for pause, limit in zip(pauses, limits, strict=True))


def test_two_cameras_do_not_pause_in_step():
    one, two = (list(islice(backoff_s(random.Random(seed)), 5)) for seed in (1, 2))
    assert one != two
