"""Parts are pulled from a running machine and plugged in again: what the store hears of it, and that it heals.

It goes on with the machine of `first_boot.py`, in one run: `make vm`. Needs the rung uml: pins and cable are the kernel's.
"""

from __future__ import annotations

import pytest

from tests.vm.authority import ask_store, events, within

DOOR = "/sys/devices/platform/gpio-sim.0/gpiochip0/sim_gpio27/pull"
CHIP = "/sys/kernel/config/gpio-sim/pi/live"
CAMERA = "/sys/bus/platform/drivers/vimc"
PATIENCE_S = 180


@pytest.fixture(scope="module", autouse=True)
def hardware(rung):
    if rung[0] != "uml":
        pytest.skip("rung nspawn: its kernel has no pins or cable of its own to pull")


def put(machine, text, path):
    done = machine.inside("sh", "-c", f"printf %s '{text}' > {path}")
    assert done.returncode == 0, done.stderr


def last(authority, rule):
    """The last word on a rule."""
    found = events(authority, rule)
    return found[-1]["phase"] if found else None


def test_a_pulled_camera_is_one_event_that_ends_with_its_pictures(machine, authority):
    """The driver of the kernel's camera lets go of it, and takes it again."""
    assert machine.inside("test", "-e", "/dev/camera").returncode == 0
    before = len(events(authority, "camera-lost"))
    put(machine, "vimc.0", f"{CAMERA}/unbind")
    within(PATIENCE_S, lambda: last(authority, "camera-lost") == "opened")
    machine.inside("sleep", "10")  # the service is started again meanwhile, in vain
    put(machine, "vimc.0", f"{CAMERA}/bind")
    within(PATIENCE_S, lambda: last(authority, "camera-lost") == "closed")
    assert [told["phase"] for told in events(authority, "camera-lost")[before:]] == ["opened", "closed"]


def test_a_pulled_chip_of_pins_is_a_fault_of_the_part_until_it_is_back(machine, authority):
    """Without a restart: `sense` runs on, and hears the door again afterwards."""
    runs = machine.inside("systemctl", "show", "-p", "MainPID", "piazza-sense").stdout
    put(machine, "0", CHIP)
    within(PATIENCE_S, lambda: last(authority, "part-fails") == "opened")
    put(machine, "1", CHIP)
    within(PATIENCE_S, lambda: last(authority, "part-fails") == "closed")
    put(machine, "pull-down", DOOR)
    within(PATIENCE_S, lambda: last(authority, "cabinet-open") == "closed")
    assert machine.inside("systemctl", "show", "-p", "MainPID", "piazza-sense").stdout == runs


def test_a_cut_wire_is_an_open_door_until_it_is_mended(machine, authority):
    put(machine, "pull-down", DOOR)
    within(PATIENCE_S, lambda: last(authority, "cabinet-open") == "closed")
    put(machine, "pull-up", DOOR)
    within(PATIENCE_S, lambda: last(authority, "cabinet-open") == "opened")
    put(machine, "pull-down", DOOR)
    within(PATIENCE_S, lambda: last(authority, "cabinet-open") == "closed")


def test_a_pulled_cable_costs_time_and_no_event(machine, authority):
    """While it is out a door opens and closes; both are told when it is in again, and no number is missing."""
    heard = len(events(authority, "cabinet-open"))
    assert machine.inside("ip", "link", "set", "vec0", "down").returncode == 0
    for pull in ("pull-up", "pull-down"):
        put(machine, pull, DOOR)
        machine.inside("sleep", "3")
    assert len(events(authority, "cabinet-open")) == heard
    assert machine.inside("ip", "link", "set", "vec0", "up").returncode == 0
    within(PATIENCE_S, lambda: len(events(authority, "cabinet-open")) >= heard + 2)
    ((least, most, many),) = ask_store(authority, "SELECT min(seq), max(seq), count(*) FROM envelope")
    assert (least, many) == (1, most)
