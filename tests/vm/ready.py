"""A node boots on Debian's ready kernel: the real units under a real systemd and a Linux of their own, and its event is verified here.

Not collected by pytest on its own account: `test_ready.py` runs it in a network of its own, `make vm-all` as a rung.

No firewall can be loaded on this kernel, and a node without its firewall must not begin by itself: that is what first boot
is held to. Then the units are begun by hand.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager

import pytest

from agent.provision.enrol_desk import Desk
from tests.systemd.container import PYTHON, made_root
from tests.vm import authority as other_side
from tests.vm.authority import CLOCK, NAME, ask_store, events, within
from tests.vm.conftest import prepare
from tests.vm.cuts import stored
from tests.vm.debian_kernel import ROOT, ROOT_MB, made_image, refused, spoilt
from tests.vm.guest import Guest, cut, flashed_image, tap

pytestmark = pytest.mark.timeout(1200)
PATIENCE_S = 300
BEGUN = ("piazza-aim.path", "piazza-enrol.service", "piazza.target", "piazza-renew.timer", "piazza-health.timer")
"""What first boot would have begun after the firewall."""
LACKS = {"gpio-sim": "for pins", "vimc": "for a camera"}
"""Modules that it has not, and what the node therefore has not."""
UNABLE = {"nftables-piazza.service", "called.service"}
"""What fails here: the firewall, and first boot, which therefore ends with an error."""
AGAIN = {"nftables-piazza.service", "piazza-firstboot.service"}
"""The same at the next boot, which goes on with what the first one could not end."""
SPEAKS = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('203.0.113.1', 9))"
GROUP = "/sys/fs/cgroup/system.slice/piazza-link.service/cgroup.procs"


@pytest.fixture(scope="module")
def linux():
    return shutil.which("linux.uml") or pytest.skip(
        "no program 'linux.uml': install what requirements/apt-uml.txt lists"
    )


@pytest.fixture(scope="module")
def base(linux, program):
    """The bare Debian on which this machine lets such a kernel run a program; whoever refuses that is told by name."""
    if os.geteuid() != 0:
        pytest.skip("only root can lay a cable to a machine")
    if sys.version_info[:2] != PYTHON:
        pytest.skip("the environment's wheels are not for the Python of Debian 12")
    if name := spoilt():
        pytest.skip(f"another package has written over {name} in this environment")
    try:
        base = made_root(program("mmdebstrap"))
    except RuntimeError as error:
        pytest.skip(f"mmdebstrap cannot make a Debian here: {error}")
    if why := refused(linux, base, f"piazza-{os.getpid()}"):
        pytest.skip(f"this machine does not run Debian's user-mode Linux: {why}")
    return base


@pytest.fixture(scope="module")
def cable():
    if why := tap():
        pytest.skip(f"no cable for the machine: {why}")
    yield
    cut()


@pytest.fixture(scope="module")
def authority(cable, tmp_path_factory):
    with other_side.authority(tmp_path_factory.mktemp("authority")) as bench:
        yield bench


@pytest.fixture(scope="module")
def machine(base, authority, *, linux, tmp_path_factory):
    """A machine whose card `piazza image` has prepared; it has never been on."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "kernel").mkdir()
    (folder / "kernel/linux").symlink_to(linux)
    card = flashed_image(folder / "boot.img")
    prepare(card, folder / "node.yaml", authority, parts=False, debs=(), more=["--read-only"])
    image = made_image(base, folder / "root", folder / "root.ext4")
    one = Guest(folder, card, folder / "kernel", image, begins_on=ROOT)
    try:
        yield one
    finally:
        one.power_off()
        print((folder / "console").read_text(errors="replace")[-2000:])
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def store(authority):
    started = [other_side.begun_store(authority)]
    yield
    other_side.ended(started)


def said(machine, *command):
    return machine.inside(*command).stdout.strip()


@contextmanager
def telling(machine):
    """Where it does not come about, what the units say of it is printed."""
    try:
        yield
    except AssertionError:
        print(said(machine, "journalctl", "--no-pager", "--boot", "--unit", "piazza-*", "--lines", "60"))
        raise


def failed(machine):
    """The units that have failed once all has come up that a boot begins."""
    said(machine, "systemctl", "is-system-running", "--wait")
    told_of = said(machine, "systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager")
    return {line.split()[0] for line in told_of.splitlines()}


def test_without_a_firewall_first_boot_begins_no_node(machine):
    """All of it works but the last step, and all that fails is the firewall and what waits for it."""
    machine.start()
    assert failed(machine) == UNABLE, said(machine, "journalctl", "--no-pager", "-p", "warning")
    steps = said(machine, "cat", "/boot/firmware/piazza/firstboot.log").splitlines()
    assert [step for step in steps if step.startswith("FAIL")] == ["FAIL  the node enrols and starts"], steps
    for unit in ("piazza-sense", "piazza-link", "piazza-enrol"):
        assert said(machine, "systemctl", "is-active", unit) == "inactive", unit
    machine.inside("sh", "-c", "touch /var/lib/first-boot-done; sync")  # a system calls it once, whatever came of it


def test_what_is_written_lies_on_a_partition_of_its_own_and_the_root_has_grown(machine):
    """First boot has divided the card while its root was in use; small blocks keep what is written small."""
    options = "SOURCE,FSTYPE,OPTIONS"
    where = said(machine, "findmnt", "--noheadings", "--raw", "--output", options, "/var/lib/piazza").split()
    assert where[:2] == ["/dev/ubda3", "ext4"], said(machine, "cat", "/boot/firmware/piazza/firstboot.log")
    assert {"noatime", "commit=300", "noexec"} <= set(where[2].split(","))
    root, data = (
        said(machine, "stat", "--file-system", "--format", "%S %b", path).split() for path in ("/", "/var/lib/piazza")
    )
    assert int(root[0]) * int(root[1]) > ROOT_MB * 1.1 * 2**20
    assert data[0] == "1024"
    assert said(machine, "stat", "--format", "%U:%G %a", "/var/lib/piazza") == "piazza-sense:piazza 2750"


def test_what_this_kernel_lacks_is_told(machine):
    """When a newer one of Debian has it, this rung can do more."""
    for module in LACKS:
        assert machine.inside("modprobe", module).returncode != 0, module
    assert machine.inside("nft", "add", "table", "inet", "any").returncode != 0
    print(
        "not on this kernel, so not tried here: firewall (nftables for inet), "
        + ", ".join(map(" ".join, LACKS.items()))
    )


def test_the_units_lead_to_a_verified_event(machine, authority, store):
    """Begun by hand, in their sandboxes: the node enrols with a person's yes, and none of them fails."""
    began = CLOCK.monotonic()
    assert machine.inside("systemctl", "start", "--no-block", *BEGUN).returncode == 0
    desk = Desk(authority)
    within(PATIENCE_S, lambda: next(desk.entries()).state == "waiting")
    desk.approve(NAME)
    within(PATIENCE_S, lambda: next(desk.entries()).state == "enrolled")
    within(PATIENCE_S, lambda: events(authority, "alive"))
    assert failed(machine) == UNABLE, said(machine, "journalctl", "--no-pager", "-u", "piazza-*")
    print(f"event verified {CLOCK.monotonic() - began:.1f} s after the units were begun")


def test_the_link_may_not_speak_to_a_public_address(machine):
    """Its unit's address filter, which the newer kernel of the rung uml does not load."""
    assert "BPF allow maps failed" not in said(machine, "journalctl", "--no-pager", "-b")
    assert machine.inside("python3", "-c", SPEAKS).returncode == 0
    done = machine.inside("sh", "-c", f'echo $$ > {GROUP} && exec python3 -c "{SPEAKS}"')
    assert "PermissionError" in done.stderr, done


def test_after_a_pulled_plug_the_chain_goes_on(machine, authority, store):
    """The units begin by themselves now; what the store had acknowledged is not told again under another content."""
    before = stored(authority)
    machine.power_off()
    machine.start()
    with telling(machine):
        within(PATIENCE_S, lambda: stored(authority) > before)
    ((least, most, many),) = ask_store(authority, "SELECT min(seq), max(seq), count(*) FROM envelope")
    assert (least, many) == (1, most)
    assert ask_store(authority, "SELECT * FROM equivocation") == []
    assert failed(machine) == AGAIN


def test_nothing_changes_the_root_of_a_card_that_was_made_so_and_the_node_works(machine, authority, store):
    """From the second boot on; a renewal opens it, and the timer closes it again."""
    assert machine.inside("systemctl", "is-active", "piazza-readonly.timer").returncode == 0
    machine.inside("systemctl", "stop", "piazza-readonly.timer")  # it would close the root while this test looks
    closed(machine)
    assert "Read-only file system" in machine.inside("touch", "/etc/piazza/anything").stderr
    assert machine.inside("systemctl", "restart", "piazza-sense.service").returncode == 0
    before = stored(authority)
    with telling(machine):
        within(PATIENCE_S, lambda: stored(authority) > before)
    assert machine.inside("systemctl", "start", "piazza-health.service").returncode == 0
    assert said(machine, "findmnt", "--noheadings", "--output", "SOURCE", "/var/lib/piazza-health").startswith(
        "/dev/ubda3"
    )
    renewed = machine.inside("systemctl", "start", "piazza-renew.service")
    assert renewed.returncode == 0, said(machine, "journalctl", "--no-pager", "-u", "piazza-renew")
    assert machine.inside("touch", "/etc/piazza/anything").returncode == 0
    closed(machine)


def closed(machine):
    """As the timer does it."""
    done = machine.inside("systemctl", "start", "piazza-readonly.service")
    assert done.returncode == 0, said(machine, "journalctl", "--no-pager", "-u", "piazza-readonly")
    assert "ro" in said(machine, "findmnt", "--noheadings", "--output", "OPTIONS", "/").split(",")
