"""What is usual for one number: robust, bounded, slow to forget, quick to restore."""

from __future__ import annotations

import json
import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.anomaly.baseline import Baseline, Counts, counts, quantile
from agent.errors import Refused
from tests.anomaly.playing import lines, play, series

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200)


def learned(samples: list[float], **options) -> Baseline:
    baseline = Baseline(**options)
    for sample in samples:
        baseline.learn(sample)
    return baseline


def poisson(rng: random.Random, mean: float, count: int) -> list[float]:
    """Counts of arrivals, by Knuth's method."""

    def one() -> float:
        k, p = 0, rng.random()
        while p > math.exp(-mean):
            k, p = k + 1, p * rng.random()
        return float(k)

    return [one() for _ in range(count)]


def test_nothing_is_expected_before_there_is_evidence():
    assert learned([20.0] * 59).usual() is None
    assert learned([20.0] * 60).usual() is not None


@given(NUMBERS)
def test_with_equal_weights_the_half_quantile_is_the_lower_median(samples: list[float]):
    assert quantile(samples, [1.0] * len(samples), 0.5) == statistics.median_low(samples)


@pytest.mark.parametrize(("mean", "sigma"), [(0.0, 1.0), (-40.0, 0.5), (100.0, 20.0)])
def test_the_spread_of_normal_noise_is_its_standard_deviation(mean: float, sigma: float):
    rng = random.Random(1)
    usual = learned([rng.gauss(mean, sigma) for _ in range(400)]).usual()
    assert usual is not None
    assert usual.expected == pytest.approx(mean, abs=0.3 * sigma)
    assert usual.spread(mean + 9 * sigma) == pytest.approx(sigma, rel=0.3)


def test_a_single_wild_value_does_not_move_the_expectation():
    baseline = learned([20.0 + 0.1 * (n % 5) for n in range(100)])
    before = baseline.usual()
    baseline.learn(500.0)
    assert baseline.usual() == before
    assert baseline.samples == 100


def test_what_stays_for_as_long_as_the_warm_up_becomes_the_usual():
    """A shift is unusual for warm_up samples; then the place has changed."""
    baseline = learned([20.0 + 0.1 * (n % 5) for n in range(100)])
    raised = 0
    for n in range(200):
        usual = baseline.usual()
        assert usual is not None
        raised += usual.side(30.0 + 0.1 * (n % 5), 5.0) == 1
        baseline.learn(30.0 + 0.1 * (n % 5))
    assert raised == 60


def test_a_wild_value_now_and_then_never_becomes_the_usual():
    baseline = learned([20.0 + 0.1 * (n % 5) for n in range(100)])
    for n in range(600):
        baseline.learn(500.0 if n % 3 == 0 else 20.0 + 0.1 * (n % 5))
    usual = baseline.usual()
    assert usual is not None
    assert usual.expected < 21.0


def test_a_slow_drift_is_followed_without_alarm():
    baseline, rng, raised = learned([]), random.Random(3), 0
    for n in range(900):
        sample = 20.0 + n * 0.02 + rng.gauss(0.0, 1.0)
        usual = baseline.usual()
        raised += usual is not None and usual.side(sample, 5.0) != 0
        baseline.learn(sample)
    assert raised == 0


def test_memory_is_bounded():
    baseline = learned([float(n % 7) for n in range(500)], half_life=20.0)
    assert baseline.samples == 80


def test_the_same_value_all_the_time_leaves_room_for_the_least_spread():
    usual = learned([20.0] * 100, least_spread=0.5).usual()
    assert usual is not None
    assert usual.side(22.0, 5.0) == 0
    assert usual.side(22.6, 5.0) == 1


@pytest.mark.parametrize("mean", [0.2, 3.0, 40.0])
def test_counts_raise_as_seldom_as_their_deviations_say(mean: float):
    """At three deviations one sample in 741 is beyond on one side."""
    rng = random.Random(5)
    baseline = learned(poisson(rng, mean, 400), model="counts", half_life=240.0)
    usual = baseline.usual()
    assert usual is not None
    raised = sum(usual.side(sample, 3.0) == 1 for sample in poisson(rng, mean, 5_000))
    assert raised <= 2.0 * 5_000 / 741


def test_a_surge_of_counts_is_beyond_the_usual():
    usual = learned(poisson(random.Random(5), 3.0, 300), model="counts").usual()
    assert usual is not None
    assert [usual.side(float(count), 5.0) for count in (3, 9, 25)] == [0, 0, 1]


def test_after_only_zeros_one_is_no_wonder_and_five_are():
    usual = counts([0.0] * 60, [1.0] * 60)
    assert [usual.side(float(count), 4.0) for count in (0, 1, 5)] == [0, 0, 1]


def test_too_few_can_be_as_unusual_as_too_many():
    usual = learned(poisson(random.Random(5), 60.0, 300), model="counts").usual()
    assert usual is not None
    assert usual.side(0.0, 5.0) == -1


@given(st.floats(0.01, 200), st.floats(0.01, 200), st.integers(1, 400))
def test_the_tails_of_counts_add_up_to_one(mean: float, excess: float, k: int):
    one = Counts(mean, mean + excess)
    assert one.at_least(k) + one.at_most(k - 1) == pytest.approx(1.0, abs=1e-6)


@given(mean=st.floats(0.1, 200.0), excess=st.floats(0.01, 3.0), count=st.integers(0, 2000), more=st.floats(0.0, 50.0))
def test_each_one_more_speaks_for_a_surge(mean: float, excess: float, count: int, more: float):
    usual = Counts(mean, mean * (1.0 + excess))
    assert usual.surge(count + 1, times=2.5, more=more) > usual.surge(count, times=2.5, more=more)


def test_what_is_usual_speaks_against_a_surge_and_what_a_surge_brings_speaks_for_it():
    usual = Counts(20.0, 30.0)
    assert usual.surge(20.0, times=2.5, more=10.0) < -2.0
    assert usual.surge(50.0, times=2.5, more=10.0) > 2.0


@given(NUMBERS)
def test_a_state_goes_through_json_and_comes_back(samples: list[float]):
    first = learned(samples)
    second = Baseline()
    second.restore(json.loads(json.dumps(first.state())))
    assert second.usual() == first.usual()
    assert second.state() == first.state()


@pytest.mark.parametrize("state", [{}, {"samples": "x", "aside": []}, {"samples": [math.nan], "aside": []}])
def test_a_state_that_is_none_of_ours_is_refused(state):
    with pytest.raises(Refused):
        Baseline().restore(state)


SURGE = """
- {kind: baseline, id: crowd, quantity: square/person/count, model: counts, of: max, every_s: 60, warm_up: 30}
"""


def test_a_surge_over_the_baseline_says_what_is_usual_here_and_on_how_much_that_rests():
    rng = random.Random(2)
    calm = [(60.0 * n + 30, count) for n, count in enumerate(poisson(rng, 2.0, 60))]
    surge = [(60.0 * n + 30, 25.0) for n in range(60, 63)] + [(60.0 * n + 30, 2.0) for n in range(63, 66)]
    opened, closed = play(SURGE, series("square/person/count", calm + surge), until=3960, tick_s=10)
    assert lines([opened, closed]) == ["3660 opened 25", "3840 closed 25"]
    assert (opened.reason.evidence, opened.reason.evidence_unit) == (1.0, "hours")
    assert opened.reason.expected == pytest.approx(2.0, abs=0.5)
    assert opened.reason.spread == pytest.approx(1.5, abs=0.4)


def test_intervals_without_happenings_are_zeros_where_the_camera_saw_them():
    """Ten quiet hours teach that nobody comes; a sudden twenty within an hour are a surge."""
    text = """
    - {kind: baseline, id: rush, quantity: kerb/person/in, of: sum, model: counts, every_s: 600, warm_up: 20}
    """
    seen = series("camera/observed", [(t, 1) for t in range(0, 43200, 30)])
    crossings = series("kerb/person/in", [(100, 1), *((36100 + 20 * n, 1) for n in range(20))])
    events = play(text, seen + crossings, until=43200, tick_s=30)
    assert lines(events) == ["36600 opened 20", "37200 closed 20"]


def test_a_time_that_nobody_saw_teaches_nothing():
    """A dead camera is not a quiet square: its silence adds no sample."""
    text = """
    - {kind: baseline, id: rush, quantity: kerb/person/in, of: sum, model: counts, every_s: 600, warm_up: 20}
    """
    seen = series("camera/observed", [(t, 1) for t in [*range(0, 3600, 30), *range(36000, 39600, 30)]])
    crossings = series("kerb/person/in", [(100, 1), *((36100 + 20 * n, 1) for n in range(20))])
    assert play(text, seen + crossings, until=39600, tick_s=30) == []
