"""The units say what the architecture promises, and systemd itself finds nothing wrong with them.

`systemd-analyze verify` answers 0 even for a misspelt option, so any output at all is a failure.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections import defaultdict

import pytest

from agent.commands.renewed import RENEWED
from tests.conftest import CHECKOUT

UNITS = CHECKOUT / "systemd"
SERVICES = ("piazza-sense.service", "piazza-link.service")


@pytest.fixture
def analyze(program):
    """systemd's own judgement: `analyze("verify", unit)` gives its exit code and all that it said."""
    command = program("systemd-analyze")
    return lambda *arguments: run(command, *arguments)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def options(unit):
    """Every option of a unit with all its values, in the order given."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in (UNITS / unit).read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            found[name].extend(value.split() or [""])
    return found


def staged(folder, *, drop_in=None):
    """All units, and perhaps one of their drop-ins, where nothing else lies about.

    The command itself is not installed where this runs, so a file that can run stands for it.
    """
    units = [one for one in UNITS.iterdir() if one.is_file()]
    for one in (*units, *([drop_in] if drop_in else [])):
        copy = folder / one.relative_to(UNITS)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(re.sub(r"/usr/bin/piazza|/usr/sbin/nft|/usr/lib/piazza/backoff", "/bin/true", one.read_text()))
    return sorted(str(folder / unit.name) for unit in units)


def test_systemd_finds_nothing_to_say_about_any_unit(analyze, tmp_path):
    units = staged(tmp_path)
    assert len(units) >= 3
    assert analyze("verify", *units) == (0, "")


def test_systemd_finds_nothing_to_say_about_any_drop_in(analyze, tmp_path):
    for number, drop_in in enumerate(sorted(UNITS.glob("*.service.d/*.conf"))):
        (folder := tmp_path / str(number)).mkdir()
        assert analyze("verify", *staged(folder, drop_in=drop_in)) == (0, ""), drop_in


@pytest.mark.parametrize(
    ("unit", "most"),
    [
        ("piazza-sense.service", 5),
        ("piazza-link.service", 10),
        ("piazza-aim.service", 10),
        ("piazza-enrol.service", 21),
        ("piazza-health.service", 13),
        ("piazza-ota.service", 5),
        ("piazza-renew.service", 21),
    ],
)
def test_the_exposure_is_within_its_bound(analyze, tmp_path, unit, most):
    """Tenths: 5 is an exposure of 0.5 of 10."""
    staged(tmp_path)
    code, said = analyze("security", "--offline=yes", f"--threshold={most}", str(tmp_path / unit))
    assert code == 0, said


def test_a_misspelt_option_would_be_noticed(analyze, tmp_path):
    text = (UNITS / "piazza-sense.service").read_text().replace("/usr/bin/piazza", "/bin/true")
    (tmp_path / "wrong.service").write_text(text.replace("ProtectSystem=", "ProtectSytem="))
    assert analyze("verify", str(tmp_path / "wrong.service"))[1] != ""


def test_the_process_that_sees_pixels_has_no_network():
    sense = options("piazza-sense.service")
    assert sense["PrivateNetwork"] == ["yes"]
    assert sense["IPAddressDeny"] == ["any"]
    assert sense["IPAddressAllow"] == []
    assert set(sense["RestrictAddressFamilies"]) == {"AF_UNIX", "AF_NETLINK"}


def test_the_process_with_the_network_has_no_device_and_no_signing_key():
    link = options("piazza-link.service")
    assert link["PrivateDevices"] == ["yes"]
    assert link["DeviceAllow"] == []
    assert link["SupplementaryGroups"] == []
    assert "-/etc/piazza/keys" in link["InaccessiblePaths"]
    assert link["ReadWritePaths"] == ["/var/lib/piazza/inbox", "/var/lib/piazza/shelf"]


def test_nobody_accepts_connections():
    assert [options(unit)["SocketBindDeny"] for unit in SERVICES] == [["any"], ["any"]]


def test_frames_reach_neither_swap_nor_a_core_dump():
    sense = options("piazza-sense.service")
    assert (sense["MemorySwapMax"], sense["LimitCORE"]) == (["0"], ["0"])


@pytest.mark.parametrize("unit", SERVICES)
def test_a_forbidden_call_is_an_error_in_the_process_and_not_its_death(unit):
    """Without it the kernel kills the process at once and the unit ends in a restart loop."""
    assert options(unit)["SystemCallErrorNumber"] == ["EPERM"]


@pytest.mark.parametrize("unit", SERVICES)
def test_each_service_reports_itself_is_watched_and_always_comes_back(unit):
    service = options(unit)
    assert service["Type"] == ["notify"]
    assert int(service["WatchdogSec"][0]) <= 60
    assert service["Restart"] == ["always"]
    assert service["StartLimitIntervalSec"] == ["0"]


LONGEST = "45"
PAUSES = {"": 0, "1": 0, "3": 0, "4": 6, "5": 12, "6": 24, "7": 45, "400": 45, "torn\n": 0}


def backoff(folder, *moment, result="success"):
    """Our pause between failures, with a `sleep` that says how long it would be."""
    (programs := folder / "programs").mkdir(exist_ok=True)
    (programs / "sleep").write_text('#!/bin/sh\necho "slept $1"\n')
    (programs / "sleep").chmod(0o755)
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "RUNTIME_DIRECTORY": str(folder),
        "SERVICE_RESULT": result,
    }
    done = subprocess.run([UNITS / "lib/backoff", *moment], capture_output=True, text=True, check=True, env=environment)
    return done.stdout


@pytest.mark.parametrize(("failures", "seconds"), PAUSES.items())
def test_the_more_failures_in_a_row_the_longer_the_pause(failures, seconds, tmp_path):
    (tmp_path / "failures").write_text(failures)
    said = backoff(tmp_path, "before", LONGEST)
    assert f"slept {seconds}\n" in said if seconds else said == ""


def test_a_unit_says_what_the_longest_pause_is(tmp_path):
    (tmp_path / "failures").write_text("400\n")
    assert "slept 12\n" in backoff(tmp_path, "before", "12")


def test_failures_are_counted_until_one_run_goes_well(tmp_path):
    for _ in range(4):
        backoff(tmp_path, "before", LONGEST)
        backoff(tmp_path, "after", result="watchdog")
    assert "failed 4 times in a row: waiting for 6 s" in backoff(tmp_path, "before", LONGEST)
    backoff(tmp_path, "after", result="success")
    assert backoff(tmp_path, "before", LONGEST) == ""


def test_a_failure_after_a_long_good_run_is_the_first(tmp_path):
    (tmp_path / "failures").write_text("9\n")
    backoff(tmp_path, "before", LONGEST)
    os.utime(tmp_path / "begun", (0, 0))
    backoff(tmp_path, "after", result="oom-kill")
    assert (tmp_path / "failures").read_text() == "1\n"


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_counts_its_failures_where_a_restart_leaves_them(unit):
    service = options(unit)
    command, moment, longest = service["ExecStartPre"]
    assert (command, moment) == ("-/usr/lib/piazza/backoff", "before")
    assert int(longest) < int(service["TimeoutStartSec"][0])
    assert service["ExecStopPost"] == ["-/usr/lib/piazza/backoff", "after"]
    assert service["RuntimeDirectoryPreserve"] == ["restart"]


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_that_asks_to_be_started_anew_has_not_failed(unit):
    """Otherwise every update would leave a failure in the journal, and whoever reads it would look for one."""
    assert options(unit)["SuccessExitStatus"] == [str(RENEWED)]


@pytest.mark.parametrize("unit", SERVICES)
def test_a_service_runs_a_verb_of_the_command_with_the_node_s_configuration(unit):
    from agent.cli import VERBS

    command, verb, *rest = options(unit)["ExecStart"]
    assert command == "/usr/bin/piazza"
    assert verb in VERBS
    assert rest == ["--config", "/etc/piazza/node.yaml"]


@pytest.mark.parametrize("unit", SERVICES)
def test_memory_and_processes_are_bounded(unit):
    assert all(options(unit)[name] for name in ("MemoryMax", "TasksMax"))


def test_the_target_brings_both_up():
    assert set(options("piazza.target")["Wants"]) == set(SERVICES)
    assert all(options(unit)["PartOf"] == ["piazza.target"] for unit in SERVICES)


@pytest.fixture
def installed(program, tmp_path):
    """A root with the users and folders that the package would make, and the two keys already there."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files to others")
    for name in ("etc/piazza/keys/sign.pem", "etc/piazza/tls/key.pem"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("secret")
    root = f"--root={tmp_path}"
    assert run(program("systemd-sysusers"), root, str(UNITS / "sysusers.d/piazza.conf"))[0] == 0
    assert run(program("systemd-tmpfiles"), "--create", root, str(UNITS / "tmpfiles.d/piazza.conf")) == (0, "")
    return tmp_path


def owner(root, path):
    """Mode, user and group of a path by the names of that root."""
    users = {row[2]: row[0] for row in rows(root / "etc/passwd")}
    groups = {row[2]: row[0] for row in rows(root / "etc/group")}
    found = (root / path).stat()
    return (
        f"{stat.S_IMODE(found.st_mode):04o}",
        users.get(str(found.st_uid), "root"),
        groups.get(str(found.st_gid), "root"),
    )


def rows(file):
    return [line.split(":") for line in file.read_text().splitlines()]


def test_each_key_is_readable_by_the_one_process_that_needs_it(installed):
    assert owner(installed, "etc/piazza/keys/sign.pem") == ("0400", "piazza-sense", "piazza")
    assert owner(installed, "etc/piazza/tls/key.pem") == ("0400", "piazza-link", "piazza")


def test_the_link_reads_the_outbox_and_writes_only_the_inbox(installed):
    assert owner(installed, "var/lib/piazza") == ("2750", "piazza-sense", "piazza")
    assert owner(installed, "var/lib/piazza/inbox") == ("2770", "piazza-sense", "piazza")


def test_both_users_share_one_group_and_cannot_log_in(installed):
    users = {row[0]: row for row in rows(installed / "etc/passwd")}
    assert users["piazza-sense"][3] == users["piazza-link"][3]
    assert users["piazza-sense"][2] != users["piazza-link"][2]
    assert {users[name][6] for name in ("piazza-sense", "piazza-link")} == {"/usr/sbin/nologin"}
