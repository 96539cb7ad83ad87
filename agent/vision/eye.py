"""One camera's way of seeing: motion gate, detector, tracker, zones. Frames in, numbers out.

Where nothing moves, nothing is inferred and what stands there goes on standing there; the gate's
floor rate looks all the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent.pixels import Detections, Frame
from agent.records import Observation
from agent.vision import Detector
from agent.vision.backdrop import Backdrop
from agent.vision.health import Health
from agent.vision.left import Left
from agent.vision.motion import Motion
from agent.vision.normality import Memory, Normality
from agent.vision.scene import Hour, utc
from agent.vision.settings import View, VisionSettings
from agent.vision.tracker import Tracker
from agent.vision.zones import Zones

GAP_S = 1.0
"""A camera that gives a frame at least this often sees all the time."""

LATEST_S = 0.35
"""While something moves the detector looks this often, however slow the camera is: between looks things run away."""


@dataclass(slots=True)
class Attention:
    """How much a camera saw since it last said so."""

    since: float | None = None
    last: float = 0.0
    frames: int = 0
    seen_s: float = 0.0
    inferred: int = 0
    inference_s: float = 0.0
    motion: float = 0.0

    def see(self, at: float, *, motion: float) -> None:
        """A frame came."""
        if self.since is None or at < self.last:
            self.since = self.last = at
        self.frames += 1
        self.seen_s += min(at - self.last, GAP_S)
        self.last = at
        self.motion = max(self.motion, motion)

    def numbers(self) -> dict[str, float]:
        """The camera's own quantities over the time since the last call, which begins anew."""
        elapsed = self.last - (self.since or 0.0)
        told = {
            "camera/fps": self.frames / elapsed if elapsed else 0.0,
            "camera/observed": self.seen_s / elapsed if elapsed else 1.0,
            "camera/motion": self.motion,
        }
        if self.inferred:
            told["camera/inference_ms"] = 1000.0 * self.inference_s / self.inferred
        self.since, self.frames, self.seen_s, self.inferred, self.inference_s, self.motion = (
            self.last,
            0,
            0.0,
            0,
            0.0,
            0.0,
        )
        return told


class Eye:
    """The eye of one camera.

    `detector` is shared with the others, `backdrop` is for commissioning, `memory` keeps its scene, `hour` is that of
    the clock on the wall.
    """

    def __init__(
        self,
        *,
        camera: str,
        view: View,
        settings: VisionSettings,
        detector: Detector,
        backdrop: Backdrop | None = None,
        memory: Memory | None = None,
        hour: Hour = utc,
    ) -> None:
        self._camera = camera
        self._detector = detector
        self._motion = Motion(settings.motion)
        self._health = Health(camera, settings.health, view.masks)
        self._tracker = Tracker(camera, settings.tracker)
        self._zones = Zones(view, report_s=settings.report_s)
        self._left = Left(view, report_s=settings.report_s)
        self._attention = Attention()
        self._backdrop = backdrop
        self._report_s = settings.report_s
        self._every, self._skipped = settings.every, 0
        self._at = self._looked_at = -math.inf
        self._normality: Normality | None = None
        if settings.normality.enabled:
            self._normality = Normality(camera, settings.normality, classes=detector.classes, memory=memory, hour=hour)

    def observe(self, frame: Frame) -> list[Observation]:
        """What this frame says; the frame itself stays here."""
        height, width = frame.pixels.shape[:2]
        self._zones.aspect = width / height
        wake = self._motion.update(frame) or self._tracker.is_curious
        self._attention.see(frame.at, motion=self._motion.share)
        step_s, self._at = frame.at - self._at, frame.at
        is_late = frame.at + step_s - self._looked_at > LATEST_S
        if wake and self._skipped < self._every - 1 and not is_late:
            self._skipped += 1
            return [*self._own(frame.at), *self._health.update(frame), *self._unusual(frame, None)]
        self._skipped, self._looked_at = 0, frame.at if wake else -math.inf
        found = self._detect(frame) if wake else None
        tracks = self._tracker.update(found) if found else self._tracker.rest(frame.at)
        if self._backdrop:
            self._backdrop.see(frame, tracks)
        return [
            *self._own(frame.at),
            *self._health.update(frame),
            *self._zones.observe(tracks),
            *self._left.observe(frame, tracks),
            *(self._unusual(frame, found) if wake else self._at_rest(frame.at)),
        ]

    def _unusual(self, frame: Frame, found: Detections | None) -> list[Observation]:
        """What does not fit among what moves; `found` is None where the detector did not look."""
        return self._normality.observe(frame, found) if self._normality else []

    def _at_rest(self, at: float) -> list[Observation]:
        return self._normality.rest(at) if self._normality else []

    def _detect(self, frame: Frame) -> Detections:
        found = self._detector.detect(frame)
        self._attention.inferred += 1
        self._attention.inference_s += self._detector.invoke_s
        return found

    def _own(self, at: float) -> list[Observation]:
        due = self._attention.since is None or at - self._attention.since >= self._report_s
        if not due:
            return []
        told = self._attention.numbers()
        if self._detector.accelerated is not None:
            told["camera/xnnpack"] = float(self._detector.accelerated)
        return [Observation(self._camera, name, value, at) for name, value in told.items()]
