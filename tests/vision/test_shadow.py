"""A new model beside the old one: the old one answers, both are counted, nothing else is kept."""

from __future__ import annotations

import numpy as np
import pytest

from agent.pixels import Box, Detection, Detections, Frame
from agent.vision.shadow import Shadow

LEFT, RIGHT = Box(0.1, 0.1, 0.3, 0.5), Box(0.6, 0.1, 0.8, 0.5)


def found(box, *, label="person", score=0.9):
    return Detection(label, score, box)


class Model:
    """Finds what it is told to, in the time that it is told to take."""

    accelerated: bool | None = None
    classes: tuple[str, ...] = ("person",)
    digest = "a" * 64

    def __init__(self, *items, invoke_s=0.1):
        self.items = items
        self.invoke_s = invoke_s
        self.asked = 0

    def detect(self, frame):
        self.asked += 1
        return Detections(frame.camera, frame.at, self.items)


class Timer:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def beside(new, old, *, frames=3):
    timer = Timer()
    shadow = Shadow(new, old, timer=timer)
    for number in range(frames):
        timer.now = float(number)
        shadow.detect(Frame("gate", timer.now, np.zeros((4, 4, 3), np.uint8)))
    return shadow


def test_the_old_model_answers_and_its_name_stands_under_what_is_told():
    new, old = Model(found(LEFT)), Model(found(RIGHT))
    new.digest = "b" * 64
    shadow = Shadow(new, old, timer=Timer())
    assert shadow.detect(Frame("gate", 0.0, np.zeros((4, 4, 3), np.uint8))).items == (found(RIGHT),)
    assert (shadow.digest, new.asked) == (old.digest, 1)


def test_what_both_find_is_agreement():
    compared = beside(Model(found(LEFT), found(RIGHT)), Model(found(LEFT))).comparison
    assert (compared.frames, compared.both, compared.only_new, compared.only_old) == (3, 3, 3, 0)
    assert compared.agreement == 0.5


@pytest.mark.parametrize(
    "other", [found(RIGHT), found(LEFT, label="dog"), found(Box(0.1, 0.1, 0.15, 0.2))], ids=["place", "label", "size"]
)
def test_another_place_label_or_size_is_another_thing(other):
    assert beside(Model(found(LEFT)), Model(other)).comparison.agreement == 0.0


def test_an_empty_place_is_no_disagreement():
    assert beside(Model(), Model()).comparison.agreement == 1.0


def test_what_neither_is_sure_of_does_not_count():
    assert beside(Model(found(LEFT, score=0.3)), Model()).comparison.agreement == 1.0


def test_the_times_are_compared():
    assert beside(Model(invoke_s=0.3), Model(invoke_s=0.1)).comparison.slower == pytest.approx(3.0)


def test_the_new_model_is_asked_once_a_second():
    new, timer = Model(), Timer()
    shadow = Shadow(new, Model(), timer=timer)
    for number in range(40):
        timer.now = number / 10
        shadow.detect(Frame("gate", timer.now, np.zeros((4, 4, 3), np.uint8)))
    assert (new.asked, shadow.comparison.frames) == (4, 4)
