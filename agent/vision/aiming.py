"""Numbers for who turns a camera and its lens by hand: sharpness, how much sky, how far from level.

They are made only while commissioning is open, say nothing of anybody, and stay in the node's run folder.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from agent.pixels import Frame, Tracks
from agent.vision.masks import GREY
from agent.vision.raster import Picture, grey_at_most

FILE = "aim-{camera}.json"
_FOCUS_PX = 1280
"""Wider pictures are looked at this small: beyond it the finest detail is the sensor's grain."""
_STEP_PX = 2
_SCALE = 1000.0
_PALE = 0.62
"""Sky is lighter than this share of the lightest of the picture,"""
_EVEN = 10.0
"""differs by less than so many grey levels from row to row,"""
_WARM = 12.0
"""and is no redder than blue by more."""
_UPRIGHT_DEG = 20.0
"""Edges nearer than this to upright or level are taken for walls, posts and kerbs."""
_FAINT = 12.0
_FEW = 24


class Sight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the lens shows now.

    `focus` is without unit and only good for comparison with itself; `sky` is a share of the picture, `roll_deg` how
    far walls and kerbs lean, clockwise, None where there are too few; `width` and `height` are of a frame, in pixels.
    """

    at: float
    focus: float
    width: int
    height: int
    sky: float = 0.0
    roll_deg: float | None = None


def focus(frame: Frame, tracks: Tracks) -> float:
    """Brenner's gradient (Brenner et al. 1976) beside the mean brightness: more is sharper.

    What a mask covers and where somebody is does not count, since both come and go.
    """
    grey = grey_at_most(frame.pixels, width=_FOCUS_PX).astype(np.float32)
    counts = _free(grey, tracks)
    step = grey[:, _STEP_PX:] - grey[:, :-_STEP_PX]
    both = counts[:, _STEP_PX:] & counts[:, :-_STEP_PX]
    if not both.any():
        return 0.0
    return _SCALE * float(np.square(step[both]).mean()) / max(1.0, float(np.square(grey[counts]).mean()))


def sky(picture: Picture) -> float:
    """The share of a picture, uint8 (height, width, 3), that is light, even and not warm from the top edge down."""
    pixels = picture.astype(np.float32)
    light = pixels.mean(axis=2)
    even = np.abs(np.diff(light, axis=0, prepend=light[:1])) < _EVEN
    pale = light > _PALE * max(1.0, float(light.max()))
    cold = pixels[:, :, 0] - pixels[:, :, 2] < _WARM
    masked = (picture == GREY).all(axis=2)
    return float(np.logical_and.accumulate(even & pale & cold & ~masked, axis=0).mean())


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
