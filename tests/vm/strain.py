"""The machine under strain: a bad network, a process that eats its memory, a manager of services that hangs.

It goes on with the machine of `first_boot.py`: `make vm-all`. Needs the rung uml: queue, memory limits and watchdog are the kernel's.
"""

from __future__ import annotations

import pytest

from tests.vm.authority import ask_store, events, within
from tests.vm.cuts import stored
from tests.vm.pulls import DOOR, last, put

PATIENCE_S = 300
UNITS = ("piazza-sense", "piazza-link", "piazza-ota", "piazza-aim", "piazza-health")
BAD = ("delay", "400ms", "200ms", "loss", "15%", "duplicate", "5%", "reorder", "10%")
EATS = "eaten = []\nwhile True: eaten.append(b'x' * (1 << 20))"
EATER = f'echo $$ > /sys/fs/cgroup/system.slice/piazza-sense.service/cgroup.procs; exec python3 -c "{EATS}"'
"""In small bites: the kernel refuses at once what is more than the whole machine has, and nothing would be eaten."""


@pytest.fixture(scope="module", autouse=True)
def limits(rung):
    if rung[0] != "uml":
        pytest.skip("rung nspawn: its kernel lends it no memory limits and no watchdog")


def said(machine, *command):
    done = machine.inside(*command)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_over_a_bad_network_every_number_arrives_once(machine, authority):
    put(machine, "pull-down", DOOR)
    within(PATIENCE_S, lambda: last(authority, "cabinet-open") == "closed")
    heard = len(events(authority, "cabinet-open"))
    said(machine, "tc", "qdisc", "add", "dev", "vec0", "root", "netem", *BAD)
    for _ in range(3):
        for pull in ("pull-up", "pull-down"):
            put(machine, pull, DOOR)
            machine.inside("sleep", "2")
    within(PATIENCE_S, lambda: len(events(authority, "cabinet-open")) >= heard + 6)
    said(machine, "tc", "qdisc", "delete", "dev", "vec0", "root")
    ((least, most, many),) = ask_store(authority, "SELECT min(seq), max(seq), count(*) FROM envelope")
    assert (least, many) == (1, most)


def test_each_unit_stays_within_its_memory(machine):
    """`memory.peak` counts since the unit was started last; one that is not running has no group to ask."""
    told = []
    for unit in UNITS:
        done = machine.inside("cat", f"/sys/fs/cgroup/system.slice/{unit}.service/memory.peak")
        most = int(said(machine, "systemctl", "show", "-P", "MemoryMax", unit))
        if done.returncode == 0:
            told.append(f"{unit} {int(done.stdout) / 1e6:.0f} of {most / 1e6:.0f} MB")
            assert int(done.stdout) <= most
    assert len(told) > 1
    print("memory at most: " + ", ".join(told))


def test_a_process_that_eats_its_memory_is_ended_and_comes_back(machine, authority):
    """Nobody else is touched: `link` runs on. The softer limit is lifted: it only slows down, for longer than a test waits."""
    said(machine, "systemctl", "set-property", "--runtime", "piazza-sense", "MemoryHigh=infinity")
    link = said(machine, "systemctl", "show", "-P", "MainPID", "piazza-link")
    starts = int(said(machine, "systemctl", "show", "-P", "NRestarts", "piazza-sense"))
    machine.inside("sh", "-c", EATER)
    within(PATIENCE_S, lambda: int(said(machine, "systemctl", "show", "-P", "NRestarts", "piazza-sense")) > starts)
    assert "oom" in said(machine, "journalctl", "--no-pager", "-u", "piazza-sense")
    known = stored(authority)
    within(PATIENCE_S, lambda: stored(authority) > known)
    assert said(machine, "systemctl", "show", "-P", "MainPID", "piazza-link") == link


def test_a_manager_of_services_that_hangs_is_ended_by_the_watchdog(machine, authority):
    """Process 1 stands still after a crash; the kernel's watchdog restarts the machine, and its chain goes on."""
    manager = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
    said(machine, "busctl", "set-property", *manager, "RuntimeWatchdogUSec", "t", "20000000")
    said(machine, "kill", "-SEGV", "1")
    within(
        PATIENCE_S,
        lambda: "softdog: Initiating system reboot" in (machine.folder / "console").read_text(errors="replace"),
    )
    machine.power_off()  # this kernel begins anew in the same process, which still holds its cable
    machine.start()
    known = stored(authority)
    within(PATIENCE_S, lambda: stored(authority) > known)
