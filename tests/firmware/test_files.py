"""The files of firmware_config: each says why it is there, and each is what its reader accepts."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import tomllib

import pytest
import yaml

from agent.cli import VERBS
from tests.conftest import CHECKOUT

FIRMWARE = CHECKOUT / "firmware_config"
ROOT = FIRMWARE / "root"
ALL = sorted(path for path in FIRMWARE.rglob("*") if path.is_file())
SCRIPTS = [path for path in ALL if path.read_text().startswith("#!")]
NETWORKS = [path for path in ALL if ".nmconnection" in path.name]
BARE = {"00-packages-nr"}
"""pi-gen takes every word of this file for a package."""

KNOWN = {
    "dtparam", "dtoverlay", "include", "camera_auto_detect", "display_auto_detect", "arm_freq",
}  # fmt: skip
SECTIONS = {"all", "pi02", "pi3", "pi4", "pi5"}


def named(path):
    return str(path.relative_to(FIRMWARE))


def lines(path):
    return [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("path", [path for path in ALL if path.name not in BARE], ids=named)
def test_every_file_says_in_a_sentence_why_it_is_there(path):
    text = path.read_text()
    if text.startswith("# METABEGIN"):
        assert "X-Env-Layer-Desc:" in text
        return
    if path.name == "README":
        return
    prose = [line for line in text.splitlines()[:4] if re.match(r"(#|//) \w", line)]
    assert prose, path
    assert len(" ".join(prose).split()) >= 6


@pytest.mark.parametrize(
    "path", [*sorted((FIRMWARE / "boot/camera").iterdir()), FIRMWARE / "boot/piazza.txt"], ids=named
)
def test_the_firmware_of_the_board_understands_every_line(path):
    """Known words, known sections, and nothing longer than the 98 characters that it reads."""
    for line in lines(path):
        if line.startswith("["):
            assert line.strip("[]") in SECTIONS
            continue
        word = re.split(r"[= ]", line)[0]
        assert word in KNOWN, line
        assert len(line) <= 98
    assert "gpu_mem" not in "".join(lines(path))


def test_a_section_for_one_board_does_not_swallow_what_is_for_all():
    last = [line for line in lines(FIRMWARE / "boot/piazza.txt") if line.startswith("[")][-1]
    assert last == "[all]"


@pytest.mark.parametrize("script", SCRIPTS, ids=named)
def test_a_shell_script_has_nothing_that_shellcheck_objects_to(script, program):
    done = subprocess.run([program("shellcheck"), str(script)], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert os.access(script, os.X_OK)


def test_the_firewall_loads_and_loads_again(program, tmp_path):
    """In a network of its own, with numbers for the users that only a node has."""
    rules = (ROOT / "etc/piazza/firewall.nft").read_text()
    rules = re.sub(r'"(?:piazza-\w+|_apt)"', "7", rules).replace("/etc/piazza/firewall.d", str(tmp_path))
    (tmp_path / "site.nft").write_text("add element inet piazza open { 22 }\n")
    (file := tmp_path / "firewall").write_text(rules)
    nft = program("nft")
    command = f"{nft} -f {file} && {nft} -f {file} && {nft} -j list ruleset"
    done = subprocess.run(["unshare", "--net", "sh", "-c", command], capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr:
        pytest.skip("this machine lets nobody make a network of their own")
    assert done.returncode == 0, done.stderr
    ruleset = json.loads(done.stdout)["nftables"]
    policies = {one["chain"]["name"]: one["chain"]["policy"] for one in ruleset if "chain" in one}
    assert policies == {"input": "drop", "forward": "drop", "output": "drop"}


def test_the_firewall_opens_no_port_to_anybody_by_itself():
    rules = lines(ROOT / "etc/piazza/firewall.nft")
    accepting = [line.strip() for line in rules if "dport" in line and "accept" in line]
    inwards = accepting[: accepting.index("tcp dport @open accept") + 1]
    assert [line for line in inwards if "tcp" in line] == ["tcp dport @open accept"]
    assert "elements" not in "".join(rules)


def test_only_the_link_may_speak_to_a_broker_and_root_which_tries_a_renewed_certificate_there():
    (line,) = [line for line in lines(ROOT / "etc/piazza/firewall.nft") if "8883" in line]
    assert 'skuid { "piazza-link", 0 } ' in line


@pytest.mark.parametrize("path", sorted((ROOT / "usr/lib/systemd").glob("*.conf.d/*.conf")), ids=named)
def test_a_drop_in_has_one_section_and_only_settings(path):
    parsed = configparser.ConfigParser(interpolation=None, strict=True)
    parsed.optionxform = str  # type: ignore[method-assign,assignment]
    parsed.read_string(path.read_text())
    assert len(parsed.sections()) == 1


def test_the_hardware_s_watchdog_is_within_what_the_older_boards_can_count():
    text = (ROOT / "usr/lib/systemd/system.conf.d/80-piazza.conf").read_text()
    assert int(re.findall(r"^RuntimeWatchdogSec=(\d+)s$", text, re.MULTILINE)[0]) < 16


def test_systemd_has_nothing_to_say_about_the_units(program, tmp_path):
    units = sorted((ROOT / "usr/lib/systemd/system").glob("*.*"))
    for unit in (one for one in units if one.is_file()):
        text = re.sub(r"/usr/(?:sbin/nft|bin/piazza|lib/piazza-node/root)", "/bin/true", unit.read_text())
        (tmp_path / unit.name).write_text(text)
        done = subprocess.run(
            [program("systemd-analyze"), "verify", str(tmp_path / unit.name)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_a_card_is_made_of_is_installed_with_the_command():
    """`piazza image` works where somebody has installed it without a checkout."""
    installed = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"].values()
    named_there = {path for patterns in installed for pattern in patterns for path in CHECKOUT.glob(pattern)}
    assert {path for path in (FIRMWARE / "boot").rglob("*") if path.is_file()} <= named_there


def test_commands_of_ours_that_the_files_call_exist():
    called = {
        verb for path in ALL for verb in re.findall(r"(?:/usr/bin/|ExecStart=)piazza ([a-z]+)", "\n".join(lines(path)))
    }
    assert called
    assert called <= set(VERBS)


@pytest.mark.parametrize("path", NETWORKS, ids=named)
def test_a_network_of_networkmanager_is_a_key_file_with_its_sections(path):
    parsed = configparser.ConfigParser(interpolation=None, strict=True)
    parsed.read_string(path.read_text())
    assert {"connection", "ipv4", "ipv6"} <= set(parsed.sections())
    assert parsed["connection"]["autoconnect-retries"] == "0"


@pytest.mark.parametrize(
    "path", [path for path in ALL if path.suffix == ".yaml"] + [FIRMWARE / "boot/trixie/user-data.in"], ids=named
)
def test_what_is_yaml_can_be_read(path):
    assert yaml.safe_load(re.sub(r"@(\w+)@", r"\1", path.read_text()))


def test_cloud_init_knows_every_key_of_the_user_data():
    """Keys of cloud-init itself, so that Debian's and Raspberry Pi's agree; theirs alone (`rpi`) is not used."""
    document = yaml.safe_load((FIRMWARE / "boot/trixie/user-data.in").read_text().replace("@", ""))
    assert set(document) == {
        "hostname", "manage_etc_hosts", "timezone", "ssh_pwauth", "disable_root", "users",
        "growpart", "resize_rootfs", "package_update", "package_upgrade", "runcmd",
    }  # fmt: skip


def test_security_updates_pass_the_health_gate_before_and_after():
    drop_in = (ROOT / "usr/lib/systemd/system/apt-daily-upgrade.service.d/80-piazza.conf").read_text()
    assert "ExecCondition=/usr/bin/piazza doctor --gate" in drop_in
    assert "ExecStartPost=/usr/bin/piazza doctor --gate --wait" in drop_in


def test_first_boot_enables_every_unit_that_something_must_begin():
    """A unit that says what would want it and that nobody enables never runs, as updates once did not."""
    waiting = {
        path.name
        for path in (CHECKOUT / "systemd").glob("piazza*.*")
        if path.is_file() and "\n[Install]\n" in path.read_text()
    }
    enabled = re.search(
        r"systemctl enable (.*?)&&", (FIRMWARE / "boot/firstboot").read_text().partition("start() {")[2], re.DOTALL
    )
    assert enabled
    assert waiting <= set(enabled[1].replace("\\", " ").split())
