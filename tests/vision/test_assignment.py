"""The best pairing, against trying all of them."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.vision.assignment import Pair, assign

INDEX = st.integers(0, 4)
COSTS = st.dictionaries(st.tuples(INDEX, INDEX), st.floats(0.0, 10.0), max_size=14)


def best(costs: dict[Pair, float]) -> tuple[int, float]:
    """How many pairs the best pairing has and what they cost, by trying all of them."""
    rows, columns = sorted({row for row, _ in costs}), sorted({column for _, column in costs})
    found = [(0, 0.0)]
    for size in range(1, min(len(rows), len(columns)) + 1):
        for some in combinations(rows, size):
            for others in permutations(columns, size):
                pairs = list(zip(some, others, strict=True))
                if all(pair in costs for pair in pairs):
                    found.append((-size, sum(costs[pair] for pair in pairs)))
    least = min(found)
    return -least[0], least[1]


@given(COSTS)
def test_no_other_pairing_has_more_pairs_or_the_same_number_for_less(costs: dict[Pair, float]):
    pairs = assign(costs)
    count, cost = best(costs)
    assert len(pairs) == count
    assert sum(costs[pair] for pair in pairs) == pytest.approx(cost)


@given(COSTS)
def test_everything_is_paired_at_most_once_and_only_where_the_gate_allows(costs: dict[Pair, float]):
    pairs = assign(costs)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert set(pairs) <= set(costs)


@given(COSTS, st.randoms(use_true_random=False))
def test_the_order_in_which_pairs_are_given_changes_no_cost(costs: dict[Pair, float], randomness):
    shuffled = list(costs.items())
    randomness.shuffle(shuffled)
    again = assign(dict(shuffled))
    assert sum(costs[pair] for pair in again) == pytest.approx(sum(costs[pair] for pair in assign(costs)))


def test_nothing_gives_nothing():
    assert assign({}) == []
