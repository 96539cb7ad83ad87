"""How tall a person is where they stand: the ruler of a scene, learned from those who pass.

On level ground the height of a standing person grows linearly with the row of the feet (Hoiem et al.,
Putting Objects in Perspective, CVPR 2006), so two numbers are enough. They are fitted to sums over all
sights; sights far from what is known already (sitting, half hidden) are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.vision.calibration import LEAST

Floats = NDArray[np.float32]

_STRANGE = 0.4
"""A height off by more than this share of what is known says nothing of the ground."""
_SHALLOW = 1e-4
"""Variance of the rows of feet below which all stand on one row and no slope can be told."""
_LEAST_HEIGHT = 0.25
"""No place has people of less than this share of the mean height."""
_FADES = 100_000.0


@dataclass(slots=True)
class Perspective:
    """Sums over sights of people: count, x, y, xx, xy, with x the row of the feet and y the height."""

    tracks: int = 0
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(5))
    least: int = LEAST

    @property
    def is_known(self) -> bool:
        return self.tracks >= self.least

    @property
    def usual(self) -> float | None:
        """The mean height of people here, as a share of the frame's; None before enough were seen."""
        return float(self.sums[2] / self.sums[0]) if self.is_known else None

    def see(self, foot: float, height: float, *, fresh: bool) -> None:
        """A person who stands in full within the frame; `fresh` when this track was not seen before."""
        self.tracks += fresh
        if self.is_known:
            usual = float(self.at(np.array([foot], np.float32))[0])
            if abs(height - usual) > _STRANGE * usual:
                return
        self.sums += (1.0, foot, height, foot * foot, foot * height)
        if self.sums[0] > _FADES:
            self.sums /= 2.0

    def at(self, feet: Floats) -> Floats:
        """Heights of people whose feet are on these rows, in fractions of the frame."""
        count, x, y, xx, xy = self.sums
        mean_x, mean_y = x / count, y / count
        variance = xx / count - mean_x**2
        slope = (xy / count - mean_x * mean_y) / variance if variance > _SHALLOW else 0.0
        return np.asarray(np.maximum(mean_y + slope * (feet - mean_x), _LEAST_HEIGHT * mean_y), np.float32)

    def state(self) -> dict[str, Any]:
        """What may be kept: nothing before enough different people were seen."""
        return {"tracks": self.tracks, "sums": self.sums.tolist()} if self.is_known else {"tracks": 0}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what was kept."""
        self.tracks = int(state["tracks"])
        self.sums = np.array(state.get("sums", [0.0] * 5), np.float64)
