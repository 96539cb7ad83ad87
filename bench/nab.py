"""Numenta's anomaly benchmark (NAB): its corpus and its score, for bench/sensor_anomaly.py.

The score follows the published definition (Lavin and Ahmad, ICMLA 2015, and the benchmark's own description):
a raise inside a labelled window earns the more the earlier it comes (a sigmoid of its place in the window, and
only the best one of a window counts), one outside costs little just behind a window and its full weight farther
away, a window without a raise costs the weight of a miss. The first 15 % of a file, of 5,000 rows at most, are
not scored. The sum over the corpus is put on a scale where never raising is 0 and perfection 100. The benchmark
itself chooses for each detector and profile the threshold with the best score on these same labels (`best`); a
detector in use has one threshold for all (`score`).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PROBATION, PROBATION_ROWS = 0.15, 5000
FAR = 3.0
"""Widths behind a window from which a false raise costs its full weight."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a hit, a miss and a false raise weigh."""

    hit: float
    miss: float
    false: float


@dataclass(frozen=True, slots=True)
class Series:
    """One file: instants, values, and what a raise at each row is worth."""

    name: str
    at: tuple[float, ...]
    values: tuple[float, ...]
    windows: tuple[tuple[int, int], ...]
    """First and last row of each, both within."""

    def probation(self) -> int:
        return math.ceil(min(math.floor(PROBATION * len(self.at)), PROBATION * PROBATION_ROWS))

    def worth(self) -> Iterator[tuple[int, float, int | None]]:
        """(row, share of a hit's or a false raise's weight, number of the window) of each scored row."""
        perfect = _sigmoid(-1.0)
        before: tuple[int, int] | None = None
        ahead = list(enumerate(self.windows))
        for row in range(len(self.at)):
            while ahead and ahead[0][1][1] < row:
                before = ahead.pop(0)[1]
            inside = bool(ahead) and ahead[0][1][0] <= row
            if row < self.probation():
                continue
            if inside:
                number, (first, last) = ahead[0]
                yield row, _sigmoid(-(last - row + 1) / (last - first + 1)) / perfect, number
            elif before is None:
                yield row, -1.0, None
            else:
                yield row, _sigmoid((row - before[1]) / (before[1] - before[0])), None


def _sigmoid(place: float) -> float:
    """1 at the beginning of a window (-1), 0 at its end (0), -1 far behind it."""
    return -1.0 if place >= FAR else 2.0 / (1.0 + math.exp(5.0 * place)) - 1.0


def corpus(folder: Path) -> list[Series]:
    """All files of a copy of the benchmark, in order of their names."""
    labels: dict[str, list[list[str]]] = json.loads((folder / "labels" / "combined_windows.json").read_text())
    return [_series(folder / "data", name, windows) for name, windows in sorted(labels.items())]


def profiles(folder: Path) -> dict[str, Profile]:
    """The benchmark's own three sets of weights."""
    kinds = json.loads((folder / "config_profiles.json").read_text())
    return {
        name: Profile(costs["tpWeight"], costs["fnWeight"], costs["fpWeight"])
        for name, costs in ((name, kind["CostMatrix"]) for name, kind in kinds.items())
    }


def _series(folder: Path, name: str, windows: Sequence[Sequence[str]]) -> Series:
    at, values = [], []
    for when, value in _rows(folder / name):
        at.append(_instant(when))
        values.append(float(value))
    limits = tuple((at.index(_instant(first)), at.index(_instant(last))) for first, last in windows)
    return Series(name.removesuffix(".csv"), tuple(at), tuple(values), limits)


def _rows(path: Path) -> Iterator[list[str]]:
    packed = path.with_name(path.name + ".gz")
    text = gzip.decompress(packed.read_bytes()).decode() if packed.exists() else path.read_text()
    rows = csv.reader(io.StringIO(text))
    next(rows)
    yield from rows


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


Scores = Mapping[str, Sequence[float]]
"""One number for each row of each series, by the series' name; the higher the more anomalous."""


def score(series: Sequence[Series], scores: Scores, profile: Profile, threshold: float) -> float:
    """The benchmark's score (0 never raising, 100 perfect) where all raise from this threshold on."""
    total = sum(_raw(one, scores[one.name], profile, threshold) for one in series)
    return scaled(total, sum(len(one.windows) for one in series), profile)


def best(series: Sequence[Series], scores: Scores, profile: Profile) -> tuple[float, float]:
    """(score, threshold) at the threshold that suits these labels best, as the benchmark itself chooses it."""
    rows = [
        (scores[one.name][row], worth, None if number is None else (one.name, number))
        for one in series
        for row, worth, number in one.worth()
    ]
    rows.sort(key=lambda row: -row[0])
    windows = sum(len(one.windows) for one in series)
    total, found = -profile.miss * windows, (-profile.miss * windows, math.inf)
    hits: dict[tuple[str, int], float] = {}
    for number, (value, worth, window) in enumerate(rows):
        if window is None:
            total += worth * profile.false
        else:
            total += max(0.0, worth * profile.hit - hits.get(window, -profile.miss))
            hits[window] = max(hits.get(window, -profile.miss), worth * profile.hit)
        if total > found[0] and (number + 1 == len(rows) or rows[number + 1][0] < value):
            found = (total, value)
    return scaled(found[0], windows, profile), found[1]


def scaled(total: float, windows: int, profile: Profile) -> float:
    never = -profile.miss * windows
    return 100.0 * (total - never) / (profile.hit * windows - never)


def _raw(one: Series, scores: Sequence[float], profile: Profile, threshold: float) -> float:
    hits = [-profile.miss] * len(one.windows)
    false = 0.0
    for row, worth, number in one.worth():
        if scores[row] < threshold:
            continue
        if number is None:
            false += worth * profile.false
        else:
            hits[number] = max(hits[number], worth * profile.hit)
    return false + sum(hits)
