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
from tests.vm.conftest import deb, prepare
from tests.vm.emulated import CORES, Emulated, made_arm64, run_in
from tests.vm.guest import cut, flashed_image, tap


@pytest.fixture(scope="module")
def made(program):
    for name in ("qemu-system-aarch64", "qemu-aarch64-static", "mmdebstrap"):
        program(name)
    return made_arm64()


@pytest.fixture(scope="module")
def installed(made, tmp_path_factory):
    """A root in which the package is installed."""
    root = tmp_path_factory.mktemp("arm64") / "root"
    subprocess.run(["cp", "-a", "--reflink=auto", str(made / "root"), str(root)], check=True)
    shutil.copy(deb("piazza_*deb12_arm64.deb"), root / "opt/piazza.deb")
    subprocess.run(["chroot", str(root), "dpkg", "--install", "/opt/piazza.deb"], check=True, stdout=subprocess.DEVNULL)
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
def test_a_whole_machine_boots_and_its_event_is_verified(made, cable, tmp_path):
    """Packages installed from the card by the first boot, on an emulated processor; a person says yes here."""
    with other_side.authority(tmp_path) as bench:
        card = flashed_image(tmp_path / "boot.img")
        prepare(card, tmp_path / "node.yaml", bench, parts=False, architecture="arm64")
        machine, store = Emulated(tmp_path, card, made), None
        try:
            began = CLOCK.monotonic()
            machine.start()
            desk = Desk(bench)
            within(3000, lambda: next(desk.entries()).state == "waiting")
            asked_s = CLOCK.monotonic() - began
            desk.approve(NAME)
            within(300, lambda: next(desk.entries()).state == "enrolled")
            store = other_side.begun_store(bench)
            told(bench, lambda line: line["topic"].endswith("/evt/sensor"))
            print(
                f"asked for certificates after {asked_s:.0f} s, event verified after {CLOCK.monotonic() - began:.0f} s"
            )
        finally:
            machine.power_off()
            print((tmp_path / "console").read_text()[-2000:])
            if store:
                other_side.ended([store])
