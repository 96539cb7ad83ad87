"""Geometry against rational numbers, and the laws that must hold for any points."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.pixels import Box
from agent.vision.geometry import (
    Point,
    covered,
    crossing,
    distance,
    distance_to_edge,
    foot,
    inside,
    iou,
    polygon_area,
    side,
)

SHARES = st.floats(0.0, 1.0) | st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 0.1 + 0.2])
POINTS = st.tuples(SHARES, SHARES)
SQUARE: tuple[Point, ...] = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    (left, right), (top, bottom) = (sorted(draw(POINTS)) for _ in range(2))
    assume(right - left > 1e-6)
    assume(bottom - top > 1e-6)
    return Box(left, top, right, bottom)


def turn(point: Point, start: Point, end: Point) -> int:
    """The side of a line, in rational numbers."""
    (x, y), (x0, y0), (x1, y1) = ([Fraction(value) for value in one] for one in (point, start, end))
    exact = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
    return (exact > 0) - (exact < 0)


def test_the_foot_is_the_middle_of_the_lower_edge():
    assert foot(Box(0.25, 0.1, 0.5, 0.7)) == (0.375, 0.7)


@given(POINTS, POINTS, POINTS)
def test_the_side_of_a_line_is_exact(point: Point, start: Point, end: Point):
    assert side(point, start, end) == turn(point, start, end)


@given(POINTS, POINTS, st.floats(0.0, 1.0), st.integers(-3, 3))
def test_the_side_is_exact_for_points_a_few_roundings_off_the_line(start: Point, end: Point, share: float, ulps: int):
    x = start[0] + share * (end[0] - start[0])
    y = start[1] + share * (end[1] - start[1])
    point = (x, y + ulps * 2.0**-54)
    assert side(point, start, end) == turn(point, start, end)


def test_right_is_below_a_line_that_runs_to_the_right():
    assert side((0.5, 0.9), (0.0, 0.5), (1.0, 0.5)) == 1
    assert side((0.5, 0.1), (0.0, 0.5), (1.0, 0.5)) == -1


@given(boxes(), boxes())
def test_iou_is_that_of_rational_numbers_and_the_same_both_ways(one: Box, other: Box):
    a, b = [Fraction(v) for v in one], [Fraction(v) for v in other]
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, Fraction(0)) * max(height, Fraction(0))
    total = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    assert iou(one, other) == pytest.approx(float(both / total), abs=1e-9)
    assert iou(one, other) == iou(other, one)
    assert 0.0 <= iou(one, other) <= 1.0 + 1e-12


@given(boxes(), boxes())
def test_boxes_overlap_by_no_more_than_either_is_covered(one: Box, other: Box):
    assert iou(one, other) <= min(covered(one, other), covered(other, one)) + 1e-9
    assert iou(one, one) == 1.0
    assert covered(one, one) == 1.0


@given(st.lists(POINTS, min_size=3, max_size=3, unique=True))
def test_the_area_of_a_triangle_is_exact_to_rounding_and_the_same_in_any_direction(corners: list[Point]):
    (ax, ay), (bx, by), (cx, cy) = ([Fraction(value) for value in one] for one in corners)
    exact = abs((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)) / 2
    assert polygon_area(corners) == pytest.approx(float(exact), abs=1e-12)
    assert polygon_area(corners[::-1]) == pytest.approx(polygon_area(corners), abs=1e-12)


def test_the_area_of_the_frame_is_one():
    assert polygon_area(SQUARE) == 1.0


@given(POINTS, POINTS, POINTS)
def test_a_point_is_in_exactly_one_part_of_a_divided_square(point: Point, middle: Point, hit: Point):
    """Cut from a corner over any point to another corner: on the cut or beside it, nothing is in both or neither."""
    for place in (point, hit, middle):
        above = inside(place, (SQUARE[0], SQUARE[1], SQUARE[2], middle))
        below = inside(place, (SQUARE[0], middle, SQUARE[2], SQUARE[3]))
        assert above + below == inside(place, SQUARE)


@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_a_point_within_is_inside_and_a_point_beyond_is_not(x: float, y: float):
    assert inside((x, y), SQUARE)
    assert not inside((x + 1.0, y), SQUARE)
    assert not inside((x, y - 1.0), SQUARE)


def test_the_notch_of_a_polygon_is_outside():
    notched = ((0.0, 0.0), (1.0, 0.0), (0.5, 0.5), (1.0, 1.0), (0.0, 1.0))
    assert inside((0.25, 0.5), notched)
    assert not inside((0.9, 0.5), notched)


@given(POINTS, POINTS, POINTS, POINTS)
def test_the_way_back_is_the_opposite_of_the_way(before: Point, after: Point, start: Point, end: Point):
    assert crossing(before, after, start, end) == -crossing(after, before, start, end)


@given(POINTS, POINTS, POINTS, POINTS)
def test_a_line_drawn_the_other_way_turns_in_into_out(before: Point, after: Point, start: Point, end: Point):
    assume(all(turn(one, start, end) for one in (before, after)))
    assume(all(turn(one, before, after) for one in (start, end)))
    assert crossing(before, after, start, end) == -crossing(before, after, end, start)


@given(st.lists(POINTS, min_size=2, max_size=30))
def test_however_a_path_winds_its_crossings_add_up_to_where_it_ends(path: list[Point]):
    """Nothing is counted twice or forgotten, also for points that lie on the line."""
    start, end = (0.5, -5.0), (0.5, 6.0)
    total = sum(crossing(one, other, start, end) for one, other in pairwise(path))
    assert total == (side(path[-1], start, end) > 0) - (side(path[0], start, end) > 0)


@given(POINTS, POINTS, POINTS)
def test_who_steps_over_a_bent_barrier_crosses_one_of_its_parts_once(before: Point, after: Point, bend: Point):
    parts = [((0.5, -9.0), (0.5, bend[1])), ((0.5, bend[1]), (0.5, 9.0))]
    total = sum(crossing(before, after, start, end) for start, end in parts)
    assert total == crossing(before, after, (0.5, -9.0), (0.5, 9.0))


def test_a_step_past_the_end_of_a_line_does_not_cross_it():
    assert crossing((0.4, 0.9), (0.6, 0.9), (0.5, 0.0), (0.5, 0.5)) == 0
    assert crossing((0.4, 0.2), (0.6, 0.2), (0.5, 0.0), (0.5, 0.5)) == -1


@given(POINTS, POINTS, POINTS, st.floats(0.0, 1.0))
def test_no_point_of_a_segment_is_nearer_than_its_distance(point: Point, start: Point, end: Point, share: float):
    x, y = start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
    nearest = distance(point, start, end)
    assert nearest <= ((point[0] - x) ** 2 + (point[1] - y) ** 2) ** 0.5 + 1e-12
    assert distance(start, start, end) == 0.0


def test_the_distance_to_an_edge_is_that_to_the_nearest():
    assert distance_to_edge((0.9, 0.5), SQUARE) == pytest.approx(0.1)
    assert distance_to_edge((1.3, 1.4), SQUARE) == pytest.approx(0.5)
