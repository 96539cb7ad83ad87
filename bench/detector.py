"""Accuracy and speed of the shipped detectors: AP50 per class, recall of pedestrians, ms per inference.

    python bench/detector.py --data FOLDER [--json]

COCO: the 128 training pictures of coco128_train with their boxes, AP50 = area under the interpolated
precision-recall curve at IoU 0.5, score floor 0.05. PETS: every fifth frame of PETS09-S2L1 (vtest.avi),
people of the truth with conf 1; people on the far path are not in the truth, so precision means
nothing there and is not given. `vehicle` merges car, truck and bus. `readings_apart` is the default model
without the rule that one thing gets one box: `doubles` counts pairs of boxes over 0.1 on one vehicle,
per PETS frame. Speed: all models in turn, round after round; at 1 thread in CPU time of the process, at
2 threads in wall time, which says little on a machine that is busy with other things.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from msgspec.structs import replace

from agent.clock import SystemClock
from agent.inference import manifest
from agent.inference.selftest import opened
from agent.pixels import Box, Detection, Frame
from agent.vision.detector import TfliteDetector
from agent.vision.settings import VisionSettings
from bench.machine import show

IOU = 0.5
AP_FLOOR = 0.05
COUNTED = VisionSettings().score
TRACKED = VisionSettings().tracker.low
EVERY = 5
LABELS = VisionSettings().labels
VEHICLES = ("car", "truck", "bus")
VEHICLE = "vehicle"
Truth = dict[str, list[Box]]
timer = SystemClock().monotonic


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with coco128_train and mot15_pets09_s2l1")
    parser.add_argument("--rounds", type=int, default=50, help="inferences per model and number of threads")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    known = manifest.load(manifest.folder())
    coco = [*coco_pictures(options.data / "coco128_train", known.labels["coco-80"])]
    pets = [*pets_pictures(options.data / "mot15_pets09_s2l1")]
    figures = {name: accuracy(detector(name), coco, pets) for name in known.models}
    apart = accuracy(detector(VisionSettings().model, one_box=False), coco, pets)
    for name, speeds in speed(known.models, pets[0][0], rounds=options.rounds).items():
        figures[name] |= speeds
    counts = {"coco_boxes": boxes_per_label(coco), "pets_people": people(pets)}
    show({**counts, **figures, "readings_apart": apart}, as_json=options.json)


def detector(name: str, *, one_box: bool = True) -> TfliteDetector:
    """A shipped model with the score floor of the accuracy figures."""
    folder = manifest.folder()
    known = manifest.load(folder)
    model = known.model(name)
    if not one_box:
        model = replace(model, decoding=replace(model.decoding, alternatives=()))
    interpreter = opened(model, folder, threads=2, timer=timer)
    return TfliteDetector(model, interpreter, classes=known.labels[model.labels], labels=LABELS, score_floor=AP_FLOOR)


# Truth


def picture(path: Path) -> Frame:
    with av.open(str(path)) as container:
        (only,) = container.decode(video=0)
        return Frame("coco", 0.0, np.asarray(only.to_ndarray(format="rgb24"), np.uint8))


def coco_pictures(folder: Path, names: Sequence[str]) -> Iterator[tuple[Frame, Truth]]:
    """Boxes are `class x y width height` with the centre, in fractions."""
    for path in sorted((folder / "images").glob("*.jpg")):
        truth: Truth = defaultdict(list)
        written = folder / "labels" / f"{path.stem}.txt"
        for line in written.read_text().splitlines() if written.exists() else []:
            number, x, y, width, height = line.split()
            truth[names[int(number)]].append(centred(float(x), float(y), float(width), float(height)))
        yield picture(path), truth


def centred(x: float, y: float, width: float, height: float) -> Box:
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def pets_pictures(folder: Path) -> Iterator[tuple[Frame, Truth]]:
    people_of = pets_truth(folder / "gt.txt")
    with av.open(str(folder / "vtest.avi")) as container:
        for number, decoded in enumerate(container.decode(video=0)):
            if number % EVERY == 0:
                frame = Frame("pets", number / 7, np.asarray(decoded.to_ndarray(format="rgb24"), np.uint8))
                yield frame, {"person": [in_fractions(box, frame) for box in people_of[number + 1]]}


def pets_truth(path: Path) -> dict[int, list[Box]]:
    """Frame from 1 -> boxes in pixels, of the rows with conf 1."""
    found: dict[int, list[Box]] = defaultdict(list)
    for line in path.read_text().splitlines():
        frame, _, left, top, width, height, conf = (float(value) for value in line.split(",")[:7])
        if conf == 1:
            found[int(frame)].append(Box(left, top, left + width, top + height))
    return found


def in_fractions(box: Box, frame: Frame) -> Box:
    height, width = frame.pixels.shape[:2]
    return Box(box.left / width, box.top / height, box.right / width, box.bottom / height)


def boxes_per_label(pictures: Sequence[tuple[Frame, Truth]]) -> dict[str, int]:
    return {label: sum(len(truth.get(label, ())) for _, truth in pictures) for label in LABELS}


def people(pictures: Sequence[tuple[Frame, Truth]]) -> int:
    return sum(len(truth["person"]) for _, truth in pictures)


# Accuracy


def accuracy(
    eye: TfliteDetector, coco: Sequence[tuple[Frame, Truth]], pets: Sequence[tuple[Frame, Truth]]
) -> dict[str, Any]:
    seen = [(eye.detect(frame).items, truth) for frame, truth in coco]
    walked = [(eye.detect(frame).items, truth) for frame, truth in pets]
    return {
        **{f"ap50_{label}": round(average_precision(seen, label), 3) for label in LABELS},
        "ap50_vehicle": round(average_precision([merged(*each) for each in seen], VEHICLE), 3),
        f"pets_recall_at_{COUNTED}": round(recall(walked, "person", floor=COUNTED), 3),
        f"pets_recall_at_{TRACKED}": round(recall(walked, "person", floor=TRACKED), 3),
        "doubles_per_frame": round(statistics.mean(doubles(items) for items, _ in walked), 2),
    }


def merged(items: tuple[Detection, ...], truth: Truth) -> tuple[tuple[Detection, ...], Truth]:
    """The vehicles alone, under one label."""
    boxes = [box for label in VEHICLES for box in truth.get(label, ())]
    return tuple(Detection(VEHICLE, item.score, item.box) for item in items if item.label in VEHICLES), {VEHICLE: boxes}


def doubles(items: tuple[Detection, ...]) -> int:
    """Pairs of vehicles of different kinds, both good enough to be tracked, at one place."""
    vehicles = [item for item in items if item.label in VEHICLES and item.score > TRACKED]
    pairs = [(one, other) for one in vehicles for other in vehicles if one.label < other.label]
    return sum(overlap(one.box, other.box) > IOU for one, other in pairs)


Seen = Sequence[tuple[tuple[Detection, ...], Truth]]


def average_precision(seen: Seen, label: str) -> float:
    """All-points AP: precision made monotone, integrated over recall."""
    ranked = sorted((pair for items, truth in seen for pair in judged(items, truth, label)), reverse=True)
    hits = np.cumsum([hit for _, hit in ranked])
    total = sum(len(truth.get(label, ())) for _, truth in seen)
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float(np.sum(np.diff(hits, prepend=0) * precision) / total)


def recall(seen: Seen, label: str, *, floor: float) -> float:
    hits = sum(hit for items, truth in seen for score, hit in judged(items, truth, label) if score >= floor)
    return hits / sum(len(truth.get(label, ())) for _, truth in seen)


def judged(items: Sequence[Detection], truth: Truth, label: str) -> Iterator[tuple[float, bool]]:
    """Score and whether it hits a box that no better detection has taken; `items` come best first."""
    free = list(truth.get(label, ()))
    for item in items:
        if item.label == label:
            best = max(free, key=lambda box: overlap(item.box, box), default=None)
            hit = best is not None and overlap(item.box, best) >= IOU
            if best is not None and hit:
                free.remove(best)
            yield item.score, hit


def overlap(one: Box, other: Box) -> float:
    width = max(0.0, min(one.right, other.right) - max(one.left, other.left))
    height = max(0.0, min(one.bottom, other.bottom) - max(one.top, other.top))
    union = area(one) + area(other) - width * height
    return width * height / union if union else 0.0


def area(box: Box) -> float:
    return (box.right - box.left) * (box.bottom - box.top)


# Speed


def speed(names: Mapping[str, Any], frame: Frame, *, rounds: int) -> dict[str, dict[str, float]]:
    """Median ms of the model alone and of all that the detector does beside it."""
    eyes = {
        (name, threads, clock): TfliteDetector.from_settings(VisionSettings(model=name, threads=threads), timer=clock)
        for threads, clock in ((1, time.process_time), (2, timer))
        for name in names
    }
    times: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for _ in range(rounds + 1):
        for (name, threads, clock), eye in eyes.items():
            started = clock()
            eye.detect(frame)
            times[name, threads].append((eye.invoke_s, clock() - started - eye.invoke_s))
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for (name, threads), pairs in times.items():
        for what, seconds in zip(("invoke", "rest"), zip(*pairs[1:], strict=True), strict=True):
            found[name][f"{what}_ms_{threads}_threads"] = round(1000 * statistics.median(seconds), 2)
    return found


if __name__ == "__main__":
    main()
