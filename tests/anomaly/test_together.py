"""Readings that belong together, and what is told when they do not."""

from __future__ import annotations

import json
import random

import pytest

from agent.anomaly.engine import Engine, ids
from agent.anomaly.together import OVER, Together, inverse
from agent.errors import ConfigError, Refused
from tests.anomaly.playing import play, rules, series

RULE = """
- kind: together
  id: pump
  of: [{source: a, quantity: temperature_c}, {source: b, quantity: humidity_pct}]
  every_s: 10
  warm_up: 60
"""


def row(source: random.Random, *, apart: float = 0.0) -> list[float]:
    """Two numbers that rise together, and one of its own; `apart` parts them."""
    common = source.gauss(0.0, 1.0)
    return [
        20.0 + common + source.gauss(0.0, 0.1),
        5.0 + common + source.gauss(0.0, 0.1) + apart,
        source.gauss(0.0, 1.0),
    ]


def lived(rows: int, *, warm_up: int = 200) -> tuple[Together, random.Random]:
    one, source = Together(3, warm_up), random.Random(1)
    for _ in range(rows):
        one.update(row(source))
    return one, source


def test_each_number_may_be_ordinary_and_the_two_together_not():
    one, source = lived(300)
    odd = [one.update(row(source, apart=1.5)) for _ in range(OVER)]
    found = [each for each in odd if each is not None]
    assert found
    assert set(found[-1].order[:2]) == {0, 1}


def test_ordinary_rows_are_told_of_rarely():
    one, source = lived(300)
    told = [each for _ in range(2000) if (each := one.update(row(source))) is not None]
    assert len(told) < 10


def test_nothing_is_said_before_enough_was_learned():
    one, source = lived(150)
    assert one.fit is None
    assert one.update(row(source, apart=99.0)) is None


def test_what_is_strange_is_not_learned_and_memory_is_bounded():
    one, source = lived(300)
    for _ in range(500):
        one.update(row(source, apart=50.0))
    assert one.update(row(source, apart=50.0)) is not None
    assert one.rows == 200


def test_a_constant_number_breaks_no_arithmetic():
    one = Together(2, 50)
    for number in range(80):
        one.update([7.0, float(number % 5)])
    assert one.fit is not None
    assert [one.update([7.5, 2.0]) for _ in range(OVER)][-1] is not None


def test_the_inverse_is_one():
    matrix = [[2.1, 0.4, -0.2], [0.4, 1.1, 0.3], [-0.2, 0.3, 3.1]]
    found = inverse(matrix)
    product = [
        [sum(a * b for a, b in zip(line, column, strict=True)) for column in zip(*found, strict=True)]
        for line in matrix
    ]
    for number, line in enumerate(product):
        assert line == pytest.approx([float(number == other) for other in range(3)])


def test_a_restart_changes_nothing():
    one, source = lived(450)
    other = Together(3, 200)
    other.restore(json.loads(json.dumps(one.state())))
    one.pause()
    for _ in range(30):
        each = row(source, apart=0.4)
        assert (one.update(each) is None) == (other.update(each) is None)


def test_a_set_that_was_changed_is_learned_anew_and_nonsense_is_refused():
    one, _ = lived(450)
    other = Together(2, 200)
    other.restore(one.state())
    assert other.rows == 0
    with pytest.raises(Refused, match="not a set"):
        Together(2).restore({"together": 2})


def test_a_rule_names_the_members_that_part():
    def humidity(number: int) -> float:
        return 60.0 - 2.0 * (number % 7) - (12.0 if number >= 150 else 0.0)

    air = series("temperature_c", [(10.0 * n, 20.0 + n % 7) for n in range(200)], source="a")
    damp = series("humidity_pct", [(10.0 * n + 1, humidity(n)) for n in range(200)], source="b")
    opened, *_ = play(RULE, [*air, *damp], until=2000.0)
    assert 1510 <= opened.at - air[0].at <= 1610
    assert {opened.reason.quantity, *(reason.quantity for reason in opened.also)} == {"temperature_c", "humidity_pct"}
    assert (opened.reason.test, opened.source) == ("together", "a")


def test_a_row_lacks_nobody():
    """While one member is silent nothing is judged."""
    air = series("temperature_c", [(10.0 * n, 20.0 + n % 7) for n in range(200)], source="a")
    damp = series("humidity_pct", [(10.0 * n + 1, 60.0 - 2.0 * (n % 7)) for n in range(150)], source="b")
    assert not play(RULE, [*air, *damp], until=2000.0)


def test_the_engine_gives_and_takes_what_a_set_learned():
    one, other = (Engine(rules(RULE), new_id=ids("00000001")) for _ in range(2))
    for observation in series("temperature_c", [(10.0 * n, 20.0) for n in range(90)], source="a"):
        one.update(observation)
        one.advance(observation.at + 0.5)
    other.restore(json.loads(json.dumps(one.state())))
    assert other.state()["learned"] == one.state()["learned"]


def test_a_set_has_its_sources_in_its_members():
    with pytest.raises(ConfigError, match="in `of`"):
        rules(
            "[{kind: together, id: x, quantity: open, of: [{source: a, quantity: open}, {source: b, quantity: open}]}]"
        )
