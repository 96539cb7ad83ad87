"""RTSP against a real server, which is killed and comes back."""

from __future__ import annotations

import os
import random
import subprocess
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.camera import Surroundings, open_camera
from agent.camera.settings import VideoSettings
from agent.clock import SystemClock
from agent.errors import CameraError, CameraStalled
from agent.pixels import Frame

SYSTEM_PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")
BINDINGS = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"

pytestmark = pytest.mark.slow


class Server:
    """The server as a process; it comes back at the port that it had."""

    def __init__(self) -> None:
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([SYSTEM_PYTHON, SERVER, str(self.port)], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def server() -> Iterator[Server]:
    if subprocess.run([SYSTEM_PYTHON, "-c", BINDINGS], capture_output=True, check=False).returncode:
        absent = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        absent("no RTSP server: install what requirements/apt.txt lists")
    running = Server()
    running.start()
    yield running
    running.kill()


@pytest.fixture
def watched(server: Server) -> Iterator[Callable[..., Iterator[Frame]]]:
    """Opens cameras of the server, and closes them after the test."""
    opened = []

    def frames(path: str, *, login: str = "", **settings: Any) -> Iterator[Frame]:
        options = VideoSettings(source=f"rtsp://{login}127.0.0.1:{server.port}/{path}", **settings)
        opened.append(open_camera("gate", options, Surroundings(SystemClock(), chance=random.Random(1))))
        return opened[-1].frames()

    yield frames
    for camera in opened:
        camera.close()


def test_live_pictures_come_in_order_and_thinned(watched: Callable[..., Iterator[Frame]]):
    frames = list(islice(watched("ball", fps=5.0, width=80), 11))
    seconds = frames[-1].at - frames[1].at
    assert seconds == pytest.approx(9 / 5, abs=0.5)
    assert frames[0].pixels.shape == (60, 80, 3)
    assert not np.array_equal(frames[0].pixels, frames[-1].pixels)


def test_a_camera_that_was_cut_off_is_found_again(server: Server, watched: Callable[..., Iterator[Frame]]):
    frames = watched("ball")
    next(frames)
    server.kill()
    lost_at = SystemClock().now()
    server.start()
    assert next(frame for frame in frames if frame.at > lost_at + 0.3).pixels.any()


def test_a_patient_camera_waits_for_a_server_that_is_not_up_yet(
    server: Server, watched: Callable[..., Iterator[Frame]]
):
    """The server comes half a second after the first attempt was refused."""
    server.kill()
    threading.Timer(0.5, server.start).start()
    assert next(watched("ball", patient=True)).pixels.any()


def test_the_same_picture_for_too_long_is_a_stall(watched: Callable[..., Iterator[Frame]]):
    with pytest.raises(CameraStalled, match="repeated one picture"):
        list(watched("still", frozen_s=1.0))


@pytest.mark.parametrize(
    ("path", "login", "said"),
    [
        ("nothing", "", "no stream under this path"),
        ("locked", "", "another password"),
        ("locked", "piazza:wrong@", "another password"),
    ],
)
def test_a_refusal_is_said_in_words(watched: Callable[..., Iterator[Frame]], path: str, login: str, said: str):
    with pytest.raises(CameraError, match=said) as caught:
        next(watched(path, login=login))
    assert "wrong" not in caught.value.message


def test_the_right_password_opens(watched: Callable[..., Iterator[Frame]]):
    assert next(watched("locked", login="piazza:right@")).pixels.any()
