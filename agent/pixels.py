"""What only `camera/` and `vision/` may know: pictures, boxes and tracks.

import-linter refuses this module to every other room, so no type that leaves `vision/` can hold a
picture, a place finer than a zone, or an identity. Geometry is in fractions of the frame, origin at
the top left, x to the right and y downwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ACTOR_COLOURS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "person": (200, 40, 40),
        "bicycle": (40, 180, 60),
        "car": (40, 80, 220),
        "motorcycle": (220, 160, 30),
        "bus": (160, 60, 200),
        "truck": (30, 190, 190),
        "dog": (120, 80, 30),
        "object": (240, 240, 60),
    }
)
"""Label -> RGB: what the synthetic camera paints and the chroma detector looks for."""


class Box(NamedTuple):
    """An upright rectangle in fractions of the frame: 0 <= left < right <= 1 where it is whole."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture: `pixels` is a read-only uint8 array of shape (height, width, 3), RGB.

    `at` is the instant of exposure as the sensor or container states it, in seconds since 1970.
    """

    camera: str
    at: float
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing that the detector found.

    `scores` are the probabilities of all classes of the model, shape (classes,), float32, where the
    detector gives them: evidence for scene normality, dropped at the edge of `vision/`.
    """

    label: str
    score: float
    box: Box
    scores: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Detections:
    """What one frame holds."""

    camera: str
    at: float
    items: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class Track:
    """One thing followed from frame to frame; `number` means nothing outside this process.

    `velocity` is in frame fractions per second (x, y); `coasting_s` is how long it has not been
    seen; `scores` are those of its latest detection.
    """

    number: int
    label: str
    box: Box
    since: float
    score: float
    velocity: tuple[float, float] = (0.0, 0.0)
    coasting_s: float = 0.0
    scores: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Tracks:
    """What is being followed at one instant.

    `exchanged` are pairs of numbers that turned out to have been confused and now stand right.
    """

    camera: str
    at: float
    items: tuple[Track, ...]
    exchanged: tuple[tuple[int, int], ...] = ()
