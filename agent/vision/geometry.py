"""Plane geometry in fractions of the frame: what lies where, and what crossed what.

Pure Python on floats. The foot point, the middle of a box's lower edge, says where a thing stands.
Which side of a line a point is on is decided exactly, by rational numbers where rounding could matter,
so a point belongs to one of two polygons that share an edge, and a path that returns has crossed back.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from agent.pixels import Box

Point = tuple[float, float]
Vertices = Sequence[Point]

_ROUNDING = 4.0 * 2.0**-52
"""More than the relative error of a 2 x 2 determinant in doubles (Shewchuk 1997, the orientation test)."""
_DENORMAL = 1e-300
"""Products smaller than this may have lost their digits."""


def foot(box: Box) -> Point:
    """Where the thing in the box touches the ground."""
    return ((box[0] + box[2]) / 2.0, box[3])


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def shared(one: Box, other: Box) -> float:
    """The area that lies in both boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    if width <= 0.0:
        return 0.0
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if height > 0.0 else 0.0


def iou(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    both = shared(one, other)
    return both / (area(one) + area(other) - both) if both else 0.0


def covered(box: Box, by: Box) -> float:
    """The share of a box that another covers, 0 to 1."""
    both = shared(box, by)
    return both / area(box) if both else 0.0


def polygon_area(polygon: Vertices) -> float:
    """Area of a simple polygon (shoelace formula), never negative."""
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in edges(polygon))) / 2.0


def edges(polygon: Vertices) -> list[tuple[Point, Point]]:
    """From each corner to the next, and from the last to the first."""
    return list(zip(polygon, (*polygon[1:], polygon[0]), strict=True))


def side(point: Point, start: Point, end: Point) -> int:
    """1 to the right of the line start -> end as seen in the picture (y grows downwards), -1 left, 0 on it."""
    ahead = (end[0] - start[0]) * (point[1] - start[1])
    aside = (end[1] - start[1]) * (point[0] - start[0])
    if abs(ahead - aside) <= _ROUNDING * (abs(ahead) + abs(aside)) + _DENORMAL:
        return _exact_side(point, start, end)
    return 1 if ahead > aside else -1


def _exact_side(point: Point, start: Point, end: Point) -> int:
    (x, y), (x0, y0), (x1, y1) = ([Fraction(value) for value in one] for one in (point, start, end))
    turn = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
    return (turn > 0) - (turn < 0)


def inside(point: Point, polygon: Vertices) -> bool:
    """Whether a point lies in a simple polygon (even-odd rule).

    Of two polygons that share an edge, a point on that edge is in exactly one.
    """
    odd = False
    for lower, upper in edges(polygon):
        if (lower[1] > point[1]) != (upper[1] > point[1]):
            top, bottom = (lower, upper) if lower[1] < upper[1] else (upper, lower)
            odd ^= side(point, top, bottom) > 0
    return odd


def crossing(before: Point, after: Point, start: Point, end: Point) -> int:
    """1 for a step over the segment from its left to its right, -1 for the other way, 0 for none.

    The line itself belongs to its left; a step back over the same way counts as the opposite.
    """
    was, now = side(before, start, end) > 0, side(after, start, end) > 0
    if was == now:
        return 0
    left, right = (before, after) if now else (after, before)
    met = (side(start, left, right) > 0) != (side(end, left, right) > 0)
    return (1 if now else -1) if met else 0


def distance_to_edge(point: Point, polygon: Vertices) -> float:
    """How far a point is from the nearest edge of a polygon."""
    return min(distance(point, start, end) for start, end in edges(polygon))


def distance(point: Point, start: Point, end: Point) -> float:
    """How far a point is from the nearest point of a segment."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    length2 = along_x * along_x + along_y * along_y
    share = 0.0
    if length2 > 0.0:
        share = ((point[0] - start[0]) * along_x + (point[1] - start[1]) * along_y) / length2
        share = min(1.0, max(0.0, share))
    gap_x, gap_y = point[0] - start[0] - share * along_x, point[1] - start[1] - share * along_y
    return float((gap_x * gap_x + gap_y * gap_y) ** 0.5)
