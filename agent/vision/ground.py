"""What of a view stands still and does not belong there: two backgrounds, a slow one and a quick one.

The slow background is the place as it usually is, the quick one the place as it has been for the last
seconds. Where the two differ and the present picture agrees with the quick one, something has come and
stays, or has gone and stays away (dual background, Porikli, Ivanov and Haga 2008). A difference that keeps the
texture below it is light or shadow and is taken over into the slow background at once; how the place looked before
is remembered for a minute or so, because a headlight passes and what it lit is no thing when it is dark again.

The invariant: nothing is learned of a pixel while somebody is near it, so nobody is ever background.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.pixels import Box
from agent.vision.raster import Blob, Picture, blobs, closed, small

WIDTH = 256
SLOW_S = 60.0
"""How fast the slow background follows where nothing stands out: a sky, dusk."""
RESIDUE_S = 600.0
"""How fast it takes in what stands out and is no thing: the edge of a shadow that creeps on."""
QUICK_S = 1.5
CHANGED = 18.0
"""Grey levels of the strongest channel from which a pixel is changed, beyond twice its usual restlessness."""
STILL, STIRS = 12.0, 8.0
"""Grey levels beside the last seconds: less is still, and of what is still more is the fidgeting of somebody."""
FLICKERS, FLICKER_S = 0.05, 120.0
"""What stands out and is back again this often, as a share of the looks of about so many seconds, is leaves or water and no thing."""
KNOWN = 8
"""Looks in which a pixel must have been free before it is known."""
LEAST_PX, MOST, SLIVER = 20, 0.1, 5.0
"""A thing has at least so many of the small picture's pixels; its box at most this share of them, and sides no more unlike."""
AROUND = 0.15
"""How far beyond a box, as a share of its size, somebody may still be."""
SAME_TEXTURE = 0.85
"""Correlation of a patch with what was there before, from which only the light has changed."""
FLAT = 3.0
"""Standard deviation in grey levels below which a patch has no texture that could be compared."""
RELIT = 0.3
"""When more than this share changes at once, the light was switched: the place is learned anew."""
SWITCHED = 0.08
"""When more than this share stands out and stands still, the camera went over to night vision: no thing is so large."""

APART = 12.0
"""Colour by which a thing differs from what surrounds it, in grey levels; less is light that has no edge."""
PLAIN, FILLED = 0.5, 0.3
"""A place is in plain sight from the first share of it on, and something is there from the second."""
RING_PX = 3
"""How wide the surroundings are with which a patch is compared."""
SPARSE = 3
"""The light of the whole is judged by every third pixel of every third row."""
CLEARER = 0.7
"""A haze is believed in where it leaves less than this share of what the light alone leaves unexplained."""
OUTLIER = 30.0
"""Grey levels from what the light alone explains, beyond which a pixel says nothing of a haze."""
LEAST_GAIN = np.float32(0.2)
"""What is seen in less than this share of the usual light is brought back by no more: its noise would grow."""
PEDESTAL = np.float32(8.0)
"""Keeps the ratio of dark pixels finite, in grey levels."""

Colour = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Patch:
    """Something that stands out and stands still, in fractions of the frame.

    `taken` says that the place differed from its surroundings before more than it does now: something is missing.
    """

    box: Box
    taken: bool


class Light(NamedTuple):
    """How a place looks beside the usual by channel, shape (3,): so many times as light, and a haze of so many grey levels."""

    gain: Colour
    haze: Colour

    def on(self, plate: Colour) -> Colour:
        """The plate in this light."""
        return np.asarray(plate * self.gain + self.haze, np.float32)

    def off(self, plate: Colour) -> Colour:
        """A plate that is in this light, as it looks in the usual one."""
        return np.asarray((plate - self.haze) / np.maximum(self.gain, LEAST_GAIN), np.float32)


@dataclass(slots=True)
class Ground:
    """The backgrounds of one view, float32 (height, WIDTH, 3), and what of them is known."""

    _slow: Colour = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))
    _quick: Colour = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))
    _usual: Colour = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))
    """The slow one as it was before lights and shadows of the last minute."""
    _restless: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    _flicker: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """How often a pixel went from standing out to not, or back, as a share of the looks."""
    _free_looks: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    _out: Mask = field(default_factory=lambda: np.zeros((0, 0), np.bool_))
    _free: Mask = field(default_factory=lambda: np.zeros((0, 0), np.bool_))
    _stirring: Mask = field(default_factory=lambda: np.zeros((0, 0), np.bool_))

    def look(self, picture: Picture, busy: Sequence[Box], kept: Sequence[Box], *, elapsed_s: float) -> list[Patch]:
        """What stands still and does not belong here, after `elapsed_s` since the last look.

        `busy` are the boxes of all that is tracked; `kept` places are not learned though nothing moves there.
        """
        now = small(picture, width=WIDTH).astype(np.float32)
        if now.shape != self._slow.shape:
            self._begin(now)
            self._out = self._free = np.zeros(now.shape[:2], np.bool_)
        free = ~painted(busy, now.shape, around=AROUND)
        light = self._light(now, free)
        change = strongest(now - light.on(self._slow))
        lately = strongest(now - self._quick)
        still = lately < STILL
        known = self._free_looks >= KNOWN
        out = known & (change > CHANGED + 2.0 * self._restless)
        turned = (out != self._out) & free & self._free
        self._flicker += (turned - self._flicker) * np.float32(_share(elapsed_s, FLICKER_S))
        self._out, self._free, self._stirring = out, free, lately > STIRS
        if float(out.mean()) > RELIT:
            self._begin(now)
            return []
        held, standing = painted(kept, now.shape), out & still & free & (self._flicker < FLICKERS)
        if float((standing & ~held).mean()) > SWITCHED:
            self._switch(now, held)
            return []
        patches = list(self._patches(standing, now, light, held))
        self._learn(now, change, free, held, elapsed_s)
        return patches

    def holds(self, box: Box) -> bool | None:
        """Whether something that does not belong there stood in a place at the last look; None where it was hidden."""
        place = painted([box], self._out.shape)
        seen = self._free[place]
        if seen.mean() < PLAIN:
            return None
        return bool(self._out[place][seen].mean() >= FILLED)

    def unrest(self, box: Box) -> float:
        """The share of what stands in a place that was not quite still at the last look."""
        standing = painted([box], self._out.shape) & self._out & self._free
        return float(self._stirring[standing].mean()) if standing.any() else 0.0

    def absorb(self, box: Box) -> None:
        """What stands there belongs to the place from now on."""
        place = painted([box], self._slow.shape, around=AROUND)
        self._slow[place] = self._quick[place]

    def _begin(self, now: Colour) -> None:
        self._slow, self._quick, self._usual = now.copy(), now.copy(), now.copy()
        self._restless = np.zeros(now.shape[:2], np.float32)
        self._flicker = np.zeros(now.shape[:2], np.float32)
        self._free_looks = np.zeros(now.shape[:2], np.int32)

    def _switch(self, now: Colour, held: Mask) -> None:
        """Learn the place anew, but where a thing is already known to stand."""
        before, looks = self._slow, self._free_looks
        self._begin(now)
        self._slow[held], self._free_looks[held] = before[held], looks[held]

    def _light(self, now: Colour, free: Mask) -> Light:
        """What the light of today is beside the usual, by some pixels."""
        some = free[::SPARSE, ::SPARSE]
        if not some.any():
            return Light(np.ones(3, np.float32), np.zeros(3, np.float32))
        return light_of(*(plate[::SPARSE, ::SPARSE][some] for plate in (now, self._slow)))

    def _patches(self, standing: Mask, now: Colour, light: Light, held: Mask) -> Iterator[Patch]:
        """What is a thing among what stands out; where only the light has changed, the place is learned as it is now.

        But not where a thing is `held`: half of it behind somebody's legs can look like a shadow for a moment.
        """
        for blob in blobs(closed(standing), least=LEAST_PX):
            place = (slice(blob.top, blob.bottom), slice(blob.left, blob.right))
            seen = standing[place]
            after, before = (contrast(plate, standing, self._out, blob) for plate in (now, self._slow))
            is_back = float(strongest(now[place] - light.on(self._usual[place]))[seen].mean()) < CHANGED
            if max(after, before) < APART or is_back or is_light(now[place][seen], self._slow[place][seen]):
                # The slow one is in the usual light: with this one in it, the place would stand out once a cloud has gone.
                self._slow[place] = np.where(held[place][..., None], self._slow[place], light.off(self._quick[place]))
            elif is_a_things_shape(blob, standing.shape):
                yield Patch(_box(blob, standing.shape), taken=before > after)

    def _learn(self, now: Colour, change: NDArray[np.float32], free: Mask, kept: Mask, elapsed_s: float) -> None:
        """Both backgrounds: the slow one by a plain mean while a pixel is new, then ever more slowly."""
        self._quick += (now - self._quick) * np.where(free, _share(elapsed_s, QUICK_S), 0.0)[..., None].astype(
            np.float32
        )
        free = free & ~kept
        self._free_looks += free
        later = np.where(self._out, _share(elapsed_s, RESIDUE_S), _share(elapsed_s, SLOW_S))
        rate = np.where(free, np.where(self._free_looks <= KNOWN, 1.0 / np.maximum(1, self._free_looks), later), 0.0)
        self._slow += (now - self._slow) * rate[..., None].astype(np.float32)
        self._usual += (self._slow - self._usual) * np.float32(_share(elapsed_s, SLOW_S))
        self._restless += np.where(free & ~self._out, change - self._restless, 0.0) * np.float32(
            _share(elapsed_s, SLOW_S)
        )


def strongest(difference: Colour) -> NDArray[np.float32]:
    """The absolute difference of the channel that differs most, shape (height, width)."""
    red, green, blue = (np.abs(difference[:, :, channel]) for channel in range(3))
    return np.asarray(np.maximum(np.maximum(red, green), blue), np.float32)


def painted(boxes: Sequence[Box], shape: tuple[int, ...], *, around: float = 0.0) -> Mask:
    """Where any of the boxes lies, bool (height, width), each grown by a share of its size."""
    plate = np.zeros(shape[:2], np.bool_)
    height, width = shape[:2]
    for left, top, right, bottom in boxes:
        x, y = around * (right - left), around * (bottom - top)
        rows = slice(max(0, int((top - y) * height)), max(0, int((bottom + y) * height) + 1))
        columns = slice(max(0, int((left - x) * width)), max(0, int((right + x) * width) + 1))
        plate[rows, columns] = True
    return plate


def light_of(now: Colour, before: Colour) -> Light:
    """The light that makes pixels, shape (pixels, 3), of what they were: the median ratio by channel, and a haze where that explains much more."""
    plain = Light(np.median((now + PEDESTAL) / (before + PEDESTAL), axis=0), np.zeros(3, np.float32))
    left = np.abs(now - plain.on(before)).max(axis=1)
    usual = left < OUTLIER
    one, other = now[usual], before[usual]
    if not usual.any() or not (spread := other.var(axis=0)).all():
        return plain
    gain = ((one - one.mean(axis=0)) * (other - other.mean(axis=0))).mean(axis=0) / spread
    hazy = Light(gain, one.mean(axis=0) - gain * other.mean(axis=0))
    return hazy if np.median(np.abs(now - hazy.on(before)).max(axis=1)) < CLEARER * np.median(left) else plain


def is_light(now: Colour, before: Colour) -> bool:
    """Whether the pixels of a patch, shape (pixels, 3), show the same texture as before under another light."""
    one, other = (patch.mean(axis=1) for patch in (now, before))
    if min(one.std(), other.std()) < FLAT:
        return False
    return float(np.corrcoef(one, other)[0, 1]) > SAME_TEXTURE


def contrast(plate: Colour, standing: Mask, out: Mask, blob: Blob) -> float:
    """How far the mean colour of a patch is from that of its surroundings, where these are as ever; infinite without any.

    Where a thing was taken it is less than before; where only the light has changed it is small.
    """
    rows = slice(max(0, blob.top - RING_PX), blob.bottom + RING_PX)
    columns = slice(max(0, blob.left - RING_PX), blob.right + RING_PX)
    patch, ring, place = standing[rows, columns], ~out[rows, columns], plate[rows, columns]
    if ring.sum() < LEAST_PX or not patch.any():
        return math.inf
    return float(np.linalg.norm(place[patch].mean(axis=0) - place[ring].mean(axis=0)))


def is_a_things_shape(blob: Blob, shape: tuple[int, ...]) -> bool:
    """Not cut off by the frame, no sliver, and no larger than a thing may be."""
    height, width = shape[:2]
    wide, tall = blob.right - blob.left, blob.bottom - blob.top
    within = blob.left > 0 and blob.top > 0 and blob.right < width and blob.bottom < height
    return within and max(wide, tall) <= SLIVER * min(wide, tall) and wide * tall <= MOST * height * width


def _box(blob: Blob, shape: tuple[int, ...]) -> Box:
    height, width = shape[:2]
    return Box(blob.left / width, blob.top / height, blob.right / width, blob.bottom / height)


def _share(elapsed_s: float, span_s: float) -> float:
    return 1.0 - math.exp(-elapsed_s / span_s)
