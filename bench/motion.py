"""What the motion gate costs, what it saves in a still scene, and how small a walker it notices.

    python bench/motion.py --data FOLDER [--json]

The scene is the median of PETS09-S2L1 (vtest.avi) with sensor noise of 4 levels. Saving: CPU of the
gate and of the detector that it wakes, against the detector on every frame, at 10 frames a second for
a minute after the first ten seconds. Noticing: one person of the truth is put into the empty scene, as
they are and at a half and a third of their size; the share of single frames that wake the gate, by
height as a share of the frame.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from agent.clock import SystemClock
from agent.pixels import Frame
from agent.vision.detector import TfliteDetector
from agent.vision.motion import Motion
from agent.vision.settings import MotionSettings, VisionSettings
from bench.detector import pets_truth
from bench.machine import show

FPS = 10
NOISE = 4.0
EVERY = 10
SAMPLE = 40
BINS = (0.0, 0.04, 0.06, 0.08, 0.12, 0.2, 1.0)
Picture = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with mot15_pets09_s2l1")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = options.data / "mot15_pets09_s2l1"
    pictures = list(islice(decoded(folder / "vtest.avi"), 0, None, EVERY))
    empty = np.median(pictures, axis=0).astype(np.uint8)
    show({**saving(empty), "woken_by_height": noticing(empty, pictures, folder)}, as_json=options.json)


def decoded(path: Path) -> Iterator[Picture]:
    with av.open(str(path)) as container:
        for picture in container.decode(video=0):
            yield np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)


def noisy(picture: Picture, seed: int) -> Picture:
    grain = np.random.default_rng(seed).normal(0, NOISE, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def saving(empty: Picture) -> dict[str, float]:
    """CPU in ms per frame of the gate and of the detector, and the share that the gate saves."""
    still = cycle([noisy(empty, seed) for seed in range(20)])
    frames = [Frame("north", number / FPS, next(still)) for number in range(70 * FPS)]
    detector = TfliteDetector.from_settings(VisionSettings(), timer=SystemClock().monotonic)
    gate = Motion(MotionSettings())
    for frame in frames[: 10 * FPS]:
        gate.update(frame)
    minute = frames[10 * FPS :]
    gate_ms, woken = cpu_ms(gate.update, minute)
    detector_ms, _ = cpu_ms(lambda frame: bool(detector.detect(frame)), minute[:SAMPLE])
    return {
        "gate_cpu_ms": round(gate_ms, 3),
        "detector_cpu_ms": round(detector_ms, 2),
        "woken_share": round(woken, 4),
        "cpu_saved": round(1 - (gate_ms + woken * detector_ms) / detector_ms, 4),
    }


def cpu_ms(look: Callable[[Frame], bool], frames: Sequence[Frame]) -> tuple[float, float]:
    """CPU of all threads per frame, and the share of frames for which `look` said yes."""
    started = time.process_time()
    said = sum([look(frame) for frame in frames])
    return 1000 * (time.process_time() - started) / len(frames), said / len(frames)


def noticing(empty: Picture, pictures: Sequence[Picture], folder: Path) -> dict[str, str]:
    """Per range of heights: the share of pictures with one walker that wake the gate, and how many there were."""
    gate = Motion(MotionSettings(linger_s=0.0, floor_s=60.0))
    for number in range(5 * FPS):
        gate.update(Frame("north", number / FPS, noisy(empty, number)))
    found: dict[int, list[bool]] = defaultdict(list)
    for number, (tall, picture) in enumerate(walkers(empty, pictures, folder)):
        woken = copy.deepcopy(gate).update(Frame("north", 5.0, noisy(picture, number)))
        found[int(np.searchsorted(BINS, tall)) - 1].append(woken)
    return {
        f"{BINS[place]:.0%}-{BINS[place + 1]:.0%}": f"{np.mean(woken):.3f} of {len(woken)}"
        for place, woken in sorted(found.items())
    }


def walkers(empty: Picture, pictures: Sequence[Picture], folder: Path) -> Iterator[tuple[float, Picture]]:
    """The empty scene with one person, and how tall they are in it; the foot stays where it was."""
    people = pets_truth(folder / "gt.txt")
    for number, picture in enumerate(pictures):
        for box in people[number * EVERY + 1]:
            left, top, right, bottom = (max(0, round(edge)) for edge in box)
            for step in (1, 2, 3):
                person = picture[top:bottom:step, left:right:step]
                scene = empty.copy()
                foot = min(bottom, scene.shape[0])
                place = scene[foot - person.shape[0] : foot, left : left + person.shape[1]]
                place[:] = person[:, : place.shape[1]]
                yield person.shape[0] / scene.shape[0], scene


if __name__ == "__main__":
    main()
