"""The same parts on lines of a real kernel, through gpiozero's lgpio factory."""

from __future__ import annotations

from uuid import uuid4

import pytest

from agent.clock import SystemClock
from agent.sensors.gpio import Input, PinLight
from agent.sensors.settings import ButtonSettings, DoorSettings, LampSettings, PirSettings
from tests.sensors.gpio_sim import gpio_sim, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "gpio-sim is here")

PATIENCE_S = 60.0
PI_4 = 0xC03112


@pytest.fixture
def chip():
    with gpio_sim(f"piazza-{uuid4().hex[:8]}") as chip:
        yield chip


@pytest.fixture
def factory(chip):
    from gpiozero.pins.lgpio import LGPIOFactory

    class OnThisChip(LGPIOFactory):  # type: ignore[misc]  # gpiozero has no types
        def _get_revision(self):
            return PI_4

    factory = OnThisChip(chip=chip.number)
    yield factory
    factory.close()


def seen(sensor, quantity, value):
    """Read until the quantity has the value: the kernel tells edges when it comes to it."""
    clock = SystemClock()
    end = clock.monotonic() + PATIENCE_S
    while clock.monotonic() < end:
        if any((one.quantity, one.value) == (quantity, value) for one in sensor.read(clock.now())):
            return True
        clock.sleep(0.02)
    return False


def test_motion_on_a_kernel_line_is_seen_and_ends(chip, factory):
    chip.drive(17, high=False)
    pir = Input(PirSettings(id="pir", pin=17), clock=SystemClock(), factory=factory)
    for high in (True, False, True):
        chip.drive(17, high=high)
        assert seen(pir, "motion", float(high))
    pir.close()


def test_the_pull_up_of_a_door_reaches_the_line_so_that_a_cut_wire_reads_open(chip, factory):
    door = Input(DoorSettings(id="door", pin=27), clock=SystemClock(), factory=factory)
    assert seen(door, "open", 1.0)
    chip.drive(27, high=False)
    assert seen(door, "open", 0.0)
    door.close()


def test_a_press_shorter_than_the_reading_period_is_heard(chip, factory):
    """As short as a person can: edges microseconds apart would be one to the kernel already."""
    chip.drive(5, high=True)
    button = Input(ButtonSettings(id="help", pin=5), clock=(clock := SystemClock()), factory=factory)
    chip.drive(5, high=False)
    clock.sleep(0.08)
    chip.drive(5, high=True)
    clock.sleep(0.08)
    assert seen(button, "pressed", 1.0)
    button.close()


def test_the_lamp_lights_its_line_and_goes_dark_by_itself(chip, factory):
    light = PinLight(LampSettings(pin=22), factory=factory)
    light.show(on_s=0.3, off_s=0.0, times=1)
    clock = SystemClock()
    end = clock.monotonic() + PATIENCE_S
    levels = [chip.reads(22)]
    while (len(levels) < 2 or levels[-1]) and clock.monotonic() < end:
        levels.append(chip.reads(22))
        clock.sleep(0.01)
    assert True in levels
    assert not levels[-1]
    light.close()


def test_a_chip_that_was_pulled_is_a_fault_and_is_read_again_when_it_is_back(chip):
    """Through the factory that gpiozero makes by itself, as on a node: no restart, no lost reading afterwards."""
    door = Input(DoorSettings(id="door", pin=27), clock=SystemClock())
    assert seen(door, "open", 1.0)
    chip.pull_out()
    assert seen(door, "fault", 1.0)
    assert not list(door.read(SystemClock().now())), "without its chip a part tells nothing"
    chip.plug_in()
    assert seen(door, "fault", 0.0)
    for high in (False, True, False):
        chip.drive(27, high=high)
        assert seen(door, "open", float(high))
    door.close()
