"""The detector of the synthetic camera sees what is painted, and only that."""

from __future__ import annotations

import numpy as np
import pytest

from agent.pixels import ACTOR_COLOURS, Frame
from agent.vision import NO_MODEL
from agent.vision.chroma import LABELS, ChromaDetector
from agent.vision.settings import VisionSettings


def street():
    return (
        np.random.default_rng(5).integers(95, 160, (18, 32, 1), dtype=np.uint8).repeat(10, 0).repeat(10, 1).repeat(3, 2)
    )


def painted(*things):
    """A street with (label, left, top, right, bottom) in pixels painted on it."""
    pixels = street()
    for label, left, top, right, bottom in things:
        pixels[top:bottom, left:right] = ACTOR_COLOURS[label]
    return pixels


def found(pixels, labels=LABELS):
    detector = ChromaDetector(labels=tuple(labels), timer=lambda: 0.0)
    return detector.detect(Frame("north", 7.0, pixels)).items


def test_the_palette_names_the_classes_of_the_worlds():
    assert LABELS == ("person", "bicycle", "car", "motorcycle", "bus", "truck", "dog", "object")


@pytest.mark.parametrize("label", LABELS)
def test_each_label_is_found_by_its_colour_with_its_box(label):
    (only,) = found(painted((label, 32, 18, 64, 90)))
    assert only.label == label
    assert only.box == pytest.approx((0.1, 0.1, 0.2, 0.5))


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("light", [0.35, 0.6, 1.1])
def test_a_label_is_found_in_dim_and_bright_light(label, light):
    pixels = np.clip(painted((label, 32, 18, 64, 90)) * light, 0, 255).astype(np.uint8)
    assert [item.label for item in found(pixels)] == [label]


def test_an_empty_street_holds_nothing():
    assert found(street()) == ()


def test_people_apart_are_told_apart():
    assert len(found(painted(("person", 10, 10, 30, 60), ("person", 50, 10, 70, 60)))) == 2


def test_only_wanted_labels_are_reported():
    pixels = painted(("person", 10, 10, 30, 60), ("dog", 50, 40, 80, 60))
    assert [item.label for item in found(pixels, labels=("person",))] == ["person"]


def test_a_speck_is_not_a_thing():
    assert found(painted(("person", 10, 10, 12, 12))) == ()


def test_what_is_painted_over_is_not_found():
    """As under a privacy mask."""
    pixels = painted(("person", 10, 10, 30, 60))
    pixels[:, :40] = 128
    assert found(pixels) == ()


def test_a_configuration_makes_it_and_scores_name_the_label():
    detector = ChromaDetector.from_settings(VisionSettings(labels=("car",)), timer=iter([1.0, 1.5]).__next__)
    (only,) = detector.detect(Frame("north", 7.0, painted(("car", 10, 10, 90, 60)))).items
    assert only.scores is not None
    assert LABELS[int(only.scores.argmax())] == "car"
    assert detector.invoke_s == 0.5
    assert detector.digest == NO_MODEL
