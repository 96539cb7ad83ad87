"""The driver's expectations of picamera2, held by the double and by the real library alike.

The real one is tried where picamera2 and libcamera can be imported. `tests/camera/on_libcamera` makes
such a place and runs this file in it, which the last test does; elsewhere the real half is skipped.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.camera import Surroundings
from agent.camera.picamera import PiCamera
from agent.camera.pictures import Picture
from agent.camera.settings import PiCameraSettings
from agent.clock import Clock, SimulatedClock, SystemClock
from agent.errors import CameraError
from tests.camera.double import Bench

WIDTH, HEIGHT = 320, 240
ON_LIBCAMERA = Path(__file__).with_name("on_libcamera")
NO_PLACE = 77


def shown(number: int) -> Picture:
    """A red left and a blue right half, and a bar of light whose height tells the number."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:, : WIDTH // 2], picture[:, WIDTH // 2 :] = (190, 40, 40), (40, 40, 190)
    picture[: 8 + 8 * (number % 20), 140:180] = 235
    return picture


class Place:
    """A library with its clock."""

    def __init__(self, library: type[Any], clock: Clock) -> None:
        self.library, self.clock = library, clock

    def camera(self, **settings: Any) -> PiCamera:
        options = PiCameraSettings(**({"width": WIDTH, "height": HEIGHT, "fps": 15.0} | settings))
        return PiCamera("gate", options, Surroundings(self.clock), library=lambda: self.library)


@pytest.fixture(params=["double", "real"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "double":
        clock = SimulatedClock(1000.0)
        bench = Bench(lambda number: shown(number // 4), clock, formats=("NV12",), fps=15.0)
        return Place(bench.library(), clock)
    if not all(importlib.util.find_spec(name) for name in ("picamera2", "libcamera")):
        pytest.skip("picamera2 and libcamera are not installed: run tests/camera/on_libcamera")
    return Place(real(tmp_path), SystemClock())


def real(folder: Path) -> type[Any]:
    import cv2

    from tests.camera.libcamera_pipeline import virtual_library

    for number in range(40):
        cv2.imwrite(str(folder / f"{number}.jpg"), shown(number)[..., ::-1])
    return virtual_library(folder)


def test_a_layout_that_was_not_asked_for_is_understood(place: Place):
    """Asked for planar YUV, the camera gives NV12; the colours are right all the same."""
    (frame,) = islice(place.camera().frames(), 1)
    assert frame.pixels.shape == (HEIGHT, WIDTH, 3)
    assert frame.pixels[200, 40].tolist() == pytest.approx([190, 40, 40], abs=25)
    assert frame.pixels[200, 280].tolist() == pytest.approx([40, 40, 190], abs=25)


def test_frames_move_on_and_are_stamped_in_order(place: Place):
    frames = list(islice(place.camera().frames(), 12))
    assert all(later.at > earlier.at for earlier, later in pairwise(frames))
    assert not np.array_equal(frames[0].pixels, frames[-1].pixels)
    assert 0.0 <= place.clock.now() - frames[-1].at < 1.0


def test_a_picture_is_turned_whatever_the_camera_can_do(place: Place):
    (frame,) = islice(place.camera(rotation=180).frames(), 1)
    assert frame.pixels[40, 280].tolist() == pytest.approx([190, 40, 40], abs=25)


def test_a_camera_can_be_opened_again(place: Place):
    for _ in range(2):
        gate = place.camera()
        frames = gate.frames()
        assert next(frames).pixels.any()
        gate.close()
        assert list(frames) == []


def test_a_number_that_is_not_there_is_an_error(place: Place):
    with pytest.raises(CameraError, match="number 3 is not attached; there are 0: "):
        next(place.camera(number=3).frames())


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(bool(importlib.util.find_spec("libcamera")), reason="this is that place")
def test_the_contract_holds_on_libcamera(program: Callable[[str], str]):
    """The whole file again, none of it skipped; the first time a small Debian is made for it."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a Debian to run in")
    program("mmdebstrap")
    done = subprocess.run([ON_LIBCAMERA, "-q"], capture_output=True, text=True, check=False)
    if done.returncode == NO_PLACE:
        pytest.skip(f"no place for libcamera: {done.stderr.strip()[-500:]}")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "10 passed" in done.stdout
