"""Where things pass and how fast, by hour of the day on the clock on the wall: for whoever looks at the scene.

Nothing is judged by it. The invariant is that of the places: a cell that fewer than `least` tracks have crossed
in that hour, on all days together, is kept only as part of a patch with their mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agent.vision.calibration import LEAST
from agent.vision.places import COLUMNS, ROWS, Cell, Doubles, patches, plate

HOURS = 24
_FADES = 5_000.0
"""From so many tracks an hour of the day on older ones count half."""


@dataclass(slots=True)
class Hour:
    """`passed` and `speeds` (ROWS, COLUMNS): tracks, and sums of their body heights per second."""

    tracks: float = 0.0
    passed: Doubles = field(default_factory=lambda: np.zeros((ROWS, COLUMNS)))
    speeds: Doubles = field(default_factory=lambda: np.zeros((ROWS, COLUMNS)))


@dataclass(slots=True)
class Hourly:
    """The hours in which anything passed."""

    least: int = LEAST
    hours: dict[int, Hour] = field(default_factory=dict)

    def begin(self, hour: int) -> None:
        """Another track is counted."""
        now = self.hours.setdefault(hour, Hour())
        now.tracks += 1.0
        if now.tracks > _FADES:
            self.hours[hour] = Hour(now.tracks / 2.0, now.passed / 2.0, now.speeds / 2.0)

    def visit(self, hour: int, cell: Cell, speed: float) -> None:
        """A track is in a cell for the first time."""
        now = self.hours.setdefault(hour, Hour())
        now.passed[cell.row, cell.column] += 1.0
        now.speeds[cell.row, cell.column] += speed

    def state(self) -> dict[str, Any]:
        """What may be kept."""
        return {
            str(hour): {
                "tracks": int(one.tracks),
                "passed": patches(one.passed, one.tracks, self.least),
                "speeds": [
                    [int(at), round(float(one.speeds.flat[at]), 1)] for at in np.flatnonzero(one.passed >= self.least)
                ],
            }
            for hour, one in sorted(self.hours.items())
            if one.tracks >= self.least
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what was kept; ValueError where an hour is none."""
        self.hours = {}
        for name, kept in state.items():
            if not 0 <= int(name) < HOURS:
                raise ValueError(f"no hour: {name}")
            one = self.hours[int(name)] = Hour(float(kept["tracks"]), plate(kept["passed"]))
            for at, total in kept["speeds"]:
                one.speeds.flat[at] = total
