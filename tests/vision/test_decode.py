"""The head of NanoDet, held against a plain reading of it, one cell at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inference.runtime import Tensor
from agent.vision.decode import NanoDetHead
from agent.vision.raster import without_doubles

WIDTH, HEIGHT, STRIDES, BINS, CLASSES = 64, 32, (8, 16, 32), 11, 5
SCALE, ZERO = 1 / 256, -128
SIDE_SCALE, SIDE_ZERO = 0.08, -30


def outputs(seed, quiet=0.97):
    """Random levels of which most cells are silent, as the interpreter would lend them."""
    chance = np.random.default_rng(seed)
    for stride in STRIDES:
        cells = (WIDTH // stride) * (HEIGHT // stride)
        levels = chance.integers(-128, 128, (1, cells, CLASSES))
        levels[chance.random(levels.shape) < quiet] = -128
        yield Tensor(levels.astype(np.int8), SCALE, ZERO)
        yield Tensor(chance.integers(-128, 128, (1, cells, 4 * BINS)).astype(np.int8), SIDE_SCALE, SIDE_ZERO)


def plainly(tensors, wanted, floor):
    """(box, probabilities) of each cell over the floor, by the definition."""
    for number, stride in enumerate(STRIDES):
        for cell in range((WIDTH // stride) * (HEIGHT // stride)):
            probabilities = [(int(v) - ZERO) * SCALE for v in tensors[2 * number].values[0, cell]]
            if max(p for p, w in zip(probabilities, wanted, strict=True) if w) > floor:
                y, x = divmod(cell, WIDTH // stride)
                sides = tensors[2 * number + 1].values[0, cell].reshape(4, BINS)
                yield (
                    box((x + 0.5) * stride, (y + 0.5) * stride, [stride * mean(side) for side in sides]),
                    probabilities,
                )


def mean(side):
    weights = [math.exp((int(level) - SIDE_ZERO) * SIDE_SCALE) for level in side]
    return sum(number * weight for number, weight in enumerate(weights)) / sum(weights)


def box(x, y, distances):
    left, top, right, bottom = distances
    edges = ((x - left) / WIDTH, (y - top) / HEIGHT, (x + right) / WIDTH, (y + bottom) / HEIGHT)
    return [min(1.0, max(0.0, edge)) for edge in edges]


def head():
    return NanoDetHead(width=WIDTH, height=HEIGHT, strides=STRIDES, bins=BINS, classes=CLASSES)


@given(seed=st.integers(0, 500), floor=st.sampled_from([0.0, 0.1, 0.4, 0.77, 0.99]), chosen=st.integers(1, 31))
def test_every_cell_over_the_floor_becomes_its_box_and_no_other_does(seed, floor, chosen):
    wanted = np.array([bool(chosen >> bit & 1) for bit in range(CLASSES)])
    tensors = [*outputs(seed)]
    found = head().candidates(tensors, wanted=wanted, floor=floor)
    expected = [*plainly(tensors, wanted, floor)]
    assert len(found.boxes) == len(expected)
    if expected:
        assert found.boxes == pytest.approx(np.array([each[0] for each in expected]), abs=1e-4)
        assert found.probabilities == pytest.approx(np.array([each[1] for each in expected]))


def test_a_silent_picture_gives_no_box():
    found = head().candidates([*outputs(1, quiet=1.0)], wanted=np.ones(CLASSES, bool), floor=0.1)
    assert found.boxes.shape == (0, 4)
    assert found.probabilities.shape == (0, CLASSES)


def test_a_floor_of_one_lets_nothing_through():
    assert len(head().candidates([*outputs(1)], wanted=np.ones(CLASSES, bool), floor=1.0).boxes) == 0


def stay(boxes, scores, families=None, overlap=0.6):
    rows = without_doubles(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(families or [0] * len(scores), np.intp),
        overlap=overlap,
    )
    return rows.tolist()


HERE, NEARLY_HERE, THERE = (0.1, 0.1, 0.3, 0.5), (0.1, 0.1, 0.3, 0.48), (0.6, 0.1, 0.8, 0.5)


def test_of_two_boxes_on_one_thing_the_better_stays():
    assert stay([HERE, NEARLY_HERE, THERE], [0.5, 0.9, 0.7]) == [1, 2]


def test_things_of_another_family_may_share_a_place():
    """Somebody on a bicycle is a person and a bicycle."""
    assert stay([HERE, NEARLY_HERE], [0.5, 0.9], [0, 1]) == [1, 0]


def test_nothing_in_nothing_out():
    assert stay([], []) == []


def overlap_of(one, other):
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    area = sum((each[2] - each[0]) * (each[3] - each[1]) for each in (one, other))
    return width * height / max(area - width * height, 1e-12)


corners = st.tuples(st.floats(0.0, 0.7), st.floats(0.0, 0.7), st.floats(0.05, 0.3), st.floats(0.05, 0.3))
things = st.lists(st.tuples(corners, st.floats(0.1, 1.0), st.integers(0, 2)), min_size=1, max_size=20)


@given(things)
def test_what_stays_does_not_overlap_and_what_goes_overlaps_something_better(drawn):
    boxes = [(x, y, x + w, y + h) for (x, y, w, h), _, _ in drawn]
    scores = [score for _, score, _ in drawn]
    families = [family for _, _, family in drawn]
    kept = stay(boxes, scores, families)
    slack = 1e-3

    def rivals(one, other, limit):
        return families[one] == families[other] and overlap_of(boxes[one], boxes[other]) > limit

    assert not any(rivals(a, b, 0.6 + slack) for a in kept for b in kept if a != b)
    for gone in set(range(len(drawn))) - set(kept):
        assert any(rivals(gone, a, 0.6 - slack) and scores[a] >= scores[gone] - slack for a in kept)
