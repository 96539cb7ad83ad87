"""Numbers for who turns a camera and its lens by hand: sharpness, how much sky, how far from level.

They are made only while commissioning is open, say nothing of anybody, and stay in the node's run folder.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from agent.pixels import Frame, Tracks
from agent.vision.masks import GREY
from agent.vision.raster import Picture, grey_at_most

_FOCUS_PX = 1280
"""Wider pictures are looked at this small: beyond it the finest detail is the sensor's grain."""
_STEP_PX = 2
_PARTS = 8
_UPPER = 0.75
_LIGHT_PX = 96
_WHITE = 255.0
_SCALE = 1000.0
_PALE = 0.62
"""Sky is lighter than this share of the lightest of the picture,"""
_LIGHTER = 1.15
"""is so much lighter than what is below it,"""
_EVEN = 10.0
"""differs by less than so many grey levels from row to row,"""
_WARM = 12.0
"""and is no redder than blue by more."""
_UPRIGHT_DEG = 20.0
"""Edges nearer than this to upright or level are taken for walls, posts and kerbs."""
_FAINT = 12.0
_FEW = 24


def focus(frame: Frame, tracks: Tracks) -> float:
    """Brenner's gradient (Brenner et al. 1976) of a sharp part of the picture beside its mean brightness: more is sharper.

    The upper quartile of the parts is told, so nobody who walks through one of them changes it. What a mask covers and
    where somebody is known to be does not count at all.
    """
    grey = grey_at_most(frame.pixels, width=_FOCUS_PX).astype(np.float32)
    counts = _free(grey, tracks)
    step = np.square(grey[:, _STEP_PX:] - grey[:, :-_STEP_PX])
    both = counts[:, _STEP_PX:] & counts[:, :-_STEP_PX]
    seen = _by_part(both.astype(np.float32))
    if not seen.any():
        return 0.0
    parts = _by_part(step * both)[seen > 0.0] / seen[seen > 0.0]
    return _SCALE * float(np.quantile(parts, _UPPER)) / max(1.0, float(np.square(grey[counts]).mean()))


def _by_part(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums over the parts of a picture, float32 (_PARTS, _PARTS)."""
    rows, columns = (np.linspace(0, size, _PARTS, endpoint=False).astype(int) for size in values.shape)
    return np.asarray(np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1), np.float32)


def light(frame: Frame) -> float:
    """The mean brightness of what no mask covers, 0 to 1."""
    grey = grey_at_most(frame.pixels, width=_LIGHT_PX)
    seen = grey[grey != GREY]
    return float(seen.mean()) / _WHITE if seen.size else 0.0


def sky(picture: Picture) -> float:
    """The share of a picture, uint8 (height, width, 3), that is light, even and not warm from the top edge down."""
    pixels = picture.astype(np.float32)
    light = pixels.mean(axis=2)
    even = np.abs(np.diff(light, axis=0, prepend=light[:1])) < _EVEN
    pale = light > _PALE * max(1.0, float(light.max()))
    cold = pixels[:, :, 0] - pixels[:, :, 2] < _WARM
    masked = (picture == GREY).all(axis=2)
    above = np.logical_and.accumulate(even & pale & cold & ~masked, axis=0)
    if not above.any() or (not above.all() and light[above].mean() < _LIGHTER * light[~above].mean()):
        return 0.0
    return float(above.mean())


def roll_deg(picture: Picture) -> float | None:
    """How far upright and level edges lean, in degrees clockwise; None where there are too few of them.

    The mean of gradient directions modulo a right angle, weighted by their strength.
    """
    light = picture.astype(np.float32).mean(axis=2)
    down, right = np.gradient(light)
    strength = np.hypot(down, right)
    lean = (np.degrees(np.arctan2(down, right)) + 45.0) % 90.0 - 45.0
    near = (strength > _FAINT) & (np.abs(lean) < _UPRIGHT_DEG)
    if int(near.sum()) < _FEW:
        return None
    turned = np.radians(4.0 * lean[near])
    mean = np.average(np.sin(turned), weights=strength[near]), np.average(np.cos(turned), weights=strength[near])
    return math.degrees(math.atan2(float(mean[0]), float(mean[1]))) / 4.0


def _free(grey: NDArray[np.float32], tracks: Tracks) -> NDArray[np.bool_]:
    """Pixels that neither a mask nor anybody covers."""
    counts: NDArray[np.bool_] = np.asarray(grey != float(GREY))
    height, width = grey.shape
    for left, top, right, bottom in (track.box for track in tracks.items):
        counts[int(top * height) : int(bottom * height) + 1, int(left * width) : int(right * width) + 1] = False
    return counts
