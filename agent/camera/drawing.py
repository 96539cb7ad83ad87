"""How a drawn world looks: a textured ground, figures in the colour of their label, light and noise.

The same scene, size and frame number give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from agent.camera.pictures import Picture, grained, lit, scaled
from agent.camera.stage import Figure
from agent.camera.world import Label, Scene
from agent.pixels import ACTOR_COLOURS

_Profile = tuple[tuple[float, float], ...]
_PERSON: _Profile = ((0.0, 0.2), (0.16, 0.3), (0.2, 0.8), (0.55, 1.0), (0.75, 0.7), (1.0, 0.6))
_VEHICLE: _Profile = ((0.0, 0.5), (0.35, 0.6), (0.4, 1.0), (1.0, 1.0))
_BLOCK: _Profile = ((0.0, 1.0), (1.0, 1.0))
OUTLINES: dict[Label, _Profile] = {"person": _PERSON, "car": _VEHICLE, "motorcycle": _VEHICLE, "bicycle": _VEHICLE}
"""Label -> (share of the height from the top, share of the width that is filled there)."""


@dataclass(slots=True)
class Painter:
    """Draws one camera's pictures of a scene at a fixed size."""

    scene: Scene
    camera: str
    width: int
    height: int
    seed: int
    _ground: Picture = field(init=False)
    _grain: Picture = field(init=False)

    def __post_init__(self) -> None:
        chance = self.chance(-1)
        coarse = chance.integers(95, 150, (max(2, self.height // 12), max(2, self.width // 12), 1), np.uint8)
        tint = chance.integers(0, 12, (*coarse.shape[:2], 3), np.uint8)
        self._ground = scaled(coarse + tint, width=self.width, height=self.height)
        top = round(self.scene.noise * 255)
        self._grain = chance.integers(0, top + 1, (2 * self.height, 2 * self.width, 3), np.uint8)

    def chance(self, number: int) -> np.random.Generator:
        """What is random in frame `number`, and nowhere else."""
        return np.random.default_rng([self.scene.seed, self.seed, crc32(self.camera.encode()), number + 1])

    def picture(self, figures: tuple[Figure, ...], *, number: int, t: float) -> Picture:
        """The figures on the ground, in their order, lit as at `t` seconds."""
        pixels = self._ground.copy()
        for figure in figures:
            self._draw(pixels, figure)
        return self._noisy(lit(pixels, self._light(t)), number)

    def _light(self, t: float) -> float:
        if not self.scene.light:
            return 1.0
        moments, shares = zip(*self.scene.light, strict=True)
        return float(np.interp(t, moments, shares))

    def _noisy(self, pixels: Picture, number: int) -> Picture:
        """Sensor noise: a window of a fixed grain, at a place that depends on the frame number."""
        if not self.scene.noise:
            return pixels
        return grained(pixels, self._window(number, "brighter"), self._window(number, "darker"))

    def _window(self, number: int, what: str) -> Picture:
        """A CRC scatters well enough here, and costs a hundredth of a new generator."""
        scattered = crc32(f"{self.seed}/{number}/{what}".encode())
        row, column = scattered % self.height, scattered // self.height % self.width
        return self._grain[row : row + self.height, column : column + self.width]

    def _draw(self, pixels: Picture, figure: Figure) -> None:
        left, right = round(figure.box.left * self.width), round(figure.box.right * self.width)
        top, bottom = round(figure.box.top * self.height), round(figure.box.bottom * self.height)
        rows = slice(max(0, top), min(self.height, bottom))
        columns = slice(max(0, left), min(self.width, right))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        shape = silhouette(figure.label, max(1, right - left), max(1, bottom - top), lying=figure.lying)
        inside = shape[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        pixels[rows, columns][inside] = ACTOR_COLOURS[figure.label]


@lru_cache(maxsize=4096)
def silhouette(label: Label, width: int, height: int, *, lying: bool = False) -> NDArray[np.bool_]:
    """Which of (height, width) pixels belong to the figure; its extremes touch all four edges."""
    if lying:
        return silhouette(label, height, width).T
    at, filled = zip(*OUTLINES.get(label, _BLOCK), strict=True)
    rows = np.interp((np.arange(height) + 0.5) / height, at, filled)
    rows = np.maximum(rows / rows.max(), 1.0 / width)
    across = np.abs((np.arange(width) + 0.5) / width - 0.5) * 2
    return np.asarray(across[None, :] <= np.maximum(rows[:, None], across.min()))
