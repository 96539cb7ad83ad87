"""The shipped detectors on real pictures: a change that costs accuracy is noticed here."""

from __future__ import annotations

import pytest

from agent.inference import manifest
from bench.detector import average_precision, coco_pictures, detector, pets_pictures, recall

pytestmark = [pytest.mark.slow, pytest.mark.data]
KNOWN = manifest.load(manifest.folder({}))
LESS = 0.03
"""What a rounding on another processor may cost."""


@pytest.mark.parametrize("name", [name for name in KNOWN.models if "ap50_person" in KNOWN.model(name).figures])
def test_people_in_photographs_are_found_as_well_as_the_manifest_says(name, data_dir):
    eye, labels = detector(name), KNOWN.labels[KNOWN.model(name).labels]
    seen = [(eye.detect(frame).items, truth) for frame, truth in coco_pictures(data_dir / "coco128_train", labels)]
    assert average_precision(seen, "person") > KNOWN.model(name).figures["ap50_person"] - LESS


def test_pedestrians_of_a_square_are_found_as_well_as_the_manifest_says(data_dir):
    eye = detector("nanodet-g-416")
    walked = [(eye.detect(frame).items, truth) for frame, truth in pets_pictures(data_dir / "mot15_pets09_s2l1")]
    assert recall(walked, "person", floor=0.1) > 0.94
    assert recall(walked, "person", floor=0.4) > KNOWN.model("nanodet-g-416").figures["pets_recall"] - LESS
