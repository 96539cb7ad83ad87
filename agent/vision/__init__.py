"""From frames to numbers. Pixels, boxes and tracks stop here: what leaves is `Observation`."""

from __future__ import annotations

from typing import Protocol

from agent.pixels import Detections, Frame


class Detector(Protocol):
    """Finds things in one frame.

    `invoke_s` is how long the last call kept the processor busy with the model itself; `accelerated`
    is whether the runtime's fast path (XNNPACK) is on, None where there is no such thing.
    """

    invoke_s: float
    accelerated: bool | None

    def detect(self, frame: Frame) -> Detections: ...


DETECTORS = {
    "tflite": "agent.vision.detector:TfliteDetector",
    "chroma": "agent.vision.chroma:ChromaDetector",
}
"""Driver name -> module:class, imported only when a configuration names it."""
