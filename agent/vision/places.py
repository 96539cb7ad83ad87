"""Where things usually pass here and which way they go: counts of tracks on a coarse grid.

A thing counts once for a cell, and once for each of eight ways in which it crosses the cell. Rarity is
minus the logarithm of a share, smoothed over the neighbours. The invariant: what `state` gives are
patches of cells that at least `least` tracks have crossed; cells with fewer are one patch together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.vision.calibration import LEAST

Doubles = NDArray[np.float64]

ROWS, COLUMNS, WAYS = 14, 24, 8
_FADES = 20_000.0
"""From so many tracks on older ones count half."""
_ELSEWHERE = 20.0
"""Tracks that go as all do in the whole picture, granted to every place: a few that went one way make no stream."""
_DOUBT = 0.5
"""Tracks that every cell is granted beforehand."""


class Cell(NamedTuple):
    """A cell of the grid, and one of eight ways where the thing moves."""

    row: int
    column: int
    way: int | None


@dataclass(slots=True)
class Places:
    """`passed` (ROWS, COLUMNS) tracks, `headed` (WAYS, ROWS, COLUMNS) tracks, `speeds` sums of body heights per second."""

    tracks: float = 0.0
    passed: Doubles = field(default_factory=lambda: np.zeros((ROWS, COLUMNS)))
    headed: Doubles = field(default_factory=lambda: np.zeros((WAYS, ROWS, COLUMNS)))
    speeds: Doubles = field(default_factory=lambda: np.zeros((ROWS, COLUMNS)))
    least: int = LEAST

    def begin(self) -> None:
        """Another track is counted."""
        self.tracks += 1.0
        if self.tracks > _FADES:
            self.tracks /= 2.0
            self.passed, self.headed, self.speeds = self.passed / 2.0, self.headed / 2.0, self.speeds / 2.0

    def visit(self, cell: Cell, speed: float, visited: set[Cell]) -> bool:
        """A thing is in a cell, and whether for the first time; `visited` is where it was before, and is added to."""
        here = Cell(cell.row, cell.column, None)
        is_first = here not in visited
        if is_first:
            self.passed[cell.row, cell.column] += 1.0
            self.speeds[cell.row, cell.column] += speed
        if cell.way is not None and cell not in visited:
            self.headed[cell.way, cell.row, cell.column] += 1.0
        visited |= {here, cell}
        return is_first

    def rarity(self, cell: Cell) -> tuple[float, float]:
        """How rare it is that things pass here, and that those who do go this way; 0 where not known."""
        if self.tracks < self.least:
            return 0.0, 0.0
        rows, columns = _around(cell.row, ROWS), _around(cell.column, COLUMNS)
        near = float(self.passed[rows, columns].mean())
        place = -math.log((near + _DOUBT) / (self.tracks + 1.0))
        ways, everywhere = self.headed[:, rows, columns].sum(axis=(1, 2)), self.headed.sum(axis=(1, 2))
        if cell.way is None or everywhere.sum() < self.least:
            return place, 0.0
        usual = _alike(everywhere, cell.way) / everywhere.sum()
        alike = _alike(ways, cell.way) + _DOUBT + _ELSEWHERE * usual
        return place, -math.log(min(1.0, alike / (ways.sum() + 2.0 * _DOUBT + _ELSEWHERE)))

    def state(self) -> dict[str, Any]:
        """What may be kept."""
        if self.tracks < self.least:
            return {"tracks": 0}
        speeds = np.where(self.passed >= self.least, self.speeds, 0.0)
        return {
            "tracks": int(self.tracks),
            "passed": patches(self.passed, self.tracks, self.least),
            "headed": [patches(plate, self.tracks, self.least) for plate in self.headed],
            "speeds": [[round(float(one), 1) for one in row] for row in speeds],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what was kept."""
        self.tracks = float(state["tracks"])
        if self.tracks:
            self.passed = plate(state["passed"])
            self.headed = np.stack([plate(one) for one in state["headed"]])
            self.speeds = np.array(state["speeds"], np.float64)


def cell(x: float, y: float, motion: tuple[float, float] | None) -> Cell:
    """The cell of a point in fractions of the frame, and the way of a motion along x and y."""
    way = None if motion is None else round(math.atan2(motion[1], motion[0]) / math.tau * WAYS) % WAYS
    return Cell(min(max(int(y * ROWS), 0), ROWS - 1), min(max(int(x * COLUMNS), 0), COLUMNS - 1), way)


def _alike(ways: Doubles, way: int) -> float:
    """How many of (WAYS,) tracks went this way, those of the ways beside it counting half."""
    return float(ways[way] + (ways[way - 1] + ways[(way + 1) % WAYS]) / 2.0)


def _around(place: int, size: int) -> slice:
    return slice(max(0, place - 1), min(size, place + 2))


def patches(plate: Doubles, tracks: float, least: int) -> list[dict[str, Any]]:
    """Cells that rest on enough tracks one by one; all others as one patch with their mean."""
    flat = plate.ravel()
    sure = np.flatnonzero(flat >= least)
    rest = np.flatnonzero((flat > 0.0) & (flat < least))
    told = [{"tracks": round(float(flat[at]), 1), "cells": [int(at)], "each": round(float(flat[at]), 1)} for at in sure]
    if len(rest) and flat[rest].sum() >= least:
        told.append({"tracks": int(tracks), "cells": rest.tolist(), "each": round(float(flat[rest].mean()), 2)})
    return told


def plate(kept: list[Mapping[str, Any]]) -> Doubles:
    """The grid that `patches` were made of, as far as they tell."""
    flat = np.zeros(ROWS * COLUMNS)
    for patch in kept:
        flat[patch["cells"]] = patch["each"]
    return flat.reshape(ROWS, COLUMNS)
