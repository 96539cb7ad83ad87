"""From a flashed card to a verified event: what `piazza image` and `make deb` made, booted; `make vm` runs this.

Not collected by pytest on its own account: it needs root, `make deb`, and some minutes.
"""

from __future__ import annotations

import json
import subprocess

import pytest

from agent.provision.enrol_desk import Desk
from tests.vm.authority import CLOCK, NAME, told, within
from tests.vm.machine import THERE

NOBODY = 65534
NO_CONTAINER_HAS = {"clock", "watchdog", "memory limits", "card wear"}
"""The last is this machine's disk, on which others work too."""


@pytest.mark.timeout(600)
def test_first_boot_leads_to_a_verified_event(machine, authority, store):
    """Boot, install offline, enrol with a person's yes, and the first signed event is verified on this side."""
    began = CLOCK.monotonic()
    machine.start()
    desk = Desk(authority)
    asked_s = within(300, lambda: next(desk.entries()).state == "waiting")
    desk.approve(NAME)
    within(60, lambda: next(desk.entries()).state == "enrolled")
    store()
    event = told(authority, lambda line: line["topic"].endswith("/evt/sensor") and line["data"]["rule"] == "alive")
    assert event["node"] == NAME
    print(f"asked for certificates after {asked_s:.1f} s, event verified after {CLOCK.monotonic() - began:.1f} s")


def test_the_token_is_gone_from_card_and_machine(machine):
    def gone(path):
        return machine.inside("test", "-e", path).returncode != 0

    assert gone("/boot/firmware/piazza/enrol.json")
    within(60, lambda: gone("/etc/piazza/enrol.json"))


def test_updates_are_believed_and_looked_for(machine):
    """By the root on the card; what the card brought is release 0, and a bundle that comes begins the service."""
    said = machine.inside("piazza", "ota", "status", "/var/lib/piazza/ota").stdout
    assert said.startswith("runs: 000000-"), said
    for unit in ("piazza-ota.path", "piazza-ota.timer"):
        assert machine.inside("systemctl", "is-active", unit).stdout.strip() == "active", unit


def test_keys_belong_to_the_one_process_that_needs_each(machine):
    said = machine.inside("stat", "-c", "%U %a %n", "/etc/piazza/keys/sign.pem", "/etc/piazza/tls/key.pem").stdout
    assert said.splitlines() == [
        "piazza-sense 400 /etc/piazza/keys/sign.pem",
        "piazza-link 400 /etc/piazza/tls/key.pem",
    ]


def test_the_firewall_lets_the_link_out_and_nobody_else(machine):
    """Root may speak to the broker, where it tries a renewed certificate, and the link's user; nobody else may."""
    rules = machine.inside("nft", "list", "table", "inet", "piazza").stdout
    assert "policy drop" in rules
    knock = "import os, socket; os.setuid({}); socket.create_connection(('10.77.0.1', {}), 3)"
    assert machine.inside("python3", "-c", knock.format(0, 8883)).returncode == 0
    for user, port in ((NOBODY, 8883), (0, 1883), (NOBODY, 8884)):
        assert machine.inside("python3", "-c", knock.format(user, port)).returncode != 0, (user, port)


def test_nothing_can_be_opened_from_outside(machine):
    done = subprocess.run(
        ["timeout", "2", "bash", "-c", "echo > /dev/tcp/10.77.0.2/22"], capture_output=True, check=False
    )
    assert done.returncode != 0


def test_the_doctor_finds_only_what_a_machine_here_cannot_have(machine, rung):
    done = machine.inside("piazza", "doctor", "--json")
    wrong = {finding["what"]: finding["said"] for finding in json.loads(done.stdout) if not finding["ok"]}
    assert set(wrong) <= (NO_CONTAINER_HAS if rung[0] == "nspawn" else {"clock"}), wrong


def test_the_page_is_reached_from_outside_only_while_somebody_stands_at_the_node(machine):
    """The unit in its sandbox, the firewall's own clock, and the certificate of the node's name."""
    page = ["curl", "-sk", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", f"https://{THERE}:8443/"]
    assert subprocess.run(page, capture_output=True, text=True, check=False).stdout == "000"
    assert machine.inside("piazza", "aim", "open").returncode == 0
    started = machine.inside("systemctl", "start", "piazza-aim")
    assert started.returncode == 0, machine.inside("journalctl", "-u", "piazza-aim", "--no-pager").stdout
    assert subprocess.run(page, capture_output=True, text=True, check=False).stdout == "200"
    page[-1] += "state"
    assert subprocess.run(page, capture_output=True, text=True, check=False).stdout == "403"
    machine.inside("systemctl", "stop", "piazza-aim")
    assert subprocess.run(page, capture_output=True, text=True, check=False).stdout == "000"


@pytest.mark.parametrize("unit", ["piazza-health.service", "piazza-renew.service"])
def test_what_runs_now_and_then_works_in_its_sandbox(machine, unit):
    done = machine.inside("systemctl", "start", unit)
    assert done.returncode == 0, machine.inside("journalctl", "-u", unit, "--no-pager").stdout


def test_after_a_pulled_plug_the_chain_goes_on(machine, authority):
    """Power off without a word; the next boot asks for nothing and its envelopes follow those of the first."""
    before = numbered(authority)
    machine.power_off()
    machine.start()
    assert numbered(authority, more_than=before) > before
    assert next(Desk(authority).entries()).state == "enrolled"


def numbered(authority, *, more_than=0):
    """The number of the newest envelope that the broker tells of, once it is higher than one that was seen."""
    return told(authority, lambda line: more_than < seq(line))["data"]["seq"]


def seq(line):
    return line["data"].get("seq", 0) if line["topic"].endswith("/head/node") else 0
