"""The health message: numbers of the machine by their names, everything else under its id."""

from __future__ import annotations

from agent.pipeline import Vitals
from agent.records import Observation


def told(*seen):
    vitals = Vitals(frozenset({"host"}), period_s=60.0)
    vitals.advance(0.0)
    for source, quantity, value in seen:
        vitals.see(Observation(source, quantity, value, 1.0))
    return {name: value for health in vitals.advance(60.0) for name, value in health.values}


def test_a_number_of_the_host_is_told_as_it_is():
    assert told(("host", "cpu_temp_c", 61.0)) == {"cpu_temp_c": 61.0}


def test_the_state_of_a_sensor_is_told_under_its_id():
    assert told(("air", "fault", 1.0), ("door", "chatter", 0.0), ("host", "fault", 0.0)) == {
        "air/fault": 1.0,
        "door/chatter": 0.0,
        "host/fault": 0.0,
    }


def test_what_a_sensor_measures_is_no_health():
    assert told(("air", "temperature_c", 21.0), ("square", "motion", 1.0)) == {}


def test_the_latest_number_counts():
    assert told(("door", "stuck", 1.0), ("door", "stuck", 0.0)) == {"door/stuck": 0.0}
