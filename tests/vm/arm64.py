"""The processor of the boards: the models' answers bit for bit, and a whole machine of which an event is verified here.

Part of `make vm-all`; not collected by pytest on its own account: it needs root, `make deb` and emulation.
"""

from __future__ import annotations

import shutil
import subprocess

import pytest

from agent.provision.enrol_desk import Desk
from tests.vm import authority as other_side
from tests.vm.authority import CLOCK, NAME, told, within
from tests.vm.conftest import packages, prepare
from tests.vm.emulated import CORES, Emulated, image_of, made_arm64, run_in
from tests.vm.guest import cut, flashed_image, tap


@pytest.fixture(scope="module")
def made(program):
    for name in ("qemu-system-aarch64", "qemu-aarch64-static", "mmdebstrap"):
        program(name)
    return made_arm64()


@pytest.fixture(scope="module")
def installed(made, tmp_path_factory):
    """A root in which the packages are installed: unpacked by this machine's dpkg, set up by programs for arm64."""
    root = tmp_path_factory.mktemp("arm64") / "root"
    subprocess.run(["cp", "-a", "--reflink=auto", str(made / "root"), str(root)], check=True)
    unpack = ["dpkg", f"--root={root}", "--force-architecture", "--unpack", *packages(architecture="arm64")]
    subprocess.run(unpack, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["chroot", str(root), "dpkg", "--configure", "--pending"], check=True, stdout=subprocess.DEVNULL)
    yield root
    shutil.rmtree(root)


@pytest.mark.parametrize("core", CORES)
def test_the_detector_answers_bit_for_bit_as_on_this_machine(installed, core):
    """The manifest holds the digest of all outputs on x86-64; "identical" means that digest."""
    done = run_in(installed, core, "piazza", "models", "check")
    told_of = [line for line in done.stdout.splitlines() if line.startswith("nanodet")]
    assert len(told_of) == 3, done
    assert all(line.endswith("self-test identical, XNNPACK on") for line in told_of), done.stdout


@pytest.fixture
def cable():
    if why := tap():
        pytest.skip(f"no cable for the machine: {why}")
    yield
    cut()


@pytest.mark.timeout(3600)
def test_a_whole_machine_boots_and_its_event_is_verified(made, installed, cable, tmp_path):
    """An image in which the packages are: the card brings documents and a ticket, a person says yes here."""
    with other_side.authority(tmp_path) as bench:
        card = flashed_image(tmp_path / "boot.img")
        prepare(card, tmp_path / "node.yaml", bench, parts=False, debs=())
        machine, store = Emulated(tmp_path, card, made, image_of(installed, tmp_path / "root.ext4")), None
        try:
            began = CLOCK.monotonic()
            machine.start()
            desk = Desk(bench)
            within(2400, lambda: not machine.is_on or next(desk.entries()).state == "waiting")
            assert machine.is_on
            asked_s = CLOCK.monotonic() - began
            desk.approve(NAME)
            within(900, lambda: next(desk.entries()).state == "enrolled")
            store = other_side.begun_store(bench)
            event = told(bench, lambda line: line["topic"].endswith("/evt/sensor"))
            assert (event["node"], event["data"]["rule"]) == (NAME, "alive")
            told_s = CLOCK.monotonic() - began
            print(f"asked for certificates after {asked_s:.0f} s, event verified after {told_s:.0f} s")
        finally:
            machine.power_off()
            print((tmp_path / "console").read_text()[-2000:])
            if store:
                other_side.ended([store])
