"""The CSI camera through libcamera; the only import of picamera2.

The ISP scales the small stream that is looked at, so no large picture ever reaches Python. What was
asked for is only a wish: size, format and row padding are read back after configuring. Pictures are
turned here and never by the sensor, since libcamera may say that it flipped and not have done it.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from typing import Any

from agent.camera import Surroundings
from agent.camera.pace import Thinner
from agent.camera.pictures import LAYOUTS, Picture, rgb_from, sealed, turned
from agent.camera.settings import PiCameraSettings
from agent.camera.stall import Stall
from agent.errors import CameraError
from agent.pixels import Frame

log = logging.getLogger(__name__)

WAKE_S = 0.25
"""How often a capture that is waited for looks at the clock."""
LETTING_GO_S = 3.0
"""How long closing may take: a camera that hangs may hang here too."""


def installed() -> Any:
    """The class Picamera2; CameraError where the library is not."""
    try:
        return importlib.import_module("picamera2").Picamera2
    except ImportError as error:
        raise CameraError(f"picamera2 cannot be used: {error}", hint="apt-get install python3-picamera2") from error


@dataclass(frozen=True, slots=True)
class _Stream:
    """The stream that is looked at, as the camera was really configured."""

    name: str
    layout: str
    width: int
    height: int

    def picture(self, array: Picture) -> Picture:
        return rgb_from(array, layout=self.layout, width=self.width, height=self.height)


class PiCamera:
    """One camera by its number; CameraError when `frames()` cannot open it."""

    networked = False

    def __init__(
        self,
        name: str,
        settings: PiCameraSettings,
        surroundings: Surroundings,
        *,
        library: Callable[[], Any] = installed,
    ) -> None:
        self._name, self._settings, self._clock, self._library = name, settings, surroundings.clock, library
        self._closed = threading.Event()

    def close(self) -> None:
        self._closed.set()

    def frames(self) -> Iterator[Frame]:
        device = self._opened(self._library())
        try:
            yield from self._watched(device, self._started(device))
        finally:
            _let_go(device)

    def _opened(self, picamera2: Any) -> Any:
        attached = picamera2.global_camera_info()
        if self._settings.number >= len(attached):
            raise CameraError(
                f"camera '{self._name}': number {self._settings.number} is not attached; {_listed(attached)}",
                hint="switch the node off, push the ribbon cable home at both ends, and look at `rpicam-hello --list`",
            )
        try:
            return picamera2(self._settings.number)
        except RuntimeError as error:
            raise CameraError(
                f"camera '{self._name}' cannot be opened: {error}", hint="end the other program that uses it"
            ) from error

    def _started(self, device: Any) -> _Stream:
        """Configure and start; main is as small as lores because picamera2 insists on having it."""
        size = (self._settings.width, self._settings.height)
        frame_us = round(1e6 / self._settings.fps)
        try:
            device.configure(
                device.create_video_configuration(
                    main={"size": size, "format": "YUV420"},
                    lores={"size": size, "format": "YUV420"},
                    controls={"FrameDurationLimits": (frame_us, frame_us)},
                    buffer_count=3,
                )
            )
            device.start()
        except RuntimeError as error:
            raise CameraError(
                f"camera '{self._name}' refuses {size[0]}x{size[1]} at {self._settings.fps:g} frames a second: {error}",
                hint="try another width, height or fps",
            ) from error
        return self._stream(device.camera_configuration())

    def _stream(self, given: dict[str, Any]) -> _Stream:
        name = "lores" if given.get("lores") else "main"
        layout, (width, height) = given[name]["format"], given[name]["size"]
        if layout not in LAYOUTS:
            raise CameraError(
                f"camera '{self._name}' gives pictures as {layout}", hint=f"it must be one of {', '.join(LAYOUTS)}"
            )
        if (width, height) != (self._settings.width, self._settings.height):
            log.info("camera adjusted its size", extra={"camera": self._name, "width": width, "height": height})
        return _Stream(name, layout, width, height)

    def _watched(self, device: Any, stream: _Stream) -> Iterator[Frame]:
        stall = Stall(self._name, stall_s=self._settings.stall_s, frozen_s=self._settings.frozen_s)
        thinner = Thinner(self._settings.fps)
        while (request := self._captured(device, stall)) is not None:
            exposed_s = request.get_metadata()["SensorTimestamp"] / 1e9
            array = request.make_array(stream.name) if thinner.keeps(exposed_s) else None
            request.release()
            if array is not None:
                pixels = sealed(turned(stream.picture(array), self._settings.rotation))
                stall.check(self._clock.monotonic(), pixels)
                yield Frame(self._name, self._instant(exposed_s), pixels)

    def _captured(self, device: Any, stall: Stall) -> Any:
        """The next request, None once the camera is closed; CameraStalled when it does not come."""
        job = device.capture_request(wait=False)
        while not self._closed.is_set():
            try:
                return device.wait(job, timeout=WAKE_S)
            except NotYet:
                stall.check(self._clock.monotonic(), None)
        return None

    def _instant(self, exposed_s: float) -> float:
        """The wall clock's time of an exposure that the sensor stamped with the monotonic clock."""
        age_s = self._clock.monotonic() - exposed_s
        return self._clock.now() - min(max(0.0, age_s), self._settings.stall_s)


def _let_go(device: Any) -> None:
    """Close in a thread that may be left behind, so that a hanging camera cannot hold the process."""
    closing = threading.Thread(target=device.close, name="camera-close", daemon=True)
    closing.start()
    closing.join(timeout=LETTING_GO_S)
    if closing.is_alive():
        log.error("camera does not let go")


def _listed(attached: list[dict[str, Any]]) -> str:
    if not attached:
        return "no camera is"
    return "there are " + ", ".join(f"{number}: {one.get('Model', '?')}" for number, one in enumerate(attached))
