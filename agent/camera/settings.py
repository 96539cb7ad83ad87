"""What a configuration may say of a camera's input: a tagged union on `driver`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Fps = Annotated[float, Meta(gt=0.0, le=60.0)]
Rotation = Literal[0, 90, 180, 270]
Patience = Annotated[float, Meta(gt=0.5, le=600.0)]
Pixels = Annotated[int, Meta(ge=32, le=4096)]


class PiCameraSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="driver", tag="picamera2"):
    """A CSI camera through libcamera; inference sees the ISP's lores stream.

    It counts as stalled after `stall_s` without a picture or `frozen_s` of one and the same.
    """

    number: Annotated[int, Meta(ge=0, le=3)] = 0
    width: Pixels = 768
    height: Pixels = 432
    fps: Fps = 10.0
    rotation: Rotation = 0
    stall_s: Patience = 5.0
    frozen_s: Patience = 10.0


class VideoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="driver", tag="video"):
    """A file, an RTSP address or a V4L2 device through PyAV.

    `pace` is `timestamps` (as the camera saw it) or `fast` (files only: as fast as it decodes).
    Pictures wider than `width` are scaled down to it. `start` is the instant of a file's first frame.
    With `patient` an address that does not answer at first is tried again like one that was lost.
    A video encoder may repeat a still picture exactly, so `frozen_s` is long.
    """

    source: Annotated[str, Meta(min_length=1)]
    pace: Literal["timestamps", "fast"] = "timestamps"
    loop: bool = False
    fps: Fps | None = None
    width: Pixels | None = None
    rotation: Rotation = 0
    start: Annotated[datetime, Meta(tz=True)] | None = None
    patient: bool = False
    stall_s: Patience = 10.0
    frozen_s: Patience = 120.0


class SyntheticSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="driver", tag="synthetic"):
    """A drawn world; `world` is a YAML file, or the world of the replay where it is left out.

    With `stall_s` a frozen or absent picture ends the camera as with a real driver. `hangs` is how far
    the camera is turned clockwise where it is mounted, `rotation` what sets its pictures upright.
    """

    world: str = ""
    width: Pixels = 320
    height: Pixels = 240
    fps: Fps = 5.0
    seed: Annotated[int, Meta(ge=0)] = 1
    pace: Literal["timestamps", "fast"] = "fast"
    hangs: Rotation = 0
    rotation: Rotation = 0
    stall_s: Patience | None = None


CameraSettings = PiCameraSettings | VideoSettings | SyntheticSettings
