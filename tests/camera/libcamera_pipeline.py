"""What the real picamera2 needs to open libcamera's virtual camera where there is no Raspberry Pi.

The virtual pipeline shows pictures from a folder. It has NV12 only, no raw stream and no pace, and
there may be no DMA heap on the machine; everything here is about that and nothing about our driver.
"""

from __future__ import annotations

import mmap
import os
import sys
import time
import types
from pathlib import Path
from typing import Any

CONFIGURATION = Path("/usr/share/libcamera/pipeline/virtual/virtual.yaml")
FPS = 15.0
CAMERA = """%YAML 1.1
---
"virtual0":
  supported_formats:
  - width: 640
    height: 480
    frame_rates: [15, 15]
  - width: 320
    height: 240
    frame_rates: [15, 15]
  frames:
    path: "{folder}/"
  location: "CameraLocationExternal"
  model: "virtual"
"""


def virtual_library(folder: Path) -> type[Any]:
    """The real Picamera2 on a virtual camera that shows 0.jpg, 1.jpg ... of `folder`."""
    CONFIGURATION.parent.mkdir(parents=True, exist_ok=True)
    CONFIGURATION.write_text(CAMERA.format(folder=folder), encoding="utf-8")
    os.environ["LIBCAMERA_PIPELINES_MATCH_LIST"] = "virtual"
    _without_display()
    import libcamera
    import picamera2
    from picamera2 import picamera2 as inner

    inner.DmaAllocator = lambda: None  # close() makes a new one and would need a DMA heap
    allocator = _allocator(libcamera)

    class Virtual(picamera2.Picamera2):  # type: ignore[misc]  # Any where it is not installed
        """Paced, and without raw modes."""

        def __init__(self, number: int) -> None:
            super().__init__(number, allocator=allocator())
            self._last = 0.0
            self.pre_callback = self._pace

        def _get_raw_modes(self) -> list[dict[str, Any]]:
            return [{"format": "NV12", "size": (640, 480)}]

        def _pace(self, _request: Any) -> None:
            time.sleep(max(0.0, self._last + 1 / FPS - time.monotonic()))  # noqa: TID251 -- stands for hardware
            self._last = time.monotonic()  # noqa: TID251 -- stands for hardware

    return Virtual


def _without_display() -> None:
    """picamera2 imports a module for screens that a headless machine does not have."""
    formats = type("Formats", (), {"__getattr__": lambda _self, name: name})()
    module: Any = types.ModuleType("pykms")
    module.PixelFormat = formats
    sys.modules.setdefault("pykms", module)


def _allocator(libcamera: Any) -> type:
    """Buffers in plain memory with the two planes that NV12 has."""
    from picamera2.allocators.allocator import Allocator, Sync

    class Mapped(Sync):  # type: ignore[misc]  # Any where it is not installed
        """A buffer as bytes, for as long as it is looked at."""

        def __init__(self, _allocator: Any, buffer: Any, _write: bool) -> None:  # noqa: FBT001 -- picamera2's call
            self._planes = buffer.planes

        def __enter__(self) -> mmap.mmap:
            return mmap.mmap(self._planes[0].fd, sum(plane.length for plane in self._planes), mmap.MAP_SHARED)

        def __exit__(self, *_: object) -> None:
            """The map goes with the last array that looks into it."""

    class Plain(Allocator):  # type: ignore[misc]  # Any where it is not installed
        """Keeps its files open for the life of the camera."""

        needs_sync = True

        def __init__(self) -> None:
            super().__init__()
            self._buffers: dict[Any, list[Any]] = {}
            self.sync = Mapped

        def allocate(self, configuration: Any, _use: Any) -> None:
            self._buffers = {
                one.stream: [_buffer(libcamera, one) for _ in range(one.buffer_count)] for one in configuration
            }

        def buffers(self, stream: Any) -> list[Any]:
            return self._buffers[stream]

        def close(self) -> None:
            self._buffers = {}

    return Plain


def _buffer(libcamera: Any, stream: Any) -> Any:
    file = os.memfd_create("camera")
    os.ftruncate(file, stream.frame_size)
    luma = stream.stride * stream.size.height
    planes = []
    for offset, length in ((0, luma), (luma, luma // 2)):
        plane = libcamera.FrameBuffer.Plane()
        plane.fd, plane.offset, plane.length = file, offset, length
        planes.append(plane)
    return libcamera.FrameBuffer(planes)
