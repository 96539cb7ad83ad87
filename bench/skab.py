"""SKAB, a benchmark of a water circulation with eight sensors, for bench/sensor_anomaly.py: its files, score and three peers.

Its protocol: of each file the first 400 rows are normal and learned, every row is then said to be strange or not, and
precision and recall of the rows of all files together make one F1. Rows of the copy here: valve1 and other (valve2 is not in it).
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.anomaly.together import OVER, Together
from bench.autoencoder import strangeness

LEARNED = 400
SENSORS = 8
TREES, SAMPLE = 100, 256
SHARE = 0.99
LIMIT = 3.0
"""Times the 99 % quantile of what was learned: what the node's own judge takes."""
LIMITS = (1.0, 1.25, 1.5, 2.0, LIMIT, 4.0, 6.0)
Flags = NDArray[np.bool_]
Rows = NDArray[np.float64]


class File(NamedTuple):
    """One experiment."""

    rows: Rows
    strange: Flags


def files(folder: Path) -> list[File]:
    """All labelled experiments of a copy of the benchmark."""
    return [_file(path) for part in ("valve1", "other") for path in sorted((folder / "data" / part).glob("*.csv*"))]


def _file(path: Path) -> File:
    raw = path.read_bytes()
    text = gzip.decompress(raw).decode() if path.suffix == ".gz" else raw.decode()
    lines = list(csv.reader(io.StringIO(text), delimiter=";"))[1:]
    rows = np.array([[float(value) for value in line[1 : 1 + SENSORS]] for line in lines])
    return File(rows, np.array([float(line[1 + SENSORS]) > 0 for line in lines]))


def f1(experiments: Iterable[File], judge: Callable[[Rows], Flags]) -> dict[str, float]:
    """F1 of all rows, with the share of normal rows that were flagged and of strange ones that were not."""
    said = [(judge(one.rows), one.strange) for one in experiments]
    hit, false, missed, right = (
        sum(int(((flags == told) & (strange == true)).sum()) for flags, strange in said)
        for told, true in ((True, True), (True, False), (False, True), (False, False))
    )
    return {
        "f1": round(2 * hit / (2 * hit + false + missed), 3),
        "false": round(false / (false + right), 3),
        "missed": round(missed / (missed + hit), 3),
    }


def together(rows: Rows) -> Flags:
    """The node's own judge, at its defaults but for what it has to learn from."""
    one = Together(SENSORS, warm_up=LEARNED - OVER + 1)
    return np.array([one.update(row) is not None for row in rows.tolist()])


def t2_and_q(rows: Rows) -> Flags:
    """Hotelling's T2 and the squared residual of a principal component model of nine tenths of the variance."""
    learned = rows[:LEARNED]
    scaled = (rows - learned.mean(0)) / (learned.std(0) + 1e-9)
    _, sizes, axes = np.linalg.svd(scaled[:LEARNED], full_matrices=False)
    variances = sizes**2 / (LEARNED - 1)
    kept = int(np.searchsorted(np.cumsum(variances) / variances.sum(), 0.9)) + 1
    inside = scaled @ axes[:kept].T
    t2 = (inside**2 / variances[:kept]).sum(1)
    q = ((scaled - inside @ axes[:kept]) ** 2).sum(1)
    flags: Flags = (t2 > np.quantile(t2[:LEARNED], SHARE)) | (q > np.quantile(q[:LEARNED], SHARE))
    return flags


def isolation_forest(rows: Rows) -> Flags:
    """Random cuts: what is alone after few of them is strange (Liu, Ting and Zhou, ICDM 2008)."""
    forest = _Forest(rows, np.zeros(len(rows)), np.random.default_rng(1))
    for _ in range(TREES):
        _cut(forest, rows[forest.source.choice(LEARNED, SAMPLE, replace=False)], np.arange(len(rows)), 0)
    return forest.depths < np.quantile(forest.depths[:LEARNED], 1.0 - SHARE)


class _Forest(NamedTuple):
    """What all cuts of one run share."""

    rows: Rows
    depths: Rows
    source: np.random.Generator


def _cut(forest: _Forest, sample: Rows, which: NDArray[np.intp], depth: int) -> None:
    """Add the depth at which each of `which` rows comes to rest."""
    if len(sample) <= 1 or depth >= np.log2(SAMPLE) or not len(which):
        forest.depths[which] += depth + (2 * (np.log(len(sample)) + 0.5772) - 2 if len(sample) > 2 else len(sample) / 2)
        return
    column = int(forest.source.integers(sample.shape[1]))
    at = forest.source.uniform(sample[:, column].min(), sample[:, column].max())
    for side in (True, False):
        _cut(
            forest,
            sample[(sample[:, column] < at) == side],
            which[(forest.rows[which, column] < at) == side],
            depth + 1,
        )


def figures(folder: Path) -> dict[str, dict[str, float]]:
    """F1 of the node and its peers."""
    experiments: Sequence[File] = files(folder)
    judges = {"together": together, "t2_and_q": t2_and_q, "isolation_forest": isolation_forest}
    return {name: f1(experiments, judge) for name, judge in judges.items()} | autoencoders(experiments)


def autoencoders(experiments: Sequence[File]) -> dict[str, dict[str, float]]:
    """An autoencoder at the limit that the node's own judge has, and at the one of `LIMITS` that suits these labels best."""
    known = [strangeness(one.rows, learned=LEARNED) for one in experiments]
    scored = {limit: _over(experiments, known, limit) for limit in LIMITS}
    best = max(LIMITS, key=lambda limit: scored[limit]["f1"])
    return {"autoencoder": scored[LIMIT], "autoencoder_best_limit": scored[best] | {"limit": best}}


def _over(experiments: Sequence[File], known: Sequence[Rows], limit: float) -> dict[str, float]:
    said = iter(known)
    return f1(experiments, lambda _: next(said) > limit)
