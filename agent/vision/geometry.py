"""Plane geometry in fractions of the frame: what lies where, and what crossed what.

Pure Python on floats. The foot point, the middle of a box's lower edge, says where a thing stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.pixels import Box

Point = tuple[float, float]
Vertices = Sequence[Point]


def foot(box: Box) -> Point:
    """Where the thing in the box touches the ground."""
    return ((box.left + box.right) / 2.0, box.bottom)


def iou(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0.0 or height <= 0.0:
        return 0.0
    shared = width * height
    return shared / (area(one) + area(other) - shared)


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def inside(point: Point, polygon: Vertices) -> bool:
    """Whether a point lies in a simple polygon, by the even-odd rule; lower and left edges belong to it."""
    x, y = point
    odd = False
    for (x0, y0), (x1, y1) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if (y0 > y) != (y1 > y) and x < (x1 - x0) * (y - y0) / (y1 - y0) + x0:
            odd = not odd
    return odd


def polygon_area(polygon: Vertices) -> float:
    """Area of a simple polygon (shoelace formula), never negative."""
    pairs = zip(polygon, (*polygon[1:], polygon[0]), strict=True)
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)) / 2.0


def side(point: Point, start: Point, end: Point) -> float:
    """Which side of the line start -> end: above 0 to its right as seen in the picture, 0 on it."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def crossing(before: Point, after: Point, start: Point, end: Point) -> int:
    """1 for a step over the segment from its left to its right, -1 for the other way, 0 for none."""
    was, now = side(before, start, end) > 0.0, side(after, start, end) > 0.0
    if was == now:
        return 0
    met = (side(start, before, after) > 0.0) != (side(end, before, after) > 0.0)
    return (1 if now else -1) if met else 0


def distance_to_edge(point: Point, polygon: Vertices) -> float:
    """How far a point is from the nearest edge of a polygon."""
    return min(_to_segment(point, a, b) for a, b in zip(polygon, (*polygon[1:], polygon[0]), strict=True))


def _to_segment(point: Point, start: Point, end: Point) -> float:
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    length2 = along_x**2 + along_y**2
    share = 0.0
    if length2 > 0.0:
        share = ((point[0] - start[0]) * along_x + (point[1] - start[1]) * along_y) / length2
    share = min(1.0, max(0.0, share))
    gap_x, gap_y = point[0] - start[0] - share * along_x, point[1] - start[1] - share * along_y
    return float((gap_x**2 + gap_y**2) ** 0.5)
