"""Picture arithmetic of the camera room; the only import of OpenCV here.

All arrays are uint8; pictures are (height, width, 3) RGB.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Rotation = Literal[0, 90, 180, 270]

_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def turned(pixels: Picture, rotation: Rotation) -> Picture:
    """The picture turned clockwise by `rotation` degrees; itself at 0."""
    return np.asarray(cv2.rotate(pixels, _TURNS[rotation]), np.uint8) if rotation else pixels


def sealed(pixels: Picture) -> Picture:
    """The same array, read-only from here on."""
    pixels.flags.writeable = False
    return pixels


def scaled(pixels: Picture, *, width: int, height: int) -> Picture:
    """A smooth enlargement."""
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def lit(pixels: Picture, share: float) -> Picture:
    """The picture at `share` of its brightness; itself at 1."""
    if share == 1.0:
        return pixels
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=share), np.uint8)


def smeared(pixels: Picture, *, radius_px: int) -> Picture:
    """A box blur over 2 x radius + 1 pixels."""
    side = 2 * radius_px + 1
    return np.asarray(cv2.blur(pixels, (side, side)), np.uint8)


def grained(pixels: Picture, brighter: Picture, darker: Picture) -> Picture:
    """`pixels + brighter - darker`, saturating at both ends, written over `pixels`."""
    cv2.subtract(cv2.add(pixels, brighter, dst=pixels), darker, dst=pixels)
    return pixels
