"""How often a scene's normality raises on everyday film in which nothing is known to be wrong.

    python bench/calm.py --data FOLDER [--json] [--model NAME] [--every N]

Each real film that is long enough (bench/tamper.py has the list) is cut into four, and each fourth is judged by what the
other three taught, shown once: what a film that has to be shown again would say is said of no time that passed. Where too
little passes in three quarters to learn from, nothing is told, as on a node, and nothing is counted. UCSD Ped2, the longest, is
judged so by bench/scene_anomaly.py. The bound is Poisson, 95 %, one-sided.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import cv2

from bench.machine import show
from bench.scene_anomaly import Eyes, normal, rate
from bench.scenes import Clip, Video
from bench.tamper import films


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with clips and mot15_pets09_s2l1")
    parser.add_argument("--model", default="nanodet-g-416")
    parser.add_argument("--every", type=int, default=3, help="the detector looks at every so many frames")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    figures: dict[str, Any] = {}
    for path in films(options.data):
        figures[path.stem] = judged(path, options.model, options.every)
        print(json.dumps({path.stem: figures[path.stem]}), file=sys.stderr, flush=True)  # each takes a minute or more
    told = list(figures.values())
    in_all = rate(sum(one["raises"] for one in told), sum(one["seconds"] for one in told))
    show({**figures, "in_all": in_all}, as_json=options.json)


def judged(path: Path, model: str, every: int) -> dict[str, Any]:
    """A film that is all normal, by itself."""
    clip = Clip(path.stem, path)
    film = Video(path.parent, [clip], [], {})
    return {"film_s": round(clip.seconds(), 1), **normal(film, Eyes.of(model, every), passes=1)}


if __name__ == "__main__":
    main()
