"""How much of a picture polygons cover, exactly.

Between two heights where no edge begins, ends or crosses another, edges keep their order, so one line
in the middle decides the whole strip. A polygon covers by the even-odd rule; an edge is (x, y) to (x, y), in fractions of the frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

Point = tuple[float, float]
Polygon = Sequence[Point]
Edge = tuple[Point, Point]
Span = tuple[float, float]


def uncovered(of: Sequence[Polygon], by: Sequence[Polygon]) -> float:
    """The share of the frame that `of` covers and `by` does not; what stands in both costs nothing to compare."""
    kept = [one for one in of if one not in by]
    return sum(height * _length(_without(_spans(kept, y), _spans(by, y))) for y, height in _strips([*kept, *by]))


def covered(polygons: Sequence[Polygon]) -> float:
    """The share of the frame that the polygons cover together."""
    return uncovered(polygons, ())


def _strips(polygons: Sequence[Polygon]) -> Iterator[tuple[float, float]]:
    """Middle and height of every strip within which no edge begins, ends or crosses another."""
    edges = [edge for polygon in polygons for edge in _edges(polygon)]
    heights = {y for edge in edges for _, y in edge}
    heights |= {y for one, other in combinations(edges, 2) for y in _crossing(one, other)}
    for low, high in pairwise(sorted(heights)):
        yield (low + high) / 2.0, high - low


def _edges(polygon: Polygon) -> Iterator[Edge]:
    yield from pairwise((*polygon, polygon[0]))


def _crossing(one: Edge, other: Edge) -> Iterator[float]:
    """The height at which two edges cross, where they do."""
    (ax, ay), (bx, by) = one
    (cx, cy), (dx, dy) = other
    if max(ay, by) < min(cy, dy) or max(cy, dy) < min(ay, by):
        return
    turn = (bx - ax) * (dy - cy) - (by - ay) * (dx - cx)
    if turn == 0.0:
        return
    along = ((cx - ax) * (dy - cy) - (cy - ay) * (dx - cx)) / turn
    beside = ((cx - ax) * (by - ay) - (cy - ay) * (bx - ax)) / turn
    if 0.0 <= along <= 1.0 and 0.0 <= beside <= 1.0:
        yield ay + along * (by - ay)


def _spans(polygons: Sequence[Polygon], y: float) -> list[Span]:
    """What the polygons cover of the line at height `y`: spans from left to right that do not touch."""
    spans: list[Span] = []
    for left, right in sorted(span for polygon in polygons for span in _cut(polygon, y)):
        if spans and left <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(right, spans[-1][1]))
        else:
            spans.append((left, right))
    return spans


def _cut(polygon: Polygon, y: float) -> Iterator[Span]:
    xs = sorted(
        ax + (y - ay) / (by - ay) * (bx - ax) for (ax, ay), (bx, by) in _edges(polygon) if min(ay, by) < y < max(ay, by)
    )
    yield from zip(xs[::2], xs[1::2], strict=False)


def _without(spans: Sequence[Span], taken: Sequence[Span]) -> Iterator[Span]:
    for left, right in spans:
        at = left
        for begin, end in taken:
            if begin < right and end > at:
                yield at, begin
                at = end
        yield at, right


def _length(spans: Iterator[Span]) -> float:
    return sum(max(0.0, right - left) for left, right in spans)
