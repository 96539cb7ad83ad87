"""How well the tracker keeps people apart, with one set of parameters for every sequence of a detector.

    python bench/tracking.py --data FOLDER [--choose] [--json]

The ten MOT15 sequences of the folder, with the Faster R-CNN boxes that SORT (Bewley et al. 2016) was
published with; where there is a video, with our own detector too. What is scored is what the tracker said
at each frame, without a look ahead and without filling gaps afterwards: confirmed tracks that were seen in
that frame (`coasting_s` 0), as SORT counts its own. The defaults are for our own detector; Faster R-CNN scores
nearly everything above 0.9, so with its boxes `begin` is 0.95: `--choose` prints what other values give on the eight
sequences that no aim is about, and on those two. Truth: rows with conf 1. MOTA, IDF1 and switches at IoU
0.5 by py-motmetrics, HOTA by TrackEval. `ms` is CPU time of the tracker per frame, median over the
frames; `crowd_ms` the same with fifty people in view. Frame rates are those of seqinfo.ini; `thinned` gives every
second to sixth frame only, because a Pi does not see thirty a second.
"""

from __future__ import annotations

import argparse
import csv
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from configparser import ConfigParser
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from typing import Any

import av
import motmetrics
import numpy as np
from numpy.typing import NDArray
from trackeval.metrics import HOTA

from agent.clock import SystemClock
from agent.pixels import Box, Detection, Detections, Frame, Tracks
from agent.vision.detector import TfliteDetector
from agent.vision.settings import TrackerSettings, VisionSettings
from agent.vision.tracker import Tracker
from bench.machine import show

SORT = {
    "PETS09-S2L1": (61.9, 35.1),
    "TUD-Stadtmitte": (71.7, 73.5),
    "Venice-2": (18.6, 32.4),
    "KITTI-17": (60.2, 71.1),
    "ETH-Sunnyday": (59.1, 72.4),
}
"""MOTA and IDF1 of SORT on the same boxes, where they were measured."""
VIDEOS = {"PETS09-S2L1": "vtest.avi", "TUD-Stadtmitte": "TUD-Stadtmitte.mp4"}
THINNED = {"PETS09-S2L1": 2, "TUD-Stadtmitte": 5, "ADL-Rundle-6": 6, "Venice-2": 6}
GIVEN = TrackerSettings(begin=0.95)
OWN = TrackerSettings()
BEGINS = (0.5, 0.9, 0.95, 0.98)
LEAST_IOU = 0.5
CROWD = 50
Boxes = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Boxes of one frame with the number of whom each belongs to: left, top, width, height in fractions."""

    numbers: list[int]
    boxes: Boxes


@dataclass(frozen=True, slots=True)
class Scene:
    """One sequence of the benchmark."""

    name: str
    fps: float
    folder: Path
    detections: Sequence[Detections]
    truth: Sequence[Labelled]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with mot15_*")
    parser.add_argument("--choose", action="store_true", help="only compare values of `begin`")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    known = [sequence(path.parent) for path in sorted(options.data.glob("mot15_*/**/seqinfo.ini"))]
    if options.choose:
        show({f"begin {begin}": chosen(known, TrackerSettings(begin=begin)) for begin in BEGINS}, as_json=options.json)
        return
    figures: dict[str, Any] = {one.name: measured(one, GIVEN) for one in known}
    for one in known:
        if one.name in THINNED:
            figures[f"{one.name}, every {THINNED[one.name]}th"] = measured(thinned(one, THINNED[one.name]), GIVEN)
        if one.name in VIDEOS:
            figures[f"{one.name}, own detector"] = measured(replace(one, detections=seen(one)), OWN)
    figures["crowd_ms"] = crowd_ms(CROWD)
    show(figures, as_json=options.json)


# Sequences


def sequence(folder: Path) -> Scene:
    """A folder with seqinfo.ini, gt.txt and det_sort_frcnn.txt, boxes turned into fractions."""
    ini = ConfigParser()
    ini.read(folder / "seqinfo.ini")
    about = ini["Sequence"]
    fps, length = float(about["frameRate"]), int(about["seqLength"])
    size = float(about["imWidth"]), float(about["imHeight"])
    truth, found = rows(folder / "gt.txt", size), rows(folder / "det_sort_frcnn.txt", size)
    return Scene(
        name=about["name"],
        fps=fps,
        folder=folder,
        detections=[detections(number / fps, found[number]) for number in range(1, length + 1)],
        truth=[labelled((row[0], row[1]) for row in truth[n] if row[2] == 1.0) for n in range(1, length + 1)],
    )


def rows(path: Path, size: tuple[float, float]) -> dict[int, list[tuple[int, Box, float]]]:
    """Frame number -> (number, box, confidence) of a file in MOT15 form."""
    found: dict[int, list[tuple[int, Box, float]]] = defaultdict(list)
    with path.open(encoding="utf-8") as file:
        for row in csv.reader(file):
            left, top, width, height, confidence = (float(one) for one in row[2:7])
            box = Box(left / size[0], top / size[1], (left + width) / size[0], (top + height) / size[1])
            found[int(row[0])].append((int(float(row[1])), box, confidence))
    return found


def detections(at: float, found: Iterable[tuple[int, Box, float]]) -> Detections:
    return Detections("mot15", at, tuple(Detection("person", score, box) for _, box, score in found))


def labelled(found: Iterable[tuple[int, Box]]) -> Labelled:
    numbers, boxes = [], []
    for number, box in found:
        numbers.append(number)
        boxes.append((box.left, box.top, box.right - box.left, box.bottom - box.top))
    return Labelled(numbers, np.array(boxes, np.float64).reshape(-1, 4))


def thinned(whole: Scene, step: int) -> Scene:
    """Every `step`-th frame, at the instants that those had."""
    return replace(whole, detections=whole.detections[::step], truth=whole.truth[::step])


def seen(whole: Scene) -> list[Detections]:
    """What our own detector finds in the sequence's video."""
    settings = VisionSettings(labels=("person",))
    detector = TfliteDetector.from_settings(settings, timer=SystemClock().monotonic)
    path = whole.folder / VIDEOS[whole.name]
    return [detector.detect(frame) for frame in frames(path, whole.fps)]


def frames(path: Path, fps: float) -> Iterator[Frame]:
    with av.open(str(path)) as container:
        for number, picture in enumerate(container.decode(video=0), 1):
            yield Frame("mot15", number / fps, np.asarray(picture.to_ndarray(format="rgb24"), np.uint8))


# Scores


def chosen(known: Sequence[Scene], settings: TrackerSettings) -> dict[str, dict[str, float]]:
    """MOTA and IDF1 of the sequences that have an aim, and their means over the others."""
    scores = {one.name: clear(one.truth, followed(one, settings)[0]) for one in known}
    brief = {name: {key: score[key] for key in ("mota", "idf1")} for name, score in scores.items()}
    rest = [score for name, score in brief.items() if name not in VIDEOS]
    means = {key: round(mean(score[key] for score in rest), 1) for key in ("mota", "idf1")}
    return {**{name: brief[name] for name in VIDEOS}, f"mean of {len(rest)} others": means}


def followed(one: Scene, settings: TrackerSettings) -> tuple[list[Labelled], list[float]]:
    """What the tracker tells of each frame, and the milliseconds that it took."""
    tracker, told, spent = Tracker(one.name, settings), [], []
    for found in one.detections:
        began = time.process_time()
        tracks = tracker.update(found)
        spent.append(1000 * (time.process_time() - began))
        told.append(in_view(tracks))
    return told, spent


def measured(one: Scene, settings: TrackerSettings) -> dict[str, Any]:
    """The tracker's scores on one sequence, and SORT's where they are known."""
    told, spent = followed(one, settings)
    figures: dict[str, Any] = {**clear(one.truth, told), "hota": hota(one.truth, told), "ms": round(median(spent), 3)}
    if one.name in SORT:
        figures |= dict(zip(("sort_mota", "sort_idf1"), SORT[one.name], strict=True))
    return figures


def in_view(tracks: Tracks) -> Labelled:
    """Tracks that were seen at this instant, without those that are only believed to be there."""
    return labelled((track.number, track.box) for track in tracks.items if not track.coasting_s)


def clear(truth: Sequence[Labelled], told: Sequence[Labelled]) -> dict[str, float]:
    """MOTA and IDF1 in percent, identity switches, recall and precision in percent."""
    account = motmetrics.MOTAccumulator(auto_id=True)
    for true, ours in zip(truth, told, strict=True):
        shared = overlap(true.boxes, ours.boxes)
        account.update(true.numbers, ours.numbers, np.where(shared >= LEAST_IOU, 1.0 - shared, np.nan))
    names = ["mota", "idf1", "num_switches", "recall", "precision"]
    values = motmetrics.metrics.create().compute(account, metrics=names, return_dataframe=False)
    percent = {name: round(100 * float(values[name]), 1) for name in ("mota", "idf1", "recall", "precision")}
    return {**percent, "switches": int(values["num_switches"])}


def hota(truth: Sequence[Labelled], told: Sequence[Labelled]) -> float:
    """Higher Order Tracking Accuracy in percent, mean over its thresholds."""
    (gt_ids, gt_count), (our_ids, our_count) = counted(truth), counted(told)
    pairs = list(zip(truth, told, strict=True))
    result = HOTA().eval_sequence(
        {
            "num_timesteps": len(truth),
            "gt_ids": gt_ids,
            "tracker_ids": our_ids,
            "num_gt_ids": gt_count,
            "num_tracker_ids": our_count,
            "num_gt_dets": sum(len(one.numbers) for one in truth),
            "num_tracker_dets": sum(len(one.numbers) for one in told),
            "similarity_scores": [overlap(true.boxes, ours.boxes) for true, ours in pairs],
        }
    )
    return round(100 * float(np.mean(result["HOTA"])), 1)


def counted(frames: Sequence[Labelled]) -> tuple[list[NDArray[np.intp]], int]:
    """Numbers from 0 without holes, as TrackEval wants them, and how many there are."""
    places: dict[int, int] = {}
    ids = [np.array([places.setdefault(n, len(places)) for n in one.numbers], np.intp) for one in frames]
    return ids, len(places)


def overlap(ones: Boxes, others: Boxes) -> Boxes:
    """IoU of every pair, shape (ones, others)."""
    near = np.maximum(ones[:, None, :2], others[None, :, :2])
    far = np.minimum((ones[:, :2] + ones[:, 2:])[:, None], (others[:, :2] + others[:, 2:])[None])
    shared = np.clip(far - near, 0.0, None).prod(axis=2)
    total = ones[:, 2:].prod(axis=1)[:, None] + others[:, 2:].prod(axis=1)[None] - shared
    return np.asarray(shared / total)


# Cost


def crowd_ms(count: int) -> float:
    """CPU per frame with `count` people walking through one another, five frames a second."""
    rng, tracker, spent = random.Random(1), Tracker("crowd", TrackerSettings()), []
    people = [[rng.random(), 0.3 + 0.6 * rng.random(), rng.gauss(0, 0.02)] for _ in range(count)]
    for number in range(100):
        for person in people:
            person[0] = (person[0] + person[2]) % 1.0
        boxes = [Box(x + rng.gauss(0, 0.001), y, x + 0.03, y + 0.12) for x, y, _ in people]
        found = Detections("crowd", number / 5, tuple(Detection("person", 0.8, box) for box in boxes))
        began = time.process_time()
        tracker.update(found)
        spent.append(1000 * (time.process_time() - began))
    return round(median(spent), 3)


if __name__ == "__main__":
    main()
