"""The CSI camera through libcamera; the only import of picamera2.

The ISP scales the small stream that is looked at, so no large picture ever reaches Python. What was
asked for is only a wish: size, format, stride and transform are read back after configuring.
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
from agent.camera.settings import PiCameraSettings, Rotation
from agent.camera.stall import Stall
from agent.errors import CameraError
from agent.pixels import Frame

log = logging.getLogger(__name__)

WAKE_S = 0.25
"""How often a capture that is waited for looks at the clock."""
LETTING_GO_S = 3.0
"""How long closing may take: a camera that hangs may hang here too."""


@dataclass(frozen=True, slots=True)
class Library:
    """What is used of picamera2 and libcamera; tests hand in their own."""

    picamera2: Any
    transform: Callable[..., Any]


def installed() -> Library:
    """The real libraries; CameraError where they are not."""
    try:
        picamera2, libcamera = importlib.import_module("picamera2"), importlib.import_module("libcamera")
    except ImportError as error:
        raise CameraError(f"picamera2 cannot be used: {error}", hint="apt-get install python3-picamera2") from error
    return Library(picamera2.Picamera2, libcamera.Transform)


@dataclass(frozen=True, slots=True)
class _Stream:
    """The stream that is looked at, as the camera was really configured."""

    name: str
    layout: str
    width: int
    height: int
    turn: Rotation

    def picture(self, array: Picture) -> Picture:
        return sealed(turned(rgb_from(array, layout=self.layout, width=self.width, height=self.height), self.turn))


class PiCamera:
    """One camera by its number; CameraError when `frames()` cannot open it."""

    networked = False

    def __init__(
        self,
        name: str,
        settings: PiCameraSettings,
        surroundings: Surroundings,
        *,
        library: Callable[[], Library] = installed,
    ) -> None:
        self._name, self._settings, self._clock, self._library = name, settings, surroundings.clock, library
        self._closed = threading.Event()

    def close(self) -> None:
        self._closed.set()

    def frames(self) -> Iterator[Frame]:
        library = self._library()
        device = self._opened(library)
        try:
            stream = self._started(device, library)
            yield from self._watched(device, stream)
        finally:
            _let_go(device)

    def _opened(self, library: Library) -> Any:
        attached = library.picamera2.global_camera_info()
        if self._settings.number >= len(attached):
            raise CameraError(
                f"camera '{self._name}': number {self._settings.number} is not attached; {_listed(attached)}",
                hint="switch the node off, push the ribbon cable home at both ends, and look at `rpicam-hello --list`",
            )
        try:
            return library.picamera2(self._settings.number)
        except RuntimeError as error:
            raise CameraError(
                f"camera '{self._name}' cannot be opened: {error}", hint="end the other program that uses it"
            ) from error

    def _started(self, device: Any, library: Library) -> _Stream:
        """Configure and start; main is as small as lores because picamera2 insists on having it."""
        size = (self._settings.width, self._settings.height)
        flip = int(self._settings.rotation == 180)  # noqa: PLR2004 -- degrees
        frame_us = round(1e6 / self._settings.fps)
        try:
            device.configure(
                device.create_video_configuration(
                    main={"size": size, "format": "YUV420"},
                    lores={"size": size, "format": "YUV420"},
                    transform=library.transform(hflip=flip, vflip=flip),
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
        return _Stream(name, layout, width, height, self._turn_left(given["transform"]))

    def _turn_left(self, transform: Any) -> Rotation:
        """What is left to turn: a sensor that cannot flip both ways leaves 180 degrees to us."""
        flipped = bool(transform.hflip) and bool(transform.vflip)
        return 0 if flipped and self._settings.rotation == 180 else self._settings.rotation  # noqa: PLR2004 -- degrees

    def _watched(self, device: Any, stream: _Stream) -> Iterator[Frame]:
        stall = Stall(self._name, stall_s=self._settings.stall_s, frozen_s=self._settings.frozen_s)
        thinner = Thinner(self._settings.fps)
        while (request := self._captured(device, stall)) is not None:
            exposed_s = request.get_metadata()["SensorTimestamp"] / 1e9
            array = request.make_array(stream.name) if thinner.keeps(exposed_s) else None
            request.release()
            if array is not None:
                pixels = stream.picture(array)
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
