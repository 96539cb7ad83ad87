"""What is learned off-line, and each attribute, in scene normality: what the same method finds without it.

    python bench/ablation.py --data SCENE [--json] [--model NAME] [--every N]

SCENE and protocol are those of bench/scene_anomaly.py. Every row is the same method in the same run: things, ruler, flow,
smoothing and tails learned from train/ alone, with the constants that ship. In the first rows the detector finds the things
and only what is added up differs: `likeness` is the distance to the prototypes of all its class probabilities, the learned
embedding; `class` is what one would take instead, how surely a thing is a person. In the last rows no network is asked:
background subtraction finds the things, each patch being taken for a person.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from agent.pixels import Box, Detection, Detections, Frame
from agent.vision.attributes import SMOOTH_S
from agent.vision.scene import JOINT
from bench.machine import show
from bench.scene_anomaly import Eyes, LargestBlob, Ours, Run, Sights, areas, retold
from bench.scenes import Video, scenes

HALF = JOINT["likeness"]
WITH_DETECTOR: Mapping[str, Mapping[str, float]] = {
    "speed and likeness": JOINT,
    "speed and class": {"speed": 1.0, "class": HALF},
    "speed and size": {"speed": 1.0, "size": HALF},
    "speed": {"speed": 1.0},
    "likeness": {"likeness": 1.0},
    "class": {"class": 1.0},
    "size": {"size": 1.0},
}
"""What is added up in each row, and how much it counts."""
WITHOUT: Mapping[str, Mapping[str, float]] = {
    "speed and size": {"speed": 1.0, "size": HALF},
    "speed": {"speed": 1.0},
    "size": {"size": 1.0},
}
LEAST_AREA = 0.0005
"""A patch below this share of the picture is noise: 43 pixels of Ped2."""
SURE = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a scene, or a folder with scenes")
    parser.add_argument("--model", default="nanodet-g-416")
    parser.add_argument("--every", type=int, default=3, help="the detector looks at every so many frames")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    found = {one.folder.name: ablated(one, options.model, options.every) for one in scenes(options.data)}
    show(found, as_json=options.json)


def ablated(video: Video, model: str, every: int) -> dict[str, Any]:
    """The rows of one scene."""
    return {
        "model": f"{model}, every {every}",
        "with_detector": rows(video, Eyes.of(model, every), WITH_DETECTOR),
        "without_detector": rows(video, Eyes(Patches(), 1), WITHOUT),
    }


def rows(video: Video, eyes: Eyes, tried: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """What is found with these eyes: with all that the node does, and with each of the sums alone."""
    ours = Ours.taught(eyes, video.train)
    learned, ours.run, ours.sighted = ours.sighted, Run(), dict[str, Sights]()
    for clip in video.test:
        ours.watch(clip, learns=False)
    told = {
        name: retold(video, ours.run, learned, ours.sighted, sums, smooth_s=SMOOTH_S) for name, sums in tried.items()
    }
    sums = {name: areas(video, replace(ours.run, scores=scores)) for name, scores in told.items()}
    return {
        "learned": ours.has_learned,
        "tracks": ours.normality.scene.learned.tracks,
        "all": areas(video, ours.run),
    } | sums


@dataclass(slots=True)
class Patches:
    """Things without a network: what background subtraction finds, each taken for a person."""

    classes: tuple[str, ...] = ("person",)
    _background: LargestBlob = field(default_factory=LargestBlob)

    def detect(self, frame: Frame, /) -> Detections:
        height, width = frame.pixels.shape[:2]
        patches = self._background.patches(frame.pixels)
        large = patches[patches[:, cv2.CC_STAT_AREA] >= LEAST_AREA * width * height, :4]
        boxes = (large / np.array([width, height, width, height])).tolist()
        items = [self._person(Box(left, top, left + wide, top + high)) for left, top, wide, high in boxes]
        return Detections(frame.camera, frame.at, tuple(items))

    def _person(self, box: Box) -> Detection:
        return Detection("person", SURE, box, np.full(1, SURE, np.float32))


if __name__ == "__main__":
    main()
