"""The unit that takes updates in: once, small, with no network, and no right over anybody."""

from __future__ import annotations

import subprocess

import pytest

from agent.cli import VERBS
from tests.conftest import CHECKOUT

UNITS = CHECKOUT / "systemd"
SERVICE = "piazza-ota.service"


@pytest.fixture
def staged(tmp_path):
    """The three units, where a file that can run stands for the command."""
    for unit in UNITS.glob("piazza*.*"):
        if unit.is_file():
            (tmp_path / unit.name).write_text(unit.read_text().replace("/usr/bin/piazza", "/bin/true"))
    return tmp_path


def options(unit):
    lines = (line.partition("=") for line in (UNITS / unit).read_text().splitlines() if not line.startswith("#"))
    return {name: value for name, equals, value in lines if equals}


def test_systemd_finds_nothing_to_say(staged, program):
    units = [str(staged / f"piazza-ota.{kind}") for kind in ("service", "path", "timer")]
    done = subprocess.run([program("systemd-analyze"), "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_its_exposure_is_the_least_of_all(staged, program):
    """Tenths: 3 is an exposure of 0.3 of 10."""
    command = [program("systemd-analyze"), "security", "--offline=yes", "--threshold=3", str(staged / SERVICE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_it_ends_by_itself_and_is_small():
    service = options(SERVICE)
    assert service["Type"] == "oneshot"
    assert service["MemoryMax"] == "80M"


def test_it_sees_no_network_no_device_and_no_key():
    service = options(SERVICE)
    assert service["PrivateNetwork"] == "yes"
    assert service["RestrictAddressFamilies"] == "none"
    assert service["PrivateDevices"] == "yes"
    assert service["InaccessiblePaths"] == "-/etc/piazza/keys -/etc/piazza/tls"


def test_it_may_write_only_where_updates_lie():
    assert options(SERVICE)["ReadWritePaths"] == "/var/lib/piazza/ota /var/lib/piazza/shelf"


def test_it_runs_an_act_of_the_command():
    command, verb, act, *_ = options(SERVICE)["ExecStart"].split()
    assert (command, verb in VERBS, act) == ("/usr/bin/piazza", True, "apply")


def test_a_power_cut_during_an_update_is_followed_by_a_run():
    assert options("piazza-ota.timer")["OnBootSec"] == "30s"
    assert options(SERVICE)["Restart"] == "on-failure"
