"""Video files made from the synthetic camera, for tests that need a real decoder."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import av
from av.video.stream import VideoStream

from agent.clock import SimulatedClock
from agent.pixels import Frame
from tests.camera.drawn import START, camera, scene, walker


def drawn_frames(*, fps: float = 10.0, duration_s: float = 3.0) -> list[Frame]:
    gate = camera(scene(walker(), duration_s=duration_s), clock=SimulatedClock(START), fps=fps, width=160, height=120)
    return list(gate.frames())


def clip(path: Path, frames: list[Frame], *, fps: int = 10, codec: str = "libx264") -> Path:
    """The frames as a video file, visually lossless."""
    with av.open(str(path), "w") as container:
        stream = cast(
            "VideoStream", container.add_stream(codec, rate=fps, options={"crf": "12", "preset": "ultrafast"})
        )
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path
