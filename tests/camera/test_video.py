"""Video files, decoded for real."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.camera import Surroundings, open_camera
from agent.camera.settings import VideoSettings
from agent.clock import SimulatedClock
from agent.errors import CameraError
from agent.pixels import Frame
from tests.camera.clips import clip, drawn_frames
from tests.camera.drawn import START

DRAWN = drawn_frames()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of somebody walking, 10 frames a second."""
    return clip(tmp_path_factory.mktemp("clips") / "walk.mp4", DRAWN)


def played(path: Path | str, *, clock: SimulatedClock | None = None, most: int = 100, **settings: Any) -> list[Frame]:
    options = VideoSettings(**({"source": str(path), "pace": "fast"} | settings))
    camera = open_camera("gate", options, Surroundings(clock or SimulatedClock(START), START))
    return list(islice(camera.frames(), most))


def distance(one: Frame, other: Frame) -> float:
    return float(np.abs(one.pixels.astype(int) - other.pixels).mean())


def test_a_file_gives_its_frames_in_rgb(film: Path):
    """Decoded pictures are the drawn ones but for what the codec loses; swapped colours would be far off."""
    frames = played(film)
    assert len(frames) == len(DRAWN)
    assert max(distance(*pair) for pair in zip(frames, DRAWN, strict=True)) < 4.0


def test_frames_are_read_only(film: Path):
    assert not any(frame.pixels.flags.writeable for frame in played(film))


def test_a_file_is_stamped_from_its_start(film: Path):
    assert [frame.at for frame in played(film, most=3)] == pytest.approx([START, START + 0.1, START + 0.2])


def test_a_start_that_is_configured_counts_more(film: Path):
    (frame,) = played(film, most=1, start=datetime(2020, 1, 1, tzinfo=UTC))
    assert frame.at == 1_577_836_800.0


def test_a_film_in_a_loop_goes_on_in_time(film: Path):
    """No jump and no step back where it begins again."""
    times = [frame.at for frame in played(film, loop=True, most=70)]
    assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([0.1] * 69, abs=1e-5)


def test_frames_are_thinned(film: Path):
    assert len(played(film, fps=2.0)) == 6


def test_wide_pictures_are_scaled_down_in_proportion(film: Path):
    assert played(film, width=80, most=1)[0].pixels.shape == (60, 80, 3)
    assert played(film, width=640, most=1)[0].pixels.shape == (120, 160, 3)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_picture_is_turned_clockwise(film: Path, rotation: int):
    (upright,), (turned,) = played(film, most=1), played(film, most=1, rotation=rotation)
    assert np.array_equal(turned.pixels, np.rot90(upright.pixels, -rotation // 90))


def test_the_pace_of_timestamps_takes_as_long_as_the_film(film: Path):
    clock = SimulatedClock(START)
    played(film, clock=clock, pace="timestamps")
    assert clock.now() - START == pytest.approx(2.9)


def test_a_slow_viewer_costs_frames_and_the_film_still_ends_in_time(film: Path):
    """Each picture takes half a second to look at, so about every fifth is seen."""
    clock = SimulatedClock(START)
    camera = open_camera("gate", VideoSettings(source=str(film)), Surroundings(clock, START))
    seen = 0
    for frame in camera.frames():
        seen += 1
        assert clock.now() - frame.at <= 0.31
        clock.sleep(0.5)
    assert 5 <= seen <= 8


def test_a_closed_camera_ends(film: Path):
    camera = open_camera(
        "gate", VideoSettings(source=str(film), loop=True, pace="fast"), Surroundings(SimulatedClock())
    )
    frames = camera.frames()
    next(frames)
    camera.close()
    assert list(frames) == []


def test_a_damaged_part_is_left_out(film: Path, tmp_path: Path):
    """A few bytes of the coded pictures are overwritten; the rest of the film is still seen."""
    damaged = bytearray(film.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 400] = bytes(400)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(damaged)
    assert 10 <= len(played(path)) <= len(DRAWN)


def test_a_film_that_breaks_off_gives_what_it_has(tmp_path: Path):
    whole = clip(tmp_path / "whole.ts", DRAWN)
    part = tmp_path / "part.ts"
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert 5 <= len(played(part)) < len(DRAWN)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("missing.mp4", "does not exist"),
        ("/dev/video-none", "does not exist"),
        (".", "is a folder"),
        (__file__, "gives no video"),
        ("rtsp://127.0.0.1:9/live", "refuses connections"),
    ],
)
def test_what_cannot_be_opened_is_said_with_a_hint(source: str, said: str):
    with pytest.raises(CameraError, match=said) as caught:
        played(source)
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_a_playlist_cannot_make_the_node_open_an_address(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """A file is only ever a file: the list names a server, and no connection is tried."""
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with caplog.at_level(logging.INFO), pytest.raises(CameraError) as caught:
        played(playlist)
    assert "refuse" not in caught.value.message + caplog.text


def test_only_an_address_counts_as_networked(film: Path):
    networked = [
        open_camera("gate", VideoSettings(source=source), Surroundings(SimulatedClock())).networked
        for source in (str(film), "/dev/video0", "rtsp://192.0.2.7/live")
    ]
    assert networked == [False, False, True]


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count", "shape"),
    [("car-detection.mp4", 377, (432, 768, 3)), ("bgslibrary_highway_video03.mp4", 851, (240, 320, 3))],
)
def test_real_clips_are_read_to_their_end(data_dir: Path, name: str, count: int, shape: tuple[int, int, int]):
    frames = played(data_dir / "clips" / name, most=5000, fps=None)
    assert len(frames) == count
    assert frames[0].pixels.shape == shape


def test_a_text_is_no_film(tmp_path: Path):
    """The library would draw it, letter by letter, for hours."""
    text = tmp_path / "readme.nfo"
    text.write_text("Not what a camera sees.\n" * 200, encoding="ascii")
    with pytest.raises(CameraError, match="gives no video that can be read") as caught:
        played(text)
    assert caught.value.hint == "give the path of a video file"
