"""Can this camera still see, and does it still see what it should? Looked at about twice a second.

A picture is judged by itself (dark, bright, frozen) and beside the view that was learned (blocked,
out of focus, moved, noisy). Of several faults the one that explains the others is told: in the dark
nobody can say whether the camera was moved. 0.5 is the point from which a fault is meant.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from agent.pixels import Frame
from agent.records import Observation
from agent.vision.likeness import SAME, Likeness, Reference, grain, traits
from agent.vision.raster import covered, small_grey
from agent.vision.settings import HealthSettings, Polygon

FAULTS = ("dark", "bright", "frozen", "noise", "moved", "blocked", "defocus")
"""In the order in which one explains those after it."""
MEANT = 0.5
"""From here on a fault is meant."""

UNJUDGED = "unjudged"
"""How many of the faults this view shows too little to tell; said once it is known, and when it changes."""

_WIDTH = 160
_WARM_UP = 4
"""Looks before anything is compared."""
_DARK = (24.0, 8.0)
"""The brightest twentieth of the picture is below: 0 at the first, 1 at the second grey level."""
_BRIGHT = (225.0, 245.0)
"""All but the darkest fifth is above."""
_BLOCKED = (0.1, 0.8)
"""Share of the recognisable view that is hidden."""
_SOFTER = (0.9, 0.6)
"""Sharpness of what can be seen, beside the usual."""
_FOUND = (0.0, 0.5)
"""Share of the view that is found elsewhere in the picture, beyond what is found in place."""
_FROZEN_S = 10.0
"""The same bytes for so long are 1."""
_GRAIN = (4.0, 14.0)
"""Noise in grey levels of the small picture, beyond twice the usual."""
_DOUBTFUL = ("blocked", "defocus")
"""Faults that headlights with their veil look like for a moment."""
_SURE = 0.75
"""From here on such a fault is believed at once."""
_DOUBT_S = 2.0
"""Below that, while a lamp is in view, it must last: a car has passed by then, what was done to the camera stays."""
_BARELY = 0.49
"""What is told of it until then."""
_STEP = 0.05
"""Differences below this are not told."""
_GAP_S = 5.0
"""After such a silence everything is told anew."""


class Health:
    """The image health of one camera; one `update` for every frame, most of which cost nothing."""

    def __init__(self, camera: str, settings: HealthSettings, masks: Sequence[Polygon] = ()) -> None:
        self._camera, self._settings, self._masks = camera, settings, masks
        self._at = -math.inf
        self._unjudged = -1
        self._looks = 0
        self._bytes = b""
        self._same_s = 0.0
        self._grain = 0.0
        self._doubted_s: dict[str, float] = {}
        self._valid: NDArray[np.bool_] = np.zeros((0, 0), np.bool_)
        self._reference = Reference(self._valid)
        self._told: dict[str, float] = {}

    def update(self, frame: Frame) -> list[Observation]:
        """What is told of this frame: each measure when it changed."""
        if not self._settings.enabled or 0.0 <= frame.at - self._at < self._settings.every_s:
            return []
        elapsed = frame.at - self._at
        if not 0.0 <= elapsed <= _GAP_S:
            self._told.clear()
            self._unjudged = -1
        self._at = frame.at
        values = self.look(frame, elapsed_s=elapsed if 0.0 <= elapsed <= _GAP_S else 0.0)
        news = [*self._honesty(), *((name, value) for name, value in values.items() if self._is_news(name, value))]
        return [Observation(self._camera, f"camera/{name}", value, frame.at) for name, value in news]

    def _honesty(self) -> Iterator[tuple[str, float]]:
        """What cannot be judged here, when that is news."""
        known = self._reference.unjudged if self._looks >= _WARM_UP else self._unjudged
        if known != self._unjudged:
            self._unjudged = known
            yield UNJUDGED, float(known)

    def look(self, frame: Frame, *, elapsed_s: float) -> dict[str, float]:
        """Every measure of this frame, 0 to 1, after `elapsed_s` since the last look."""
        small = small_grey(frame.pixels, width=_WIDTH)
        if small.shape != self._valid.shape:
            self._begin(small)
        content = small.tobytes()
        self._same_s = self._same_s + elapsed_s if content == self._bytes else 0.0
        self._bytes = content
        picture = small.astype(np.float32)
        now, noise = traits(picture), grain(picture)
        like = self._reference.compare(now) if self._looks >= _WARM_UP else SAME
        values = first_only(self._values(small[self._valid], noise, like))
        if share := self._share(values, elapsed_s):
            self._reference.learn(now, share=share, slow=self._slow(elapsed_s))
            self._grain += (noise - self._grain) * share
            self._looks += 1
        by = math.hypot(like.shift[0] * 2 / small.shape[1], like.shift[1] * 2 / small.shape[0])
        return {
            **self._patient(values, elapsed_s, dazzles=like.dazzles),
            "moved_by": by if values["moved"] >= MEANT else 0.0,
        }

    def _patient(self, values: dict[str, float], elapsed_s: float, *, dazzles: bool) -> dict[str, float]:
        """The values, with what a lamp in view makes doubtful held back until it has lasted."""
        told = dict(values)
        for name in _DOUBTFUL:
            is_meant = values[name] >= MEANT
            lasted = self._doubted_s.get(name, -elapsed_s) + elapsed_s if is_meant else -elapsed_s
            self._doubted_s[name] = lasted
            if is_meant and dazzles and values[name] < _SURE and lasted < _DOUBT_S:
                told[name] = _BARELY
        return told

    def _begin(self, small: NDArray[np.uint8]) -> None:
        height, width = small.shape
        self._valid = ~covered(self._masks, height=height, width=width)
        self._reference = Reference(self._valid)
        self._looks, self._bytes, self._same_s = 0, b"", 0.0

    def _values(self, seen: NDArray[np.uint8], noise: float, like: Likeness) -> dict[str, float]:
        if not seen.size:
            return dict.fromkeys(FAULTS, 0.0)
        darkest_fifth, brightest = levels(seen, (0.2, 0.95))
        excess = noise - 2 * self._grain if self._looks >= _WARM_UP else 0.0
        return {
            "dark": ramp(brightest, _DARK),
            "bright": ramp(darkest_fifth, _BRIGHT),
            "frozen": min(1.0, self._same_s / _FROZEN_S),
            "noise": ramp(excess, _GRAIN),
            "moved": ramp(like.found, _FOUND),
            "blocked": ramp(like.hidden, _BLOCKED),
            "defocus": ramp(like.sharp, _SOFTER),
        }

    def _share(self, values: dict[str, float], elapsed_s: float) -> float:
        """How much of a picture is learned: much at first, little later, hardly any while something is wrong."""
        if max(values["frozen"], values["dark"], values["bright"]) >= MEANT:
            return 0.0
        if self._looks < _WARM_UP:
            return 1.0 / (self._looks + 1)
        if max(values.values()) >= MEANT:
            return self._slow(elapsed_s)
        return 1.0 - math.exp(-elapsed_s / self._settings.learn_s)

    def _slow(self, elapsed_s: float) -> float:
        return 1.0 - math.exp(-elapsed_s / self._settings.accept_s)

    def _is_news(self, name: str, value: float) -> bool:
        """A step from what was told, or back to nothing; what was never there is not told."""
        before = self._told.get(name, 0.0)
        if abs(value - before) < _STEP and not value < _STEP <= before:
            return False
        self._told[name] = value
        return True


def first_only(values: dict[str, float]) -> dict[str, float]:
    """Without the faults that an earlier one explains."""
    explained = False
    told = {}
    for name in FAULTS:
        told[name] = 0.0 if explained else values[name]
        explained = explained or values[name] >= MEANT
    return told


def levels(seen: NDArray[np.uint8], shares: Sequence[float]) -> list[float]:
    """The grey levels below which these shares of the pixels lie."""
    reached = np.bincount(seen, minlength=256).cumsum() / seen.size
    return [float(level) for level in np.searchsorted(reached, shares)]


def ramp(value: float, ends: tuple[float, float]) -> float:
    """0 at the first end, 1 at the second, straight between, never beyond."""
    return min(1.0, max(0.0, (value - ends[0]) / (ends[1] - ends[0])))
