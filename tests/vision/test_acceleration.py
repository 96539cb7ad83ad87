"""A node whose inference runs slowly says so, camera by camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from agent.pixels import Detections, Frame
from agent.vision import NO_MODEL
from agent.vision.eye import Eye
from agent.vision.settings import View, VisionSettings


@dataclass
class Blind:
    """A detector that finds nothing, on a runtime of the given kind."""

    accelerated: bool | None
    invoke_s: float = 0.05
    digest: str = NO_MODEL
    classes: tuple[str, ...] = ()

    def detect(self, frame):
        return Detections(frame.camera, frame.at, ())


def told(accelerated):
    eye = Eye(camera="north", view=View(masks=()), settings=VisionSettings(), detector=Blind(accelerated))
    frames = (Frame("north", at / 4, np.zeros((48, 64, 3), np.uint8)) for at in range(12))
    return [each.value for frame in frames for each in eye.observe(frame) if each.quantity == "camera/xnnpack"]


@pytest.mark.parametrize(("accelerated", "value"), [(True, 1.0), (False, 0.0)])
def test_whether_xnnpack_is_on_is_told_with_the_camera_s_numbers(accelerated, value):
    assert set(told(accelerated)) == {value}


def test_a_detector_without_such_a_thing_says_nothing():
    assert told(None) == []
