"""The lamp says what the node does, and never more than the pipeline has earned."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import SensorError
from agent.sensors.lamp import Lamp, Sight, open_lamp
from agent.sensors.settings import LampSettings


@dataclass
class Shown:
    """A light that writes down what was asked of it."""

    asked: list[object] = field(default_factory=list)

    def show(self, *, on_s, off_s, times):
        self.asked.append((on_s, off_s, times))

    def dark(self):
        self.asked.append("dark")

    def close(self):
        self.asked.append("closed")


def lamp():
    return Lamp(Shown(), dark_after_s=10.0)


def test_watching_is_steady_light_that_ends_by_itself():
    one = lamp()
    one.feed(Sight.WATCHING, 0.0)
    assert one.light.asked == [(10.0, 0.0, 1)]


@pytest.mark.parametrize(("sight", "shown"), [(Sight.COMMISSIONING, (1.0, 1.0, 5)), (Sight.FAULT, (0.25, 0.25, 20))])
def test_a_technician_and_a_fault_blink_each_in_their_way(sight, shown):
    one = lamp()
    one.feed(sight, 0.0)
    assert one.light.asked == [shown]


def test_another_sight_shows_at_once():
    one = lamp()
    one.feed(Sight.WATCHING, 0.0)
    one.feed(Sight.FAULT, 0.1)
    one.feed(Sight.WATCHING, 0.2)
    assert len(one.light.asked) == 3


def test_after_dark_the_next_feed_lights_again():
    one = lamp()
    one.feed(Sight.WATCHING, 0.0)
    one.dark()
    one.feed(Sight.WATCHING, 0.1)
    assert one.light.asked == [(10.0, 0.0, 1), "dark", (10.0, 0.0, 1)]


def test_a_clock_that_was_set_back_does_not_let_the_lamp_go_out():
    one = lamp()
    one.feed(Sight.WATCHING, 1000.0)
    one.feed(Sight.WATCHING, 10.0)
    assert len(one.light.asked) == 2


def test_closing_leaves_it_dark():
    one = lamp()
    one.feed(Sight.WATCHING, 0.0)
    one.close()
    assert one.light.asked[1:] == ["dark", "closed"]


@given(st.lists(st.floats(0.0, 4.9), min_size=1, max_size=100))
def test_fed_every_few_seconds_it_never_flickers_and_is_not_asked_too_often(gaps):
    one, at, until = lamp(), 0.0, 0.0
    asked_before = 0
    for gap in gaps:
        at += gap
        assert at <= until or until == 0.0
        one.feed(Sight.WATCHING, at)
        if len(one.light.asked) > asked_before:
            asked_before, until = len(one.light.asked), at + 10.0
    assert asked_before <= 1 + at / 5.0


def test_a_machine_without_gpio_refuses_the_lamp_with_a_hint(monkeypatch):
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "no-such-factory")
    with pytest.raises(SensorError, match="lamp") as refused:
        open_lamp(LampSettings(pin=22))
    assert refused.value.hint
