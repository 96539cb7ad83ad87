"""How many pixels a metre has, row by row, from two known lengths on the ground: pure geometry.

On level ground and without roll, pixels a metre grow in a straight line from nought at the horizon (Hartley and
Zisserman, Multiple View Geometry, 2nd ed., section 8.7); so two lengths at two rows give every row, the horizon,
and how high the camera hangs. Levels are those of EN 62676-4: what a person can be seen as at so many pixels a metre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.errors import UserError
from agent.vision.geometry import inside
from agent.vision.settings import Point, Polygon

DETECT = 25.0
"""Pixels a metre from which it can be told that somebody is there, after EN 62676-4;"""
RECOGNISE = 125.0
"""from which somebody who is known can be told from others,"""
IDENTIFY = 250.0
"""and from which a face is sharp enough for anybody to know it."""
APART = 0.08
"""Two lengths nearer to one row than this share of the picture say nothing of the others."""
ROWS = 50
_COLUMNS = 40


class Length(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two points of a picture and how far they are from one another in truth."""

    start: Point
    end: Point
    metres: Annotated[float, Meta(ge=0.1, le=50.0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Pixels a metre at every row of one camera; rows are shares of the height, `horizon` may lie outside."""

    slope: float
    horizon: float
    height_px: int

    @classmethod
    def of(cls, lengths: Sequence[Length], *, width_px: int, height_px: int) -> Scale:
        """From two lengths, each at its lower end; UserError where they cannot both be right."""
        try:
            (above, far), (below, near) = sorted(_measured(one, width_px, height_px) for one in lengths)
        except ValueError as error:
            raise UserError("two lengths are needed", hint="one far away and one near") from error
        if below - above < APART:
            raise UserError("both lengths are equally far away", hint="one at the top and one at the bottom")
        if near <= far:
            raise UserError("what is nearer must look larger", hint="measure again, both lying across the view")
        slope = (near - far) / (below - above)
        return cls(slope=slope, horizon=above - far / slope, height_px=height_px)

    def at(self, row: float) -> float:
        """Pixels a metre of what stands at this row; nought at and above the horizon."""
        return max(0.0, self.slope * (row - self.horizon))

    def row(self, px_per_m: float) -> float:
        """Where so many pixels a metre are reached; beyond 1 where the picture ends before."""
        return self.horizon + px_per_m / self.slope

    @property
    def camera_m(self) -> float:
        """How high the camera hangs above the ground: a row further down by one pixel is 1/height nearer."""
        return self.height_px / self.slope

    def nearest(self, masks: Sequence[Polygon]) -> float:
        """Pixels a metre at the lowest row of which anything can be seen; nought where all is hidden."""
        rows = (number / ROWS for number in range(ROWS, 0, -1) if _is_seen((number - 0.5) / ROWS, masks))
        lowest = next(rows, None)
        return self.at(lowest) if lowest else 0.0


def _measured(length: Length, width_px: int, height_px: int) -> tuple[float, float]:
    """The row of a length, and its pixels a metre."""
    (x0, y0), (x1, y1) = length.start, length.end
    return max(y0, y1), hypot((x1 - x0) * width_px, (y1 - y0) * height_px) / length.metres


def _is_seen(row: float, masks: Sequence[Polygon]) -> bool:
    points = (((number + 0.5) / _COLUMNS, row) for number in range(_COLUMNS))
    return any(not any(inside(point, mask) for mask in masks) for point in points)
