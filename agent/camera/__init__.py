"""Cameras: where frames come from. Pixels leave this room only towards `vision/`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Protocol, cast

from agent.camera.settings import CameraSettings
from agent.camera.world import Scene
from agent.clock import Clock
from agent.pixels import Frame


class Camera(Protocol):
    """One source of frames.

    `frames()` yields RGB frames in order of time and ends when a finite source does; it raises
    CameraError when the camera cannot be opened and CameraStalled when it stops giving new pictures.
    `close()` may be called from another thread and makes `frames()` end.
    """

    @property
    def networked(self) -> bool:
        """True when frames come over a network (RTSP): the birth message says so."""
        ...

    def frames(self) -> Iterator[Frame]: ...
    def close(self) -> None: ...


CAMERAS = {
    "picamera2": "agent.camera.picamera:PiCamera",
    "video": "agent.camera.video:VideoCamera",
    "synthetic": "agent.camera.synthetic:SyntheticCamera",
}
"""Driver name -> module:class, imported only when a configuration names it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a driver is given beside its settings.

    `start` is the instant of the first frame of a file or a drawn world, now where it is None;
    `scene` is what the synthetic camera draws; `chance` spreads attempts to connect.
    """

    clock: Clock
    start: float | None = None
    scene: Scene | None = None
    chance: Random = field(default_factory=Random)

    def since(self) -> float:
        """The instant of the first frame."""
        return self.clock.now() if self.start is None else self.start


def open_camera(name: str, settings: CameraSettings, surroundings: Surroundings) -> Camera:
    """The camera that the settings name; its driver is imported here, the device opens at `frames()`."""
    module, _, driver = CAMERAS[str(settings.__struct_config__.tag)].partition(":")
    return cast("Camera", getattr(importlib.import_module(module), driver)(name, settings, surroundings))
