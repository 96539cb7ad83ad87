"""The variant of sense's unit for network cameras."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.camera.address import allowed_addresses, filled_in
from agent.errors import CameraError
from tests.conftest import CHECKOUT

UNIT = CHECKOUT / "systemd" / "piazza-sense.service"
TEMPLATE = CHECKOUT / "systemd" / "piazza-sense.service.d" / "rtsp.conf.in"


def test_exactly_the_cameras_are_allowed():
    cameras = ("rtsp://192.0.2.9/a", "rtsp://me:hunter2@192.0.2.8:8554/b", "rtsp://192.0.2.9/c")
    addresses = [one for text in cameras for one in allowed_addresses(text, lambda _host: [])]
    lines = filled_in(TEMPLATE.read_text(), addresses).splitlines()
    assert [line for line in lines if line.startswith("IPAddressAllow")] == ["IPAddressAllow=192.0.2.8 192.0.2.9"]
    assert not any("hunter2" in line or "@" in line for line in lines)


@pytest.mark.parametrize("addresses", [[], [""], ["any"], ["0.0.0.0/0"], ["192.0.2.7", "localhost"]])
def test_anything_but_addresses_is_refused(addresses: list[str]):
    with pytest.raises(CameraError):
        filled_in(TEMPLATE.read_text(), addresses)


def test_systemd_finds_nothing_to_say_about_it(tmp_path: Path, program: Callable[[str], str]):
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/bin/piazza", "/bin/true").replace("PartOf=piazza.target\n", ""))
    drop_in = tmp_path / f"{UNIT.name}.d" / "rtsp.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(filled_in(TEMPLATE.read_text(), ["192.0.2.7", "2001:db8::7"]))
    done = subprocess.run([program("systemd-analyze"), "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_without_it_sense_has_no_network():
    """What the drop-in changes is what the unit itself forbids."""
    lines = UNIT.read_text().splitlines()
    assert {"PrivateNetwork=yes", "IPAddressDeny=any"} <= set(lines)
