"""The best pairing of two sets where few pairs are possible at all.

Pairs that share no member do not concern one another, so the gated graph falls into small groups;
each is solved exactly by shortest augmenting paths (Jonker and Volgenant 1987).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Pair = tuple[int, int]
_CLOSED = 1e6
"""Cost of a pair that the gate forbids: dearer than any number of allowed ones."""


def assign(costs: Mapping[Pair, float]) -> list[Pair]:
    """Pairs (row, column) out of `costs` with as many as possible matched at the least total cost.

    Costs are finite and much smaller than a million; every row and column is used at most once.
    """
    matched: list[Pair] = []
    for group in _groups(costs):
        matched += [group[0]] if len(group) == 1 else _solve(group, costs)
    return sorted(matched)


def _groups(costs: Mapping[Pair, float]) -> list[list[Pair]]:
    """Pairs that hang together through a shared row or column."""
    leader: dict[tuple[bool, int], tuple[bool, int]] = {}

    def find(node: tuple[bool, int]) -> tuple[bool, int]:
        while leader.setdefault(node, node) != node:
            leader[node] = leader[leader[node]]
            node = leader[node]
        return node

    for row, column in costs:
        leader[find((True, column))] = find((False, row))
    groups: dict[tuple[bool, int], list[Pair]] = {}
    for pair in costs:
        groups.setdefault(find((False, pair[0])), []).append(pair)
    return list(groups.values())


def _solve(pairs: Sequence[Pair], costs: Mapping[Pair, float]) -> list[Pair]:
    """One group, as a square matrix padded with forbidden pairs."""
    rows = sorted({row for row, _ in pairs})
    columns = sorted({column for _, column in pairs})
    size = max(len(rows), len(columns))
    matrix = [[_CLOSED] * size for _ in range(size)]
    row_of, column_of = {r: i for i, r in enumerate(rows)}, {c: i for i, c in enumerate(columns)}
    for row, column in pairs:
        matrix[row_of[row]][column_of[column]] = costs[row, column]
    chosen = _hungarian(matrix)
    found = ((rows[r], columns[c]) for r, c in chosen if r < len(rows) and c < len(columns))
    return [pair for pair in found if pair in costs]


def _hungarian(matrix: Sequence[Sequence[float]]) -> list[Pair]:
    """The cheapest perfect matching of a square matrix, in O(n^3), with row and column potentials."""
    size = len(matrix)
    row_price, column_price = [0.0] * (size + 1), [0.0] * (size + 1)
    row_at = [0] * (size + 1)  # which row, from 1, holds a column; 0 is free
    for row in range(1, size + 1):
        way = _cheapest_path(matrix, row, row_price, column_price, row_at)
        column = way[0]
        while column:
            row_at[column] = row_at[way[column]]
            column = way[column]
    return [(row_at[column] - 1, column - 1) for column in range(1, size + 1)]


def _cheapest_path(
    matrix: Sequence[Sequence[float]], row: int, row_price: list[float], column_price: list[float], row_at: list[int]
) -> list[int]:
    """Where each column on the way was reached from; element 0 is the free column at its end."""
    size = len(matrix)
    row_at[0] = row
    least, way, done = [math.inf] * (size + 1), [0] * (size + 1), [False] * (size + 1)
    column = 0
    while row_at[column]:
        done[column] = True
        here = row_at[column]
        for other in range(1, size + 1):
            price = matrix[here - 1][other - 1] - row_price[here] - column_price[other]
            if not done[other] and price < least[other]:
                least[other], way[other] = price, column
        after = min((other for other in range(1, size + 1) if not done[other]), key=least.__getitem__)
        step = least[after]
        for other in range(size + 1):
            if done[other]:
                row_price[row_at[other]] += step
                column_price[other] -= step
            else:
                least[other] -= step
        column = after
    way[0] = column
    return way
