"""How a view usually looks, learned while one watches: its edges, how sharp they are, its grain.

Edges are kept by direction, not by strength, so a dimmer light changes little, and each as the mean of many
looks, so that what passes through leaves no mark. From it one can tell which parts of the view can
still be seen, but not what they show. Pictures are float32 grey levels, 0 to 255.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
Edges = NDArray[np.complex64]

BLOCK = 5
"""Side of a block of the half-size picture in pixels: what is seen or hidden as a whole."""
_SOFT = 0.03
"""An edge of this share of the mean brightness counts half."""
_LEAST_SOFT = 1.5
"""But never less than this many grey levels, or grain would be edges."""
_STANDING = 0.8
"""Summed squared mean edges from which a block has edges that stand still."""
_STRUCTURE = 4.0
"""Grey levels from pixel to pixel of the quarter-size picture: weaker texture comes and goes with the encoder."""
_ENOUGH = 0.3
"""The least share of blocks with structure for a view to be recognised at all."""
_FAITHFUL = 0.6
"""A block whose learned edges come back by less than this share, look by look, has none that stand: rain, leaves."""
_FINE = 0.4
"""Fine detail beside rough, below which a view is so soft by itself that a loss of focus changes nothing."""
_GONE = 0.4
"""A block that shows less than this share of its usual edges is hidden."""
_DAZZLED = 225.0
"""A block lighter than this grey level is dazzled for the moment, and says nothing of being hidden."""
_NIGHT = 80.0
"""A view whose median is darker than this grey level can be dazzled by a lamp; by day no lamp hides anything."""
_SEARCHED = 0.3
"""When more than this share is hidden, the view may be elsewhere in the picture."""
_RISES = 0.1
"""How much slower a block's usual fineness rises than it falls: rain and grain are fine, come and go, and are no better focus."""
_FLAT = 1.0
"""Grey levels a pixel below which steepness is grain."""
_STEP = 0.25
"""By how much of itself a block's usual steepness may want to change at one look."""
_NEAR_PX = 2.5
"""A shift of less, in half-size pixels, is wind or vibration."""


class Traits(NamedTuple):
    """What of a picture can be compared: its edges at half the size, and by block how steep, finely and roughly, and how light it is."""

    edges: Edges
    fine: Grey
    rough: Grey
    light: Grey


class Likeness(NamedTuple):
    """What a picture is beside the usual view: shares of 0 to 1, `shift` (x, y) in pixels of the half-size picture.

    `dazzles` says whether some of a dark view dazzles that usually does not: a lamp is in view.
    """

    hidden: float
    sharp: float
    found: float
    shift: tuple[float, float]
    dazzles: bool = False


SAME = Likeness(hidden=0.0, sharp=1.0, found=0.0, shift=(0.0, 0.0))


class Reference:
    """The usual view of one camera; `valid`, bool (height, width), is what no mask covers."""

    def __init__(self, valid: NDArray[np.bool_]) -> None:
        self._open = blocks(halved(valid.astype(np.float32))) >= BLOCK * BLOCK - 0.5
        self._usual: Traits | None = None
        self._seen_share = np.ones_like(self._open, np.float32)
        self._detail = np.zeros_like(self._open, np.float32)
        self._gone = np.zeros_like(self._open)

    @property
    def unjudged(self) -> int:
        """How many faults this view shows too little to tell: 3 where it is bare, 1 (the focus) where it is soft."""
        if self._usual is None or (known := self._known(self._usual)).mean() < _ENOUGH:
            return 3
        return int(float(np.median(detail(self._usual)[known])) < _FINE)

    def compare(self, now: Traits) -> Likeness:
        """How a picture as large as `valid` differs from what was learned."""
        if self._usual is None or (known := self._known(self._usual)).mean() < _ENOUGH:
            return SAME
        lost = (seen(now, self._usual) < _GONE * self._seen_share) | (contrast(now, self._usual) < _GONE)
        self._gone = known & lost & (now.light < _DAZZLED)
        hidden = float(self._gone.sum() / known.sum())
        found, shift = search(now.edges, self._usual.edges) if hidden > _SEARCHED else (0.0, (0.0, 0.0))
        sharp = sharpness(now, self._detail, where=known & ~self._gone)
        return Likeness(hidden, sharp, found, shift, dazzles=self._dazzles(now, self._usual))

    def learn(self, now: Traits, *, share: float, slow: float) -> None:
        """Take over `share` of a picture, `slow` where the view is hidden; a first one is taken whole."""
        if self._usual is None:
            self._usual, self._detail = now, detail(now)
            return
        rates = np.where(self._gone, np.float32(slow), np.float32(share))
        there = np.clip(seen(now, self._usual), np.float32(0.0), np.float32(1.0))
        self._seen_share += (there - self._seen_share) * rates
        finer = detail(now) - self._detail
        self._detail += (
            bounded(finer, self._detail) * rates * np.where(finer > 0.0, np.float32(_RISES), np.float32(1.0))
        )
        old = self._usual
        self._usual = Traits(
            old.edges + (now.edges - old.edges) * spread(rates, old.edges.shape),
            old.fine + bounded(now.fine - old.fine, old.fine) * rates,
            old.rough + bounded(now.rough - old.rough, old.rough) * rates,
            old.light + (now.light - old.light) * rates,
        )

    def _dazzles(self, now: Traits, usual: Traits) -> bool:
        is_night = bool(np.median(usual.light[self._open]) < _NIGHT)
        return is_night and bool((self._open & (now.light >= _DAZZLED) & (usual.light < _DAZZLED)).any())

    def _known(self, usual: Traits) -> NDArray[np.bool_]:
        clear = usual.rough > np.float32(_STRUCTURE)
        return self._open & clear & (energy(usual.edges) > _STANDING) & (self._seen_share > _FAITHFUL)


def bounded(change: Grey, usual: Grey) -> Grey:
    """A change no larger than a part of what is usual: a lorry that stops for a while must not pass for the road."""
    most = usual * np.float32(_STEP) + np.float32(_FLAT)
    return np.asarray(np.clip(change, -most, most), np.float32)


def traits(picture: Grey) -> Traits:
    """What can be compared of a picture, float32 (height, width)."""
    half = halved(picture)
    rough = np.repeat(np.repeat(steepness(halved(half)), 2, axis=0), 2, axis=1)
    edges = directions(half)
    return Traits(
        edges,
        _root(halved(steepness(picture))),
        _root(_fitted(rough, edges.shape)),
        blocks(half) / np.float32(BLOCK**2),
    )


def seen(now: Traits, usual: Traits) -> Grey:
    """The share of each block's usual edges that are there; more edges than usual do no harm."""
    common = now.edges.real * usual.edges.real + now.edges.imag * usual.edges.imag
    return np.asarray(blocks(common) / np.maximum(energy(usual.edges), np.float32(1e-3)), np.float32)


def contrast(now: Traits, usual: Traits) -> Grey:
    """Each block's contrast beside the usual; what a dimmer light takes is not counted, what paint takes is."""
    level = np.float32(_FLAT)
    dimmer = np.minimum(np.float32(1.0), (now.light + level) / (usual.light + level))
    return np.asarray((now.rough + level) / (usual.rough * dimmer + level), np.float32)


def energy(edges: Edges) -> Grey:
    """Summed squares of each block's edges."""
    return blocks(np.square(edges.real) + np.square(edges.imag))


def sharpness(now: Traits, usual: Grey, *, where: NDArray[np.bool_]) -> float:
    """How fine the detail is beside the usual detail: the median over the blocks `where` it can be told.

    Detail is steepness in the full picture over steepness in a coarse one, so contrast and light cancel.
    """
    if not where.any():
        return 1.0
    before = np.maximum(usual[where], np.float32(1e-3))
    return float(np.median(detail(now)[where] / before))


def detail(view: Traits) -> Grey:
    """Steepness in the full picture over steepness in a coarse one, by block: a quarter where all is soft."""
    return np.asarray(view.fine / (view.rough + np.float32(_FLAT)), np.float32)


def search(edges: Edges, usual: Edges) -> tuple[float, tuple[float, float]]:
    """The share of the usual edges that is found elsewhere, beyond those in place, and the shift (x, y) to there."""
    height, width = usual.shape
    space = (2 * height, 2 * width)
    match = np.fft.ifft2(np.fft.fft2(edges, space) * np.fft.fft2(usual, space).conj()).real
    y, x = divmod(int(match.argmax()), space[1])
    shift = (float(x - space[1] * (x > width)), float(y - space[0] * (y > height)))
    if math.hypot(*shift) < _NEAR_PX:
        return 0.0, (0.0, 0.0)
    whole = float(np.square(np.abs(_overlap(usual, shift))).sum())
    return float(match[y, x] - match[0, 0]) / max(whole, 1.0), shift


def directions(grey: Grey) -> Edges:
    """Gradients as complex numbers whose length says how clear the edge is, 0 to 1, shape (height, width)."""
    gradient = np.zeros(grey.shape, np.complex64)
    gradient.real[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    gradient.imag[1:-1] = grey[2:] - grey[:-2]
    soft = max(_LEAST_SOFT, _SOFT * float(grey.mean()))
    strength = np.square(gradient.real) + np.square(gradient.imag)
    return np.asarray(gradient / np.sqrt(strength + np.float32(soft * soft)))


def grain(picture: Grey) -> float:
    """The standard deviation of noise in grey levels, from the median of second differences both ways.

    A mask that cancels planes and straight edges, after Immerkaer, Fast Noise Variance Estimation,
    CVIU 64 (1996); the median instead of the mean leaves texture out.
    """
    across = picture[:, :-2] - 2 * picture[:, 1:-1] + picture[:, 2:]
    both = across[:-2] - 2 * across[1:-1] + across[2:]
    return float(np.median(np.abs(both[::2, ::2]))) / (6 * 0.6745)


def halved(picture: Grey) -> Grey:
    """Half the size, means of four; an odd last row or column is left out."""
    height, width = (side // 2 * 2 for side in picture.shape)
    whole = picture[:height, :width]
    return (whole[::2, ::2] + whole[1::2, ::2] + whole[::2, 1::2] + whole[1::2, 1::2]) * np.float32(0.25)


def blocks(plate: Grey) -> Grey:
    """The sum over each whole block, shape (height // BLOCK, width // BLOCK)."""
    rows, columns = (side // BLOCK for side in plate.shape)
    whole = plate[: rows * BLOCK, : columns * BLOCK]
    return np.asarray(whole.reshape(rows, BLOCK, columns, BLOCK).sum(axis=(1, 3)), np.float32)


def spread(plate: Grey, shape: tuple[int, ...]) -> Grey:
    """Each block's value at every pixel of `shape`, the rest as the nearest block."""
    return _fitted(np.repeat(np.repeat(plate, BLOCK, axis=0), BLOCK, axis=1), shape)


def steepness(grey: Grey) -> Grey:
    """Squared differences to the right and downwards: a blur lowers their sum, while absolute ones keep it."""
    steep = np.zeros_like(grey)
    steep[:, :-1] = np.square(grey[:, 1:] - grey[:, :-1])
    steep[:-1] += np.square(grey[1:] - grey[:-1])
    return steep


def _root(plate: Grey) -> Grey:
    """The root of each block's mean."""
    return np.asarray(np.sqrt(blocks(plate) / np.float32(BLOCK**2)), np.float32)


def _overlap(edges: Edges, shift: tuple[float, float]) -> Edges:
    """The part of the learned view that is still in the picture after the shift."""
    (x, y), (height, width) = (round(one) for one in shift), edges.shape
    return edges[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]


def _fitted(plate: Grey, shape: tuple[int, ...]) -> Grey:
    """Cut or continued to `shape` at its lower right."""
    missing = [(0, max(0, wanted - given)) for wanted, given in zip(shape, plate.shape, strict=True)]
    return np.asarray(np.pad(plate, missing, mode="edge")[: shape[0], : shape[1]], np.float32)
