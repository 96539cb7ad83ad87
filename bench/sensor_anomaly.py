"""How well the node tells what is strange about sensors' readings, on public benchmarks, beside known methods.

    python bench/sensor_anomaly.py --data FOLDER [--json]

`FOLDER/nab` is a copy of Numenta's anomaly benchmark (see bench/nab.py for its score). The rule `series` runs at its
defaults, a row a sample: one configuration and one threshold for all files (`score`), and the threshold that suits the
labels best, as the benchmark itself chooses it for every detector (`best_threshold`). The constants of
agent/anomaly/series.py were chosen while looking at this very corpus, so the score at other values of `strictness` says
more of what to expect elsewhere. Peers in the same run: the benchmark's windowed Gaussian (window
6400, step 100; published: 39.6, 20.9, 47.4) and random scores (published: 11.0, 1.2, 19.5), both at their best threshold.

`FOLDER/skab` is a copy of SKAB (see bench/skab.py). The judge of the rule `together` learns 400 rows; its constants were
chosen on these files too. Peers: T2 and Q of principal components, and an isolation forest, both over the 99 % quantile.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.anomaly.series import Series
from bench import nab, skab
from bench.machine import show

STRICTNESSES = (0.8, 0.9, 0.95, 1.05, 1.1, 1.2)
WINDOW, STEP = 6400, 100
SEED = 42


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with nab/ and skab/")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    show({"skab": skab.figures(options.data / "skab"), "nab": nab_figures(options.data / "nab")}, as_json=options.json)


def nab_figures(folder: Path) -> dict[str, Any]:
    """Scores of the node and its peers in all profiles of the benchmark."""
    series, profiles = nab.corpus(folder), nab.profiles(folder)
    began = time.process_time()
    told = strengths(series, 1.0)
    spent = time.process_time() - began
    rows = sum(len(one.at) for one in series)
    peers = {
        "windowed_gaussian": {one.name: windowed_gaussian(one.values) for one in series},
        "random": chance(series),
    }
    return {
        "files": len(series),
        "rows": rows,
        "windows": sum(len(one.windows) for one in series),
        "score": {name: round(nab.score(series, told, profile, 1.0), 1) for name, profile in profiles.items()},
        "best_threshold": {name: round(nab.best(series, told, profile)[0], 1) for name, profile in profiles.items()},
        "standard_at_other_strictness": {
            strictness: round(nab.score(series, strengths(series, strictness), profiles["standard"], 1.0), 1)
            for strictness in STRICTNESSES
        },
        "told": sum(value > 0.0 for scores in told.values() for value in scores),
        "us_per_reading": round(spent / rows * 1e6, 1),
        "peers_best_threshold": {
            peer: {name: round(nab.best(series, scores, profile)[0], 1) for name, profile in profiles.items()}
            for peer, scores in peers.items()
        },
    }


def strengths(series: Iterable[nab.Series], strictness: float) -> dict[str, list[float]]:
    """How strange each row was where it was told, else 0."""
    return {one.name: _told(one, Series(strictness)) for one in series}


def _told(one: nab.Series, judge: Series) -> list[float]:
    sights = (judge.update(value, at) for at, value in zip(one.at, one.values, strict=True))
    return [0.0 if sight is None else sight.strength for sight in sights]


def windowed_gaussian(values: Sequence[float]) -> list[float]:
    """The benchmark's own simple peer: how far in the tail of a normal distribution of the latest readings."""
    scores: list[float] = []
    mean, spread = 0.0, 1.0
    known = np.asarray(values)
    for number, value in enumerate(values):
        off = abs(value - mean) / spread
        scores.append(1.0 - 0.5 * math.erfc(off / math.sqrt(2.0)) if number else 0.0)
        until = number + 1
        if until <= WINDOW or (until - WINDOW) % STEP == 0:
            latest = known[max(0, until - WINDOW) : until]
            mean, spread = float(np.mean(latest)), float(np.std(latest)) or 1e-6
    return scores


def chance(series: Iterable[nab.Series]) -> dict[str, list[float]]:
    """Scores that know nothing."""
    source = random.Random(SEED)
    return {one.name: [source.random() for _ in one.at] for one in series}


if __name__ == "__main__":
    main()
