"""A detector for the synthetic camera: it finds the actors by the colours they are painted in.

It works on the pixels alone, so that a world on the simulated clock goes through masks, tracks and
zones as a real scene would, by day and in dim light. Two actors of one label that touch are one
thing to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from agent.pixels import ACTOR_COLOURS, Box, Detection, Detections, Frame
from agent.vision import NO_MODEL
from agent.vision.raster import Blob, Picture, blobs, look_up
from agent.vision.settings import VisionSettings

LABELS = tuple(ACTOR_COLOURS)
"""The order of `Detection.scores`."""

_SCORE = 0.9
_LEAST_PIXELS = 12
_DIMMEST, _BRIGHTEST = 0.2, 1.15
"""How much light, as a share of full, may fall on an actor."""
_OFF_HUE = 0.12
_OFF_LEVELS = 6.0
"""A pixel may lie off the line from black to its colour by this share of its length, and by noise."""


class ChromaDetector:
    """Finds what is painted in `ACTOR_COLOURS`; `labels` says which of them are wanted."""

    def __init__(self, *, labels: tuple[str, ...], timer: Callable[[], float]) -> None:
        self.invoke_s = 0.0
        self.accelerated: bool | None = None
        self.classes = LABELS
        self.digest = NO_MODEL
        self._wanted = tuple(number for number, label in enumerate(LABELS) if label in labels)
        self._table = _nearest_labels()
        self._timer = timer

    @classmethod
    def from_settings(cls, settings: VisionSettings, *, timer: Callable[[], float]) -> Self:
        """The detector that a configuration asks for; `timer` gives seconds and never runs back."""
        return cls(labels=settings.labels, timer=timer)

    def detect(self, frame: Frame) -> Detections:
        """Everything painted in the colour of a wanted label."""
        started = self._timer()
        painted = look_up(frame.pixels, self._table)
        present = frozenset(np.unique(painted[painted > 0]).tolist())
        items = tuple(item for number in self._wanted if number + 1 in present for item in _found(painted, number))
        self.invoke_s = self._timer() - started
        return Detections(frame.camera, frame.at, items)


def _found(painted: Picture, number: int) -> Iterator[Detection]:
    height, width = painted.shape
    scores = np.where(np.arange(len(LABELS)) == number, np.float32(_SCORE), np.float32(0.0))
    for blob in blobs((painted == number + 1).astype(np.uint8), least=_LEAST_PIXELS):
        yield Detection(LABELS[number], _SCORE, _box(blob, height=height, width=width), scores)


def _box(blob: Blob, *, height: int, width: int) -> Box:
    return Box(blob.left / width, blob.top / height, blob.right / width, blob.bottom / height)


def _nearest_labels() -> NDArray[np.uint8]:
    """For 32 x 32 x 32 colours the number of the label from 1, or 0 where it is none's paint."""
    levels = np.arange(32) * 8 + 3.5
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    off = np.stack([_off(colours, np.array(paint, float)) for paint in ACTOR_COLOURS.values()])
    nearest = np.asarray(np.argmin(off, axis=0) + 1, np.uint8)
    allowed = _OFF_HUE * np.linalg.norm(colours, axis=-1) + _OFF_LEVELS
    return np.where(off.min(axis=0) <= allowed, nearest, np.uint8(0)).ravel()


def _off(colours: NDArray[np.float64], paint: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many levels each colour is away from `paint` under any light that may fall on it."""
    light = np.clip(colours @ paint / (paint @ paint), _DIMMEST, _BRIGHTEST)
    return np.asarray(np.linalg.norm(colours - light[..., None] * paint, axis=-1))
