"""The CSI camera's driver, against the double."""

from __future__ import annotations

import sys
import threading
from itertools import islice
from typing import Any

import numpy as np
import pytest

from agent.camera import Surroundings
from agent.camera import picamera as driver
from agent.camera.picamera import PiCamera, installed
from agent.camera.pictures import LAYOUTS, Picture
from agent.camera.settings import PiCameraSettings
from agent.clock import SimulatedClock
from agent.errors import CameraError, CameraStalled
from agent.pixels import Frame
from tests.camera.double import Bench, Device


def quarters(number: int) -> Picture:
    """Red, green, blue and grey quarters, a shade lighter in every picture."""
    picture = np.zeros((96, 128, 3), np.uint8)
    for colour, rows, columns in (
        ((200, 30, 30), slice(0, 48), slice(0, 64)),
        ((30, 200, 30), slice(0, 48), slice(64, 128)),
        ((30, 30, 200), slice(48, 96), slice(0, 64)),
        ((120, 120, 120), slice(48, 96), slice(64, 128)),
    ):
        picture[rows, columns] = colour
    return picture + np.uint8(number % 40)


def camera(bench: Bench, **settings: Any) -> PiCamera:
    options = PiCameraSettings(**({"width": 128, "height": 96} | settings))
    return PiCamera("gate", options, Surroundings(bench.clock), library=bench.library)


def watched(bench: Bench, count: int = 1, **settings: Any) -> list[Frame]:
    return list(islice(camera(bench, **settings).frames(), count))


def corner(pixels: Picture) -> list[int]:
    """The colour of the upper left quarter."""
    colour: list[int] = pixels[pixels.shape[0] // 4, pixels.shape[1] // 4].tolist()
    return colour


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_comes_out_in_rgb(layout: str):
    """A driver that trusted its request would swap colours or shear the picture."""
    (frame,) = watched(Bench(quarters, formats=(layout,)))
    assert frame.pixels.shape == (96, 128, 3)
    away = np.abs(frame.pixels.astype(int) - quarters(0))
    assert np.median(away) <= 3
    assert corner(frame.pixels) == pytest.approx([200, 30, 30], abs=6)


def test_padded_rows_do_not_shear_the_picture():
    """100 pixels make rows of 128 bytes."""
    (frame,) = watched(Bench(quarters), width=100, height=80)
    assert frame.pixels.shape == (80, 100, 3)
    assert corner(frame.pixels) == pytest.approx([200, 30, 30], abs=6)
    assert frame.pixels[60, 75].tolist() == pytest.approx([120, 120, 120], abs=6)


def test_the_size_that_the_camera_gives_counts():
    (frame,) = watched(Bench(quarters), width=101, height=81)
    assert frame.pixels.shape == (80, 100, 3)


def test_frames_are_read_only():
    assert not watched(Bench(quarters))[0].pixels.flags.writeable


def test_a_frame_is_stamped_with_the_wall_clock_of_its_exposure():
    """The sensor counts seconds since boot; frames come ten times a second from 1000 on."""
    bench = Bench(quarters, clock=SimulatedClock(1000.0))
    assert [frame.at for frame in watched(bench, 3)] == pytest.approx([1000.1, 1000.2, 1000.3])


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_picture_is_turned_clockwise(rotation: int):
    (frame,) = watched(Bench(quarters), rotation=rotation)
    expected = np.rot90(quarters(0), -rotation // 90)
    assert np.median(np.abs(frame.pixels.astype(int) - expected)) <= 3


def test_the_frame_rate_is_asked_of_the_sensor():
    bench = Bench(quarters)
    watched(bench, fps=4.0)
    assert bench.opened[0].controls["FrameDurationLimits"] == (250_000, 250_000)


def test_a_sensor_that_is_faster_all_the_same_is_thinned():
    frames = watched(Bench(quarters, fps=40.0), 10, fps=10.0)
    assert frames[-1].at - frames[0].at == pytest.approx(0.9, abs=0.03)


def test_requests_go_back_to_the_camera():
    """A driver that keeps one starves the sensor of buffers."""
    bench = Bench(quarters, fps=40.0)
    watched(bench, 20, fps=10.0)
    assert bench.opened[0].held == 0


def test_a_capture_that_hangs_is_noticed_and_the_camera_let_go():
    bench = Bench(quarters, hangs_at=3)
    gate = camera(bench, stall_s=2.0)
    with pytest.raises(CameraStalled, match="gave no picture for 2"):
        list(gate.frames())
    assert bench.opened[0].closed


def test_a_camera_that_never_starts_to_give_pictures_is_noticed():
    with pytest.raises(CameraStalled):
        watched(Bench(quarters, hangs_at=0))


def test_one_picture_again_and_again_is_noticed():
    bench = Bench(lambda _number: quarters(0))
    with pytest.raises(CameraStalled, match="repeated one picture"):
        list(camera(bench, frozen_s=3.0).frames())


def test_a_camera_that_will_not_close_is_left_behind(monkeypatch: pytest.MonkeyPatch):
    """Otherwise the error that ends the process would never be raised."""
    never = threading.Event()
    monkeypatch.setattr(driver, "LETTING_GO_S", 0.01)
    monkeypatch.setattr(Device, "close", lambda _device: never.wait())
    with pytest.raises(CameraStalled):
        watched(Bench(quarters, hangs_at=0))
    never.set()


def test_closing_ends_the_frames_and_the_camera():
    bench = Bench(quarters)
    gate = camera(bench)
    frames = gate.frames()
    next(frames)
    gate.close()
    assert list(frames) == []
    assert bench.opened[0].closed


@pytest.mark.parametrize(
    ("bench", "said"),
    [
        (Bench(quarters, attached=()), "number 0 is not attached; no camera is"),
        (Bench(quarters, busy=True), "cannot be opened"),
        (Bench(quarters, refuses=True), "refuses 128x96 at 10 frames a second"),
        (Bench(quarters, formats=("MJPEG",)), "gives pictures as MJPEG"),
    ],
)
def test_what_is_wrong_with_a_camera_is_said_with_a_hint(bench: Bench, said: str):
    with pytest.raises(CameraError, match=said) as caught:
        watched(bench)
    assert caught.value.hint


def test_the_cameras_that_are_there_are_listed():
    with pytest.raises(CameraError, match="there are 0: imx219, 1: imx708"):
        watched(Bench(quarters, attached=("imx219", "imx708")), number=3)


def test_without_the_library_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraError, match="picamera2 cannot be used") as caught:
        installed()
    assert "python3-picamera2" in caught.value.hint


def test_it_is_not_networked():
    assert not camera(Bench(quarters)).networked
