"""What camera faults do to a drawn picture.

Pure: `spoiled(picture, fault, chance)` is a new picture; `freeze` and `lost` concern time and are
the synthetic camera's own business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from agent.camera.pictures import Picture, grained, smeared
from agent.camera.world import Fault, FaultKind

Chance = np.random.Generator
_Spoil = Callable[[Picture, Fault, Chance], Picture]

BLIND: frozenset[FaultKind] = frozenset({"lost", "black", "blocked", "overexposed", "garbage"})
"""Faults under which nobody can be seen at all."""


def spoiled(pixels: Picture, fault: Fault, chance: Chance) -> Picture:
    """The picture as the broken camera gives it."""
    spoil = _SPOILS.get(fault.kind)
    return spoil(pixels, fault, chance) if spoil else pixels


def _black(pixels: Picture, _fault: Fault, _chance: Chance) -> Picture:
    return np.zeros_like(pixels)


def _overexposed(pixels: Picture, _fault: Fault, _chance: Chance) -> Picture:
    return np.full_like(pixels, 255)


def _blocked(pixels: Picture, _fault: Fault, chance: Chance) -> Picture:
    """A hand or a spray can: one dull colour with a little sensor noise."""
    grain = chance.integers(0, 4, pixels.shape, np.uint8)
    dull: Picture = np.array((74, 62, 56), np.uint8) + grain
    return dull


def _garbage(pixels: Picture, _fault: Fault, chance: Chance) -> Picture:
    return chance.integers(0, 256, pixels.shape, np.uint8)


def _shift(pixels: Picture, fault: Fault, _chance: Chance) -> Picture:
    """The view turned to the left: the scene moves right and its left edge is smeared into the gap."""
    columns = shift_px(fault, pixels.shape[1])
    moved = np.roll(pixels, columns, axis=1)
    moved[:, :columns] = moved[:, columns : columns + 1]
    return moved


def shift_px(fault: Fault, width: int) -> int:
    """By how many columns a shifted picture lies to the right."""
    return min(width - 1, round(fault.amount * width))


def _blur(pixels: Picture, fault: Fault, _chance: Chance) -> Picture:
    return smeared(pixels, radius_px=max(1, round(fault.amount * pixels.shape[1] / 2)))


def _noise(pixels: Picture, fault: Fault, chance: Chance) -> Picture:
    top = max(1, round(fault.amount * 255))
    brighter, darker = (chance.integers(0, top + 1, pixels.shape, np.uint8) for _ in range(2))
    return grained(pixels, brighter, darker)


_SPOILS: Mapping[FaultKind, _Spoil] = {
    "black": _black,
    "overexposed": _overexposed,
    "blocked": _blocked,
    "garbage": _garbage,
    "shift": _shift,
    "blur": _blur,
    "noise": _noise,
}
