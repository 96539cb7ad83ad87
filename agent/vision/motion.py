"""When is a frame worth the detector? On motion, a little after it, and now and then anyway.

A small grey picture is compared with a background that learns: each pixel has its own expected level
and its own usual restlessness, and the light of the whole scene is divided out first, so that noise,
a dimming sky and a waving branch do not wake the detector. Everything is timed by the frames' `at`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from agent.pixels import Frame
from agent.vision.raster import small_grey
from agent.vision.settings import MotionSettings

_BACKGROUND_S = (5.0, 20.0)
"""How fast the background follows where nothing moves, and takes in what has come and stays."""
_RESTLESS_S = (10.0, 60.0)
"""How fast the restlessness is learned, where still and where moved."""
_RESTLESS_TIMES = 6.0
"""Six times the mean absolute change is near five standard deviations of normal noise."""
_MOST_TIMES = 3.0
"""The limit never rises above this many times the configured threshold, so a busy place stays watched."""
_RELIGHT = 0.5
"""When more than this share changes at once, the light was switched: start afresh."""
_FIRST_GUESS = 6.0
"""Restlessness before any is known, in grey levels: that of a small sensor at night."""
_TRUST = 4
"""For how many frames that guess counts."""
_PEDESTAL = 8.0
"""Keeps the ratio of dark pixels finite, in grey levels."""

Grey = NDArray[np.float32]


class Motion:
    """The gate of one camera; `share` is the part of the last picture that moved, 0 to 1."""

    def __init__(self, settings: MotionSettings) -> None:
        self.share = 0.0
        self._settings = settings
        self._background: Grey = np.zeros((0, 0), np.float32)
        self._noise: Grey = self._background
        self._seen = 0
        self._at = -math.inf
        self._moved_at = -math.inf
        self._woken_at = -math.inf

    def update(self, frame: Frame) -> bool:
        """Whether the detector should look at this frame."""
        if not self._settings.enabled:
            return True
        if frame.at < self._at:
            self._moved_at = self._woken_at = -math.inf
        if self._moved(frame):
            self._moved_at = frame.at
        self._at = frame.at
        return self._wakes(frame.at)

    def _wakes(self, at: float) -> bool:
        lingers = at - self._moved_at <= self._settings.linger_s
        if lingers or at - self._woken_at >= self._settings.floor_s:
            self._woken_at = at
            return True
        return False

    def _moved(self, frame: Frame) -> bool:
        grey = small_grey(frame.pixels, width=self._settings.width).astype(np.float32)
        if grey.shape != self._background.shape:
            self._restart(grey)
            return True
        self._compare(grey, seconds=max(0.0, frame.at - self._at))
        if self.share > _RELIGHT:
            self._restart(grey)
        return self.share > self._settings.area

    def _compare(self, grey: Grey, *, seconds: float) -> None:
        expected = _relit(self._background, grey)
        residue = grey - expected
        change = np.abs(residue)
        moved = change > self._limit()
        self.share = float(np.count_nonzero(moved) / moved.size)
        self._seen += 1
        self._background = expected + residue * self._rates(moved, seconds, _BACKGROUND_S)
        self._noise = self._noise + (change - self._noise) * self._rates(moved, seconds, _RESTLESS_S)

    def _limit(self) -> Grey:
        least = np.float32(self._settings.threshold * 255)
        return np.asarray(np.clip(self._noise * np.float32(_RESTLESS_TIMES), least, least * np.float32(_MOST_TIMES)))

    def _rates(self, moved: NDArray[np.bool_], seconds: float, spans_s: tuple[float, float]) -> Grey:
        """The share of the new picture that each pixel takes over: a plain mean at first, then a fading one."""
        least = 1.0 / (self._seen + _TRUST)
        still, slow = (np.float32(max(least, 1.0 - math.exp(-seconds / span))) for span in spans_s)
        return np.where(moved, slow, still)

    def _restart(self, grey: Grey) -> None:
        self.share = 1.0
        self._seen = 1
        self._background = grey
        self._noise = np.full_like(grey, _FIRST_GUESS)


def _relit(background: Grey, grey: Grey) -> Grey:
    """The background under the light of `grey`: scaled by the median ratio of the two."""
    ratio = ((grey + np.float32(_PEDESTAL)) / (background + np.float32(_PEDESTAL))).ravel()
    middle = ratio.size // 2
    return np.asarray(background * np.partition(ratio, middle)[middle])
