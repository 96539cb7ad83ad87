"""The score of bench/nab.py is what the benchmark's authors define: early is better, a miss costs, so does crying wolf."""

from __future__ import annotations

import random

import pytest

from bench.nab import Profile, Series, best, score

STANDARD = Profile(hit=1.0, miss=1.0, false=0.11)
ONE = Series("one", tuple(float(n) for n in range(1000)), (0.0,) * 1000, ((400, 499), (700, 799)))


def raised(*rows: int) -> dict[str, list[float]]:
    return {"one": [float(row in rows) for row in range(1000)]}


def test_never_to_raise_is_nothing_and_the_first_row_of_every_window_is_all():
    assert score([ONE], raised(), STANDARD, 1.0) == 0.0
    assert score([ONE], raised(400, 700), STANDARD, 1.0) == pytest.approx(100.0)


def test_a_window_counts_its_earliest_raise_only():
    both = score([ONE], raised(400, 450, 499, 700), STANDARD, 1.0)
    assert both == pytest.approx(100.0)


def test_late_in_a_window_is_worth_less():
    shares = [score([ONE], raised(row, 700), STANDARD, 1.0) for row in (400, 450, 480, 499)]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == pytest.approx(75.0, abs=1.0)


def test_a_false_raise_costs_its_weight_far_from_a_window_and_little_just_behind_one():
    perfect = score([ONE], raised(400, 700), STANDARD, 1.0)
    assert perfect - score([ONE], raised(200, 400, 700), STANDARD, 1.0) == pytest.approx(100 * 0.11 / 4)
    near = score([ONE], raised(400, 501, 700), STANDARD, 1.0)
    assert 0.0 < perfect - near < 0.5


def test_what_comes_in_the_first_rows_is_not_counted():
    assert score([ONE], raised(*range(150), 400, 700), STANDARD, 1.0) == pytest.approx(100.0)


def test_the_best_threshold_is_found_and_never_worse_than_silence():
    source = random.Random(1)
    scores = {"one": [source.random() * 0.5 + 0.5 * (row in (405, 720)) for row in range(1000)]}
    found, threshold = best([ONE], scores, STANDARD)
    assert found == pytest.approx(score([ONE], scores, STANDARD, threshold))
    assert best([ONE], {"one": [0.5] * 1000}, STANDARD)[0] == 0.0
