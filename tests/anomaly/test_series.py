"""What is strange about a series of readings, and how often it is told."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterable

import pytest

from agent.anomaly.engine import Engine, ids
from agent.anomaly.series import PAUSE, YOUNG, Series, Sight
from agent.errors import Refused
from tests.anomaly.playing import play, rules, series

RULE = "[{kind: series, id: strange, quantity: temperature_c, every_s: 10, warm_up: 60}]"
STEP_S = 300.0
Reading = Callable[[int], float]


def noisy(seed: int = 1, *, mean: float = 20.0, spread: float = 1.0) -> Reading:
    source = random.Random(seed)
    values = [source.gauss(mean, spread) for _ in range(3000)]
    return lambda number: values[number % 3000]


def told(one: Series, readings: Iterable[float], *, since: int = 0) -> list[tuple[int, Sight]]:
    """What of readings every five minutes is told, with its number."""
    found = ((since + n, one.update(value, (since + n) * STEP_S)) for n, value in enumerate(readings))
    return [(number, sight) for number, sight in found if sight is not None]


def lived(count: int, reading: Reading) -> Series:
    one = Series()
    told(one, (reading(number) for number in range(count)))
    return one


@pytest.mark.parametrize("seed", range(5))
def test_a_series_that_stays_itself_is_told_of_rarely(seed: int):
    """Noise of three weeks' length at samples of five minutes: no more than three, four of five seeds fewer."""
    reading = noisy(seed)
    assert len(told(Series(), (reading(number) for number in range(3000)))) <= 3


@pytest.mark.parametrize(
    ("change", "within"),
    [
        (lambda n, usual: usual + (12.0 if n == 0 else 0.0), 1),
        (lambda _n, usual: usual + 3.0, 12),
        (lambda n, usual: usual + 0.02 * n, 200),
        (lambda n, _usual: 20.0 + 6.0 * (-1) ** n, 24),
    ],
    ids=["a spike", "a shift", "a drift", "a swing"],
)
def test_a_change_is_told_within(change: Callable[[int, float], float], within: int):
    usual = noisy(7)
    one = lived(2000, usual)
    assert told(one, (change(n, usual(2000 + n)) for n in range(within)), since=2000)


def test_a_spike_is_called_one():
    one = lived(2000, noisy(7))
    ((_, sight),) = told(one, [40.0], since=2000)
    assert (sight.aspect, sight.observed) == ("spike", 40.0)


def test_a_sensor_that_is_stuck_at_an_ordinary_value_is_told_by_its_silence_of_noise():
    one = lived(2000, noisy(3))
    ((_, sight),) = told(one, [20.0] * 60, since=2000)
    assert (sight.aspect, sight.observed < 0.05, sight.expected > 0.8) == ("noise", True, True)


def test_a_warm_noon_is_usual_and_a_warm_midnight_is_not():
    def day(number: int) -> float:
        return 15.0 - 8.0 * math.cos(2.0 * math.pi * number / 288) + 0.3 * ((number * 7) % 5 - 2)

    one = lived(288 * 10, day)
    assert not told(one, (day(number) for number in range(288 * 10, 288 * 11)), since=288 * 10)
    midnight = told(one, [22.5] * 40, since=288 * 11)
    assert midnight
    assert midnight[0][1].aspect in ("rhythm", "course")


def test_what_was_told_is_not_told_again_at_once():
    one = lived(2000, noisy(5))
    found = told(one, [45.0] * PAUSE, since=2000)
    assert [number for number, _ in found] == [2000]


def test_a_series_that_cries_often_must_cry_louder():
    """The same spike every 200 readings: each time it is told less readily, in the end not at all."""
    usual = noisy(2)
    one = lived(1000, usual)
    found = told(one, (usual(n) + (7.0 if n % 200 == 0 else 0.0) for n in range(1000, 5000)), since=1000)
    assert 1 <= len(found) <= 8


def test_nothing_is_said_of_the_first_readings():
    assert not told(Series(), [20.0, 21.0] * (YOUNG // 2 - 1) + [99.0])


def test_strictness_makes_what_was_strange_ordinary():
    lenient, strict = lived(500, noisy(4)), lived(500, noisy(4))
    strict.strictness = 4.0
    assert told(lenient, [28.0], since=500)
    assert not told(strict, [28.0], since=500)


def test_a_restart_changes_nothing():
    usual = noisy(9)
    one = lived(700, usual)
    other = Series()
    other.restore(json.loads(json.dumps(one.state())))
    later = [usual(n) + 9.0 * (n % 150 == 0) for n in range(700, 1100)]
    assert told(one, later, since=700) == told(other, later, since=700)


def test_memory_does_not_grow_with_the_series():
    usual = noisy(6)
    sizes = [len(json.dumps(lived(count, usual).state())) for count in (500, 3000)]
    assert sizes[1] < 1.2 * sizes[0]
    assert sizes[1] < 16_000


@pytest.mark.parametrize(
    "state", [{}, {"series": 1}, {**Series().state(), "usual": {}}, {**Series().state(), "day": {"rhythm": [1]}}]
)
def test_a_state_of_something_else_is_refused(state: dict[str, object]):
    with pytest.raises(Refused, match="not a series"):
        Series().restore(state)


def test_a_rule_tells_a_spike_with_what_is_usual_and_what_that_rests_on():
    readings = [(10.0 * n, 20.0 + n % 3 / 2 + 9.0 * (n == 100)) for n in range(140)]
    opened, closed = play(RULE, series("temperature_c", readings))
    reason = opened.reason
    assert (reason.test, reason.observed, reason.evidence_unit) == ("spike", 29.5, "hours")
    assert reason.expected == pytest.approx(20.5, abs=0.1)
    assert (closed.phase, closed.closed_by) == ("closed", "rule")


def test_the_engine_gives_and_takes_what_a_series_learned():
    readings = series("temperature_c", [(10.0 * n, 20.0 + n % 3 / 2) for n in range(200)])
    one, other = (Engine(rules(RULE), new_id=ids("00000001")) for _ in range(2))
    for observation in readings:
        one.update(observation)
    other.restore(json.loads(json.dumps(one.state())))
    assert other.state() == one.state()
