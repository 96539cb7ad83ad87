"""The shipped detectors on real pictures: a change that costs accuracy is noticed here."""

from __future__ import annotations

import pytest

from agent.vision import manifest
from bench.detector import (
    average_precision,
    coco_pictures,
    detector,
    pets_pictures,
    recall,
)

pytestmark = [pytest.mark.slow, pytest.mark.data]
COCO_80 = manifest.load(manifest.folder({})).labels["coco-80"]
LEAST = {"nanodet-g-320": 0.50, "nanodet-g-416": 0.58, "nanodet-g-640": 0.64}
"""AP50 of people, three hundredths under what was measured."""


@pytest.mark.parametrize("name", LEAST)
def test_people_in_photographs_are_found_as_well_as_they_were(name, data_dir):
    eye = detector(name)
    seen = [(eye.detect(frame).items, truth) for frame, truth in coco_pictures(data_dir / "coco128_train", COCO_80)]
    assert average_precision(seen, "person") > LEAST[name]


def test_pedestrians_of_a_square_are_found_for_the_tracker(data_dir):
    eye = detector("nanodet-g-416")
    walked = [(eye.detect(frame).items, truth) for frame, truth in pets_pictures(data_dir / "mot15_pets09_s2l1")]
    assert recall(walked, "person", floor=0.1) > 0.94
    assert recall(walked, "person", floor=0.4) > 0.87
