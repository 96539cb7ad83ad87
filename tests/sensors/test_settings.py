"""What a configuration says of sensors is checked before anything is opened."""

from __future__ import annotations

import pytest

from agent.documents import convert
from agent.errors import ConfigError
from agent.sensors.settings import LampSettings, PirSettings, SensorSettings, pins


def sensors(*entries):
    return convert(list(entries), tuple[SensorSettings, ...], name="node.yaml")


def test_each_driver_is_recognised_by_its_name():
    (pir, host) = sensors({"driver": "pir", "id": "square", "pin": 17}, {"driver": "host"})
    assert isinstance(pir, PirSettings)
    assert host.id == "host"


def test_all_problems_of_all_sensors_are_said_at_once():
    with pytest.raises(ConfigError) as refused:
        sensors(
            {"driver": "pir", "id": "a", "pin": 40, "stuk_s": 3}, {"driver": "iio", "id": "b", "quantities": ["heat"]}
        )
    said = "\n".join(refused.value.problems)
    assert "[0].pin" in said
    assert "stuk_s" in said
    assert "[1].device" in said
    assert "[1].quantities" in said


def test_a_driver_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="driver"):
        sensors({"driver": "sonar", "id": "a"})


def test_the_pins_of_all_parts_are_listed_so_that_one_used_twice_shows():
    parts = sensors(
        {"driver": "door", "id": "a", "pin": 4},
        {"driver": "distance", "id": "b", "trigger": 5, "echo": 4},
        {"driver": "host"},
    )
    assert pins((*parts, LampSettings(pin=23), None)) == ["GPIO4", "GPIO5", "GPIO4", "GPIO23"]
