"""Cameras: where frames come from. Pixels leave this room only towards `vision/`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

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
