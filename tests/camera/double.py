"""The smallest honest double of picamera2: the calls that the driver makes, and nothing else.

Honest means that it adjusts what it is asked for, as libcamera does: sizes become even, rows are
padded to 64 bytes, a format it does not have becomes another one.
`test_picamera_contract.py` holds it against the real library where that can be imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from agent.camera.pictures import Picture
from agent.clock import Clock, SimulatedClock

STRIDE = 64


@dataclass
class Bench:
    """What the double does: its pictures by number, its formats, and when it hangs."""

    shows: Callable[[int], Picture]
    clock: Clock = field(default_factory=SimulatedClock)
    attached: Sequence[str] = ("imx708_wide",)
    formats: Sequence[str] = ("YUV420",)
    busy: bool = False
    refuses: bool = False
    hangs_at: int | None = None
    fps: float = 10.0
    opened: list[Device] = field(default_factory=list)

    def library(self) -> type[Device]:
        """The class Picamera2 of this bench."""
        bench = self

        class Picamera2(Device):
            """Bound to this bench, as the real class is to the machine."""

            def __init__(self, camera_num: int = 0) -> None:
                super().__init__(bench, camera_num)

            @staticmethod
            def global_camera_info() -> list[dict[str, Any]]:
                return [{"Model": model, "Num": number} for number, model in enumerate(bench.attached)]

        return Picamera2


class Request:
    """One completed request: a copy of a stream's buffer and the metadata."""

    def __init__(self, device: Device, number: int) -> None:
        self._device, self._number = device, number
        self.at = device.bench.clock.monotonic()

    def make_array(self, name: str) -> Picture:
        stream = self._device.camera_configuration()[name]
        return packed(self._device.seen(self._number, stream["size"]), stream["format"], stride=stream["stride"])

    def get_metadata(self) -> dict[str, Any]:
        return {"SensorTimestamp": int(self.at * 1e9), "FrameDuration": round(1e6 / self._device.bench.fps)}

    def release(self) -> None:
        self._device.held -= 1


class Device:
    """One opened camera."""

    def __init__(self, bench: Bench, camera_num: int) -> None:
        if bench.busy:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.bench, self.number, self.held, self.closed, self.started = bench, camera_num, 0, False, False
        self.controls: dict[str, Any] = {}
        self._count = 0
        self._config: dict[str, Any] = {}
        bench.opened.append(self)

    def create_video_configuration(self, **wished: Any) -> dict[str, Any]:
        return {"main": {}, "lores": None, "controls": {}} | wished

    def configure(self, wished: dict[str, Any]) -> None:
        if self.bench.refuses:
            raise RuntimeError("Invalid camera configuration")
        self.controls = wished["controls"]
        streams = {name: self._adjusted(wished[name]) for name in ("main", "lores") if wished[name]}
        self._config = {"main": None, "lores": None} | streams

    def camera_configuration(self) -> dict[str, Any]:
        return self._config

    def start(self) -> None:
        self.started = True

    def capture_request(self, *, wait: bool) -> Future[Request]:
        assert not wait, "a capture without a deadline can hang for ever"
        job: Future[Request] = Future()
        if self.bench.hangs_at is None or self._count < self.bench.hangs_at:
            self.bench.clock.sleep(1 / self.bench.fps)
            job.set_result(Request(self, self._count))
            self._count, self.held = self._count + 1, self.held + 1
        return job

    def wait(self, job: Future[Request], timeout: float) -> Request:
        """A job that is done gives its result; one that is not lets the clock run and raises."""
        if not job.done():
            self.bench.clock.sleep(timeout)
        return job.result(timeout=0)

    def close(self) -> None:
        self.closed = True

    def seen(self, number: int, size: tuple[int, int]) -> Picture:
        """What the sensor sees, at the size of a stream."""
        return np.asarray(cv2.resize(self.bench.shows(number), size), np.uint8)

    def _adjusted(self, wished: dict[str, Any]) -> dict[str, Any]:
        layout = wished["format"] if wished["format"] in self.bench.formats else self.bench.formats[0]
        width, height = (side - side % 2 for side in wished["size"])
        row = width * {"RGB888": 3, "BGR888": 3, "XBGR8888": 4, "XRGB8888": 4}.get(layout, 1)
        return {"format": layout, "size": (width, height), "stride": -(-row // STRIDE) * STRIDE}


def packed(rgb: Picture, layout: str, *, stride: int) -> Picture:
    """RGB as picamera2's `make_array` gives it: planar YUV keeps the padding, all else is cut."""
    height, width = rgb.shape[:2]
    if layout in ("RGB888", "BGR888", "XBGR8888", "XRGB8888"):
        order = {"RGB888": cv2.COLOR_RGB2BGR, "XBGR8888": cv2.COLOR_RGB2RGBA, "XRGB8888": cv2.COLOR_RGB2BGRA}
        return np.asarray(cv2.cvtColor(rgb, order[layout]), np.uint8) if layout in order else rgb.copy()
    planes = np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2YUV_I420), np.uint8).ravel()
    luma, chroma = planes[: width * height].reshape(height, width), planes[width * height :].reshape(2, height // 2, -1)
    if layout in ("YUV420", "YVU420"):
        blue, red = chroma if layout == "YUV420" else chroma[::-1]
        return np.concatenate(
            [_padded(luma, stride).ravel(), _padded(blue, stride // 2).ravel(), _padded(red, stride // 2).ravel()]
        ).reshape(height * 3 // 2, stride)
    pair = chroma if layout == "NV12" else chroma[::-1]
    return np.concatenate([luma, np.stack(list(pair), axis=-1).reshape(height // 2, width)])


def _padded(plane: Picture, stride: int) -> Picture:
    return np.pad(plane, ((0, 0), (0, stride - plane.shape[1])))
