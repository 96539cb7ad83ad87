"""From frames to numbers. Pixels, boxes and tracks stop here: what leaves is `Observation`."""

from __future__ import annotations

from typing import Protocol

from agent.pixels import Detections, Frame


class Detector(Protocol):
    """Finds things in one frame.

    `invoke_s` is how long the last call kept the processor busy with the model itself; `accelerated`
    is whether the runtime's fast path (XNNPACK) is on, None where there is no such thing; `digest` is the
    SHA-256 of the model, zeros where there is none.
    """

    invoke_s: float
    accelerated: bool | None
    classes: tuple[str, ...]
    """The names behind `Detection.scores`."""
    digest: str

    def detect(self, frame: Frame) -> Detections: ...


NO_MODEL = "0" * 64
"""The digest of a detector that needs no model."""
DETECTORS = {
    "tflite": "agent.vision.detector:TfliteDetector",
    "chroma": "agent.vision.chroma:ChromaDetector",
}
"""Driver name -> module:class, imported only when a configuration names it."""
