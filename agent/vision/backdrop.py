"""What a place looks like when nobody is there: the only picture that may ever be written down.

With it go numbers for who aims the camera. It goes to the node's own run folder, never to a network, and only while commissioning is open. The
invariants: a pixel counts only in frames where no track is near it, the result is the median of many
such frames, and it is so coarse that a face of the nearest person would be a few pixels wide.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.commissioning import Sight
from agent.pixels import Frame, Tracks
from agent.vision.aiming import focus, light, roll_deg, sky
from agent.vision.raster import Picture, as_png, small

WIDTH = 96
EVERY_S = 0.5
KEEP = 60
LEAST = 12
"""Frames in which a pixel must have been free before it is shown."""
TELL_S = 5.0
SIGHT_S = 0.25
"""How often the numbers are told: a hand on a lens follows them."""
AROUND = 0.35
"""How far beyond a box, as a share of its size, somebody may still be."""
UNSEEN = 128.0


@dataclass(slots=True)
class Backdrop:
    """Of one camera: `is_open` says at an instant whether commissioning is, `publish` takes a PNG, `tell` numbers."""

    is_open: Callable[[float], bool]
    publish: Callable[[bytes], None]
    tell: Callable[[Sight], None] = lambda _: None
    _frames: deque[NDArray[np.float32]] = field(default_factory=lambda: deque(maxlen=KEEP))
    _kept_at: float = -1e12
    _told_at: float = -1e12
    _sight_at: float = -1e12
    _sky: float = 0.0
    _roll_deg: float | None = None

    def see(self, frame: Frame, tracks: Tracks) -> None:
        """Take a frame in where it is time to, and publish what is known where that is allowed."""
        if not self.is_open(frame.at):
            self._frames.clear()
            return
        if frame.at - self._kept_at >= EVERY_S:
            self._kept_at = frame.at
            self._frames.append(_free(small(frame.pixels, width=WIDTH), tracks))
        if frame.at - self._told_at >= TELL_S and len(self._frames) >= LEAST:
            self._told_at = frame.at
            picture = self.picture()
            self._sky, self._roll_deg = sky(picture), roll_deg(picture)
            self.publish(as_png(picture))
        if frame.at - self._sight_at >= SIGHT_S:
            self._sight_at = frame.at
            self.tell(self._sight(frame, tracks))

    def _sight(self, frame: Frame, tracks: Tracks) -> Sight:
        height, width = frame.pixels.shape[:2]
        return Sight(frame.at, focus(frame, tracks), width, height, light(frame), self._sky, self._roll_deg)

    def picture(self) -> Picture:
        """uint8 (height, WIDTH, 3); grey where no one has been absent often enough."""
        stack = np.stack(self._frames)
        free = np.isfinite(stack).sum(axis=0) >= LEAST
        ordered = np.sort(stack, axis=0)  # NaN goes last
        middle = np.maximum(np.isfinite(stack).sum(axis=0) - 1, 0) // 2
        median = np.take_along_axis(ordered, middle[None], axis=0)[0]
        return np.asarray(np.where(free, median, UNSEEN), np.uint8)


def _free(picture: Picture, tracks: Tracks) -> NDArray[np.float32]:
    """The picture with NaN wherever somebody is or may be."""
    free = picture.astype(np.float32)
    height, width = picture.shape[:2]
    for left, top, right, bottom in (track.box for track in tracks.items):
        x, y = AROUND * (right - left), AROUND * (bottom - top)
        rows = slice(max(0, int((top - y) * height)), max(0, int((bottom + y) * height) + 1))
        columns = slice(max(0, int((left - x) * width)), max(0, int((right + x) * width) + 1))
        free[rows, columns] = np.nan
    return free
