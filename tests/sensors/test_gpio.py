"""Parts on pins, with the pins that gpiozero ships for tests."""

from __future__ import annotations

import pytest
from gpiozero.pins.mock import MockFactory, MockPin, MockTriggerPin

from agent.clock import SimulatedClock
from agent.errors import SensorError
from agent.sensors import open_sensor
from agent.sensors.gpio import EDGES, Distance, Input, PinLight
from agent.sensors.settings import (
    ButtonSettings,
    DistanceSettings,
    DoorSettings,
    LampSettings,
    PirSettings,
    TamperSettings,
)

DRIVERS = [
    (PirSettings, "motion", False),
    (DoorSettings, "open", True),
    (TamperSettings, "tampered", True),
    (ButtonSettings, "pressed", False),
]


@pytest.fixture
def factory():
    factory = MockFactory()
    yield factory
    factory.close()


@pytest.fixture
def clock():
    return SimulatedClock(1000.0)


def turn(pin, *, high):
    pin.drive_high() if high else pin.drive_low()


def levels(told, quantity):
    return [one.value for one in told if one.quantity == quantity]


@pytest.mark.parametrize(("kind", "quantity", "unwired"), DRIVERS)
def test_an_unwired_pin_reads_as_the_safe_side_of_each_part(factory, clock, kind, quantity, unwired):
    """A cut wire must look like an open door and a lifted lid; it cannot look like a pressed button."""
    sensor = Input(kind(id="x", pin=17), clock=clock, factory=factory)
    assert levels(sensor.read(1000.0), quantity) == [float(unwired)]


@pytest.mark.parametrize("kind", [kind for kind, _, _ in DRIVERS])
@pytest.mark.parametrize("pull", ["up", "down", "none"])
@pytest.mark.parametrize("active", ["high", "low"])
def test_active_level_and_pull_can_be_combined_freely(factory, clock, kind, pull, active):
    sensor = Input(kind(id="x", pin=17, pull=pull, active=active, bounce_s=0.0), clock=clock, factory=factory)
    for high in (True, False, True):
        turn(factory.pin(17), high=high)
        assert levels(sensor.read(clock.now()), kind.quantity)[-1] == float(high == (active == "high"))
    assert factory.pin(17).pull == {"none": "floating"}.get(pull, pull)


def test_an_edge_carries_the_moment_it_happened_not_the_moment_it_was_read(factory, clock):
    sensor = Input(PirSettings(id="pir", pin=4, bounce_s=0.0), clock=clock, factory=factory)
    clock.sleep(3.0)
    factory.pin(4).drive_high()
    clock.sleep(2.0)
    told = [(one.at, one.value) for one in sensor.read(clock.now()) if one.quantity == "motion"]
    assert told == [(1003.0, 1.0), (1005.0, 1.0)]


def test_a_short_press_between_two_reads_is_not_missed(factory, clock):
    sensor = Input(ButtonSettings(id="help", pin=4), clock=clock, factory=factory)
    list(sensor.read(1000.0))
    factory.pin(4).drive_low()
    clock.sleep(0.2)
    factory.pin(4).drive_high()
    clock.sleep(0.2)
    assert levels(sensor.read(clock.now()), "pressed") == [1.0, 0.0, 0.0]


def test_a_flood_of_edges_is_bounded_and_ends_in_the_level_that_is_really_there(factory, clock):
    sensor = Input(DoorSettings(id="door", pin=4, bounce_s=0.0), clock=clock, factory=factory)
    for _ in range(EDGES):
        factory.pin(4).drive_low()
        factory.pin(4).drive_high()
    factory.pin(4).drive_low()
    told = list(sensor.read(clock.now()))
    assert levels(told, "chatter") == [1.0]
    clock.sleep(61.0)
    assert levels(sensor.read(clock.now()), "open") == [0.0]


class Pulled(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin whose chip can be pulled."""

    gone = False

    def _get_state(self):
        if Pulled.gone:
            raise OSError("unknown handle")
        return super()._get_state()


def test_a_pin_whose_chip_is_gone_is_a_fault_and_heals_when_it_is_back(clock, monkeypatch):
    factory = MockFactory(pin_class=Pulled)
    sensor = Input(DoorSettings(id="door", pin=17, bounce_s=0.0), clock=clock, factory=factory)
    assert levels(sensor.read(1000.0), "fault") == [0.0]
    monkeypatch.setattr(Pulled, "gone", True)
    told = [one for second in (1001.0, 1002.0) for one in sensor.read(second)]
    assert [(one.quantity, one.value) for one in told] == [("fault", 1.0)]
    monkeypatch.setattr(Pulled, "gone", False)
    told = list(sensor.read(1003.0))
    assert levels(told, "fault") == [0.0]
    assert levels(told, "open") == [1.0]
    sensor.close()
    factory.close()


def test_two_sensors_on_one_pin_are_refused_with_a_hint(factory, clock):
    door = Input(DoorSettings(id="door", pin=4), clock=clock, factory=factory)
    with pytest.raises(SensorError) as refused:
        Input(PirSettings(id="pir", pin=4), clock=clock, factory=factory)
    assert "pir" in refused.value.message
    assert "GPIO4 is used twice" in refused.value.message
    assert refused.value.hint
    door.close()


def test_a_closed_sensor_gives_its_pin_back(factory, clock):
    Input(DoorSettings(id="door", pin=4), clock=clock, factory=factory).close()
    Input(PirSettings(id="pir", pin=4), clock=clock, factory=factory)


def test_a_machine_without_gpio_says_so_and_what_to_do(clock, monkeypatch):
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "no-such-factory")
    with pytest.raises(SensorError, match="no GPIO on this machine") as refused:
        open_sensor(DoorSettings(id="door", pin=4), clock=clock)
    assert "python3-lgpio" in refused.value.hint
    assert refused.value.exit_code == 2


def test_a_pin_factory_that_fails_in_its_own_way_is_reported_as_a_sensor_error(clock):
    class Broken:
        def reserve_pins(self, *_):
            raise RuntimeError("GPIO busy")

    with pytest.raises(SensorError, match="GPIO4: GPIO busy"):
        Input(DoorSettings(id="door", pin=4), clock=clock, factory=Broken())


def ranger(factory, clock, *, echo_s, max_m=4.0):
    echo = factory.pin(6)
    factory.pin(5, pin_class=MockTriggerPin, echo_pin=echo, echo_time=echo_s)
    return Distance(DistanceSettings(id="bin", trigger=5, echo=6, max_m=max_m), clock=clock, factory=factory)


def test_the_time_of_an_echo_is_a_distance(factory, clock):
    """A sleeping echo is never shorter than asked, and longer only as far as the machine is busy."""
    told = list(ranger(factory, clock, echo_s=0.01).read(1000.0))
    assert levels(told, "fault") == [0.0]
    (metres,) = levels(told, "distance_m")
    assert 0.01 * 343.3 / 2 <= metres < 4.0


def test_nothing_in_range_reads_the_end_of_the_range(factory, clock):
    assert levels(ranger(factory, clock, echo_s=0.03, max_m=1.0).read(1000.0), "distance_m") == [1.0]


def test_a_ranger_without_an_echo_is_a_fault_and_not_an_old_distance(factory, clock):
    sensor = Distance(DistanceSettings(id="bin", trigger=5, echo=6), clock=clock, factory=factory)
    assert [(one.quantity, one.value) for one in sensor.read(1000.0)] == [("fault", 1.0)]


def test_a_light_is_lit_while_asked_for_and_then_goes_dark_by_itself(factory):
    light = PinLight(LampSettings(pin=22), factory=factory)
    pin = factory.pin(22)
    light.show(on_s=0.01, off_s=0.0, times=1)
    light._led._blink_thread.join()
    assert [state.state for state in pin.states] == [False, True, False]


def test_a_light_wired_the_other_way_round_is_dark_when_its_pin_is_high(factory):
    light = PinLight(LampSettings(pin=22, active="low"), factory=factory)
    light.dark()
    assert factory.pin(22).state
