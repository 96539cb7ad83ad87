"""What a picture costs before anybody looks at it: CPU per frame of each way to get one.

    python bench/camera.py --data FOLDER [--json]

The film is one-by-one-person-detection.mp4 (H.264, 768x432), its first 300 frames, decoded by one driver in
different settings, each in turn with the plain one that gives every frame in RGB; ms are CPU time of all threads.
`decoding` alone converts one picture in a hundred.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from agent.camera import Camera, Surroundings, open_camera
from agent.camera.pictures import rgb_from
from agent.camera.settings import SyntheticSettings, VideoSettings
from agent.camera.world import Crowd, Scene
from agent.clock import SimulatedClock
from bench.machine import alternate, show

FRAMES = 300
FPS = 10
ROUNDS = 7
WAYS: dict[str, dict[str, Any]] = {
    "decoding": {"fps": FPS / 100},
    "scaled_to_416": {"width": 416},
    "turned_180": {"rotation": 180},
    "turned_90": {"rotation": 90},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with clips/")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    film = options.data / "clips" / "one-by-one-person-detection.mp4"
    show({**films(film), "csi_yuv_to_rgb_cpu_ms": converting(), "drawn_cpu_ms": drawing()}, as_json=options.json)


def films(path: Path) -> dict[str, dict[str, float]]:
    """CPU in ms per decoded frame: the plain driver and each other way, measured in turn, and their ratio."""
    figures = {}
    for name, settings in WAYS.items():
        ratios = alternate(spent(path), spent(path, **settings), rounds=ROUNDS)
        figures[name] = {"rgb": round(ratios.a, 2), name: round(ratios.b, 2), "ratio": round(ratios.ratio, 2)}
    return figures


def spent(path: Path, **settings: Any) -> Callable[[], float]:
    """A run over the film's first 30 seconds; all of them are decoded, whatever is given."""
    options = VideoSettings(source=str(path), pace="fast", **settings)
    wanted = 1 + round(FRAMES / FPS * settings["fps"]) if "fps" in settings else FRAMES
    return lambda: drained_ms(open_camera("gate", options, Surroundings(SimulatedClock())), wanted) / FRAMES


def drained_ms(camera: Camera, count: int) -> float:
    """CPU of all threads for the first `count` frames."""
    frames = camera.frames()
    began = process_time()
    assert sum(1 for _ in islice(frames, count)) == count
    return (process_time() - began) * 1000


def converting() -> float:
    """The CSI camera's own picture, 768x432 in planar YUV, to RGB."""
    planes = np.random.default_rng(1).integers(0, 256, (432 * 3 // 2, 768), np.uint8)
    began = process_time()
    for _ in range(FRAMES):
        rgb_from(planes, layout="YUV420", width=768, height=432)
    return round((process_time() - began) * 1000 / FRAMES, 2)


def drawing() -> float:
    """A drawn picture of 320x240 with five people a minute walking through it."""
    crowd = Crowd(rate_per_min=5, path=((-0.1, 0.8), (1.1, 0.8)))
    surroundings = Surroundings(SimulatedClock(), scene=Scene(duration_s=FRAMES / 5, crowds=(crowd,)))
    return round(drained_ms(open_camera("gate", SyntheticSettings(), surroundings), FRAMES) / FRAMES, 2)


if __name__ == "__main__":
    main()
