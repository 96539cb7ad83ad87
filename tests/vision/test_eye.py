"""The eye looks where something moves, and remembers what stands where nothing does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from agent.camera.world import Actor, Wait
from agent.pixels import Detections, Frame
from agent.records import Observation
from agent.vision import NO_MODEL
from agent.vision.chroma import ChromaDetector
from agent.vision.eye import LATEST_S, Eye
from agent.vision.settings import View, VisionSettings, Zone
from tests.camera.drawn import camera, scene, walker

VIEW = View(masks=(), zones=(Zone("yard", ((0.0, 0.3), (1.0, 0.3), (1.0, 1.0), (0.0, 1.0))),))
SETTINGS = VisionSettings(detector="chroma")
LONG_S = 120.0


@dataclass
class Counted:
    """A detector that counts how often it is asked."""

    sight: ChromaDetector = field(default_factory=lambda: ChromaDetector(labels=("person",), timer=lambda: 0.0))
    asked: list[float] = field(default_factory=list)
    invoke_s: float = 0.0
    accelerated: bool | None = None
    digest: str = NO_MODEL
    classes: tuple[str, ...] = ()

    def detect(self, frame: Frame) -> Detections:
        self.asked.append(frame.at)
        return self.sight.detect(frame)


def watched(frames: Iterable[Frame], detector: Counted) -> list[Observation]:
    eye = Eye(camera="gate", view=VIEW, settings=SETTINGS, detector=detector)
    return [one for frame in frames for one in eye.observe(frame)]


def standing(seconds: float) -> Actor:
    return Actor(at=(0.5, 0.8), does=(Wait(s=seconds),))


def test_a_still_scene_is_looked_at_no_more_often_than_the_floor_rate_says():
    detector = Counted()
    watched(camera(scene(duration_s=LONG_S)).frames(), detector)
    settled = [at for at in detector.asked if at > detector.asked[0] + SETTINGS.motion.linger_s + 1.0]
    gaps = [after - before for before, after in pairwise(settled)]
    assert min(gaps) >= SETTINGS.motion.floor_s
    assert len(settled) >= (LONG_S - 10.0) / (SETTINGS.motion.floor_s + 0.5)


def spared(*, fps: float) -> tuple[list[Frame], list[float]]:
    """Six seconds of somebody who walks, and when a detector was asked that is to see every third frame."""
    detector = Counted()
    settings = VisionSettings(detector="chroma", every=3)
    eye = Eye(camera="gate", view=VIEW, settings=settings, detector=detector)
    frames = list(camera(scene(walker(), duration_s=6.0), fps=fps).frames())
    for frame in frames:
        eye.observe(frame)
    return frames, detector.asked


def test_a_detector_that_is_spared_sees_every_third_frame_with_movement_and_the_first():
    frames, asked = spared(fps=10.0)
    assert asked[0] == frames[0].at
    gaps = [round((after - before) / (frames[1].at - frames[0].at)) for before, after in pairwise(asked)]
    assert gaps
    assert min(gaps) >= 3
    assert gaps.count(3) >= len(gaps) / 2


def test_a_slow_camera_is_looked_at_in_every_frame_although_the_detector_is_spared():
    _, asked = spared(fps=4.0)
    gaps = [after - before for before, after in pairwise(asked)]
    assert gaps
    assert max(gaps) <= LATEST_S


@pytest.mark.slow
def test_somebody_who_stands_still_goes_on_being_counted():
    detector = Counted()
    seen = watched(camera(scene(standing(LONG_S), duration_s=LONG_S)).frames(), detector)
    counts = [one.value for one in seen if one.quantity == "yard/person/count"]
    assert set(counts[2:]) == {1.0}
    assert len(detector.asked) < LONG_S * 5 / 5, "and the detector rests meanwhile"


def test_whoever_moves_is_looked_at_in_every_frame():
    detector = Counted()
    frames = list(camera(scene(walker())).frames())
    watched(frames, detector)
    assert len(detector.asked) == len(frames)


def test_the_camera_says_how_often_and_how_wholly_it_saw():
    seen = watched(camera(scene(duration_s=20.0), fps=5.0).frames(), Counted())
    own = {one.quantity: one.value for one in seen if one.quantity.startswith("camera/")}
    assert abs(own["camera/fps"] - 5.0) < 0.1
    assert own["camera/observed"] == 1.0


def test_a_gap_in_the_pictures_is_not_counted_as_seen():
    frames = [frame for frame in camera(scene(duration_s=20.0), fps=5.0).frames() if not 5.0 < frame.at % 20.0 < 15.0]
    seen = watched(frames, Counted())
    assert min(one.value for one in seen if one.quantity == "camera/observed") < 0.3
