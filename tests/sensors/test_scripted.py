"""Scripted readings tell a world exactly as it is written."""

from __future__ import annotations

import pytest

from agent.clock import SimulatedClock
from agent.errors import SensorError
from agent.sensors import SENSORS, open_sensor
from agent.sensors.scripted import Scripted
from agent.sensors.settings import ScriptedSettings

SERIES = [(0.0, 20.0), (2.5, 21.0), (2.5, 22.0), (10.0, 23.0)]


def scripted(series=SERIES, **settings):
    return Scripted(ScriptedSettings(id="hall", **settings), series=series, start=1000.0)


def told(sensor, *instants):
    return [(one.at, one.value) for at in instants for one in sensor.read(at)]


def test_a_reading_is_told_once_and_keeps_its_own_moment():
    assert told(scripted(), 1001.0, 1003.0, 1004.0) == [(1000.0, 20.0), (1002.5, 21.0), (1002.5, 22.0)]


def test_how_often_it_is_read_does_not_change_the_world():
    often = told(scripted(), *(1000.0 + step / 10 for step in range(200)))
    assert often == told(scripted(), 1100.0)


def test_a_held_reading_is_repeated_at_every_read_as_a_real_input_does():
    held = told(scripted(hold=True), 1001.0, 1002.0, 1003.0)
    assert held == [(1000.0, 20.0), (1001.0, 20.0), (1002.0, 20.0), (1002.5, 21.0), (1002.5, 22.0), (1003.0, 22.0)]


def test_the_quantity_is_named_by_the_settings():
    (first, *_) = scripted(quantity="temperature_c").read(1000.0)
    assert (first.source, first.quantity) == ("hall", "temperature_c")


def test_a_world_without_readings_for_the_sensor_is_refused_with_a_hint():
    with pytest.raises(SensorError) as refused:
        scripted(None)
    assert "hall" in refused.value.message
    assert "sensors: hall:" in refused.value.hint


def test_readings_that_go_back_in_time_are_refused():
    with pytest.raises(SensorError, match="back in time"):
        scripted([(1.0, 0.0), (0.0, 0.0)])


def test_after_closing_nothing_is_told():
    sensor = scripted()
    sensor.close()
    assert told(sensor, 2000.0) == []


def test_a_scripted_sensor_is_opened_by_its_driver_name():
    sensor = open_sensor(
        ScriptedSettings(id="hall", period_s=5.0), clock=SimulatedClock(), readings={"hall": SERIES}, start=0.0
    )
    assert sensor.period_s == 5.0
    assert len(list(sensor.read(99.0))) == 4


def test_every_driver_of_the_configuration_is_in_the_register_and_the_other_way_round():
    from typing import get_args

    from agent.sensors.settings import SensorSettings

    assert {one.__struct_config__.tag for one in get_args(SensorSettings)} == set(SENSORS)
