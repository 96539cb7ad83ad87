"""Picture arithmetic of the camera room; the only import of OpenCV here.

All arrays are uint8; pictures are (height, width, 3) RGB.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.camera.settings import Rotation

Picture = NDArray[np.uint8]
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


LAYOUTS = {
    "YUV420": cv2.COLOR_YUV2RGB_I420,
    "YVU420": cv2.COLOR_YUV2RGB_YV12,
    "NV12": cv2.COLOR_YUV2RGB_NV12,
    "NV21": cv2.COLOR_YUV2RGB_NV21,
    "RGB888": cv2.COLOR_BGR2RGB,
    "BGR888": None,
    "XBGR8888": cv2.COLOR_RGBA2RGB,
    "XRGB8888": cv2.COLOR_BGRA2RGB,
}
"""Pixel format as libcamera names it -> OpenCV's conversion to RGB; the names read from the high byte
down, so that RGB888 lies in memory as B, G, R. YUV is taken as BT.601 with limited range."""


def rgb_from(array: Picture, *, layout: str, width: int, height: int) -> Picture:
    """A (height, width, 3) RGB copy of a buffer in one of LAYOUTS, without the padding of its rows.

    YUV arrays are (height * 3 / 2, stride): planes of a padded row fit together at the stride's
    width, so the picture is cut only after conversion.
    """
    code = LAYOUTS[layout]
    picture = array.copy() if code is None else np.asarray(cv2.cvtColor(np.ascontiguousarray(array), code), np.uint8)
    return np.ascontiguousarray(picture[:height, :width])
