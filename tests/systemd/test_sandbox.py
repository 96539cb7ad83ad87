"""The sandbox does what the units say: each process tries, under a real systemd, what it must not do."""

from __future__ import annotations

import os

import pytest

from tests.systemd.container import boot, installed, lent, made_root

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("container")]  # boots one, once

ALLOWED = "allowed"
READ_ONLY = "Read-only file system"
REFUSED = "Operation not permitted"
NO_RIGHT = "Permission denied"
NOT_THERE = "No such file or directory"
NO_FAMILY = "Address family not supported by protocol"

BOTH = {
    "write /etc": READ_ONLY,
    "write /usr": READ_ONLY,
    "read a home": NO_RIGHT,
    "see process 1": NOT_THERE,
    "signal process 1": REFUSED,
    "trace the parent": REFUSED,
    "make a packet socket": NO_FAMILY,
    "open the kernel log": NOT_THERE,
    "open the memory": NOT_THERE,
    "new network namespace": REFUSED,
    "new user namespace": REFUSED,
    "mount": REFUSED,
    "set the clock": REFUSED,
    "real-time priority": REFUSED,
    "writable and executable memory": REFUSED,
    "write the inbox": ALLOWED,
    "have the inbox in memory": ALLOWED,
    "take a letter out of the inbox": ALLOWED,
    "read the outbox": ALLOWED,
    "run a file from /var/lib/piazza/inbox": NO_RIGHT,
    "run a file from /tmp": NO_RIGHT,
    "run a file from /var/tmp": NO_RIGHT,
    "run a file from /dev/shm": NO_RIGHT,
}
SENSE = BOTH | {
    "interfaces": "lo",
    "make an internet socket": NO_FAMILY,
    "make a netlink socket": ALLOWED,
    "read the signing key": ALLOWED,
    "read the TLS key": NO_RIGHT,
    "write the outbox": ALLOWED,
    "write the state folder": ALLOWED,
    "make a pipe in the working directory": ALLOWED,
    "read /proc/cpuinfo": ALLOWED,
    "run a file from /var/lib/piazza": NO_RIGHT,
    "run a file from /run/piazza-sense": NO_RIGHT,
}
LINK = BOTH | {
    "make an internet socket": ALLOWED,
    "make a netlink socket": NO_FAMILY,
    "read the signing key": NO_RIGHT,
    "read the TLS key": ALLOWED,
    "write the outbox": NO_RIGHT,
    "write the state folder": READ_ONLY,
    "make a pipe in the working directory": READ_ONLY,
    "read /proc/cpuinfo": NOT_THERE,
    "run a file from /var/lib/piazza": READ_ONLY,
    "run a file from /run/piazza-link": NO_RIGHT,
}


@pytest.fixture(scope="module")
def booted(program, tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("only root can start a container")
    try:
        base = made_root(program("mmdebstrap"))
    except RuntimeError as error:
        pytest.skip(f"mmdebstrap cannot make a Debian here: {error}")
    folder = tmp_path_factory.mktemp("boot")
    (folder / "root").mkdir()
    (folder / "out").mkdir()
    root = installed(base, folder / "root")
    try:
        return boot(program("systemd-nspawn"), root, folder / "out")
    except RuntimeError as error:
        pytest.skip(f"systemd-nspawn cannot boot a container here: {error}")


@pytest.mark.parametrize(("role", "expected"), [("sense", SENSE), ("link", LINK)])
def test_what_each_process_may_and_may_not_do(booted, role, expected):
    found = booted.findings[role][0]
    assert {name: found[name] for name in expected} == expected


def test_the_detector_infers_inside_the_sandbox(booted):
    if not lent():
        pytest.skip("needs LiteRT for the container's Python 3.11 and a model")
    assert booted.findings["sense"][0]["infer"] == ALLOWED


@pytest.mark.parametrize("role", ["sense", "link"])
def test_a_process_that_hangs_is_ended_by_the_watchdog_and_started_again(booted, role):
    assert f"piazza-{role}.service: Watchdog timeout" in booted.journal
    assert len(booted.findings[role]) >= 2


def test_a_process_that_failed_again_and_again_waits_before_it_is_started(booted):
    assert booted.failures == 4
    assert "failed 4 times in a row: waiting for 6 s" in booted.journal
    assert "failed 1 times" not in booted.journal
