"""From a flashed card to a verified event: what `piazza image` and `make deb` made, booted; `make vm` runs this.

Not collected by pytest on its own account: it needs root, `make deb`, and about two minutes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from agent.clock import SystemClock
from agent.provision.bench import Bench
from agent.provision.ca import common_name
from agent.provision.enrol_desk import Desk
from tests.conftest import CHECKOUT
from tests.vm.machine import HERE, THERE, Machine, flashed, made_base, plug_in, unplug

NAME = "romagna-faentina/brisighella/n-0017"
STORE, WATCHER = "romagna-faentina/centre/store-1", "watcher"
PIAZZA = [sys.executable, "-m", "agent"]
CONFIG = f"""version: 1
node: {{union: romagna-faentina, comune: brisighella, id: n-0017}}
uplink:
  broker: {{host: {HERE}, ca: /etc/piazza/tls/ca.pem, certificate: /etc/piazza/tls/node.pem, key: /etc/piazza/tls/key.pem}}
sensors:
  - {{driver: host, period_s: 2}}
rules:
  - {{kind: limit, id: alive, quantity: uptime_s, above: 1}}
"""
BROKER = """listener 8883 {here}
cafile {bench.ca}
certfile {bench.broker.certificate}
keyfile {bench.broker.key}
require_certificate true
use_identity_as_username true
use_username_as_clientid true
acl_file {acl}
"""
RIGHTS = f"""user {common_name(NAME)}
topic write piazza/v1/{NAME}/#
topic read piazza/v1/{NAME}/rcpt/#
user {common_name(STORE)}
topic readwrite piazza/v1/#
user {WATCHER}
topic read piazza/v1/#
"""
CLOCK = SystemClock()


def deb(pattern):
    found = sorted((CHECKOUT / "dist").glob(pattern))
    if not found:
        pytest.fail(f"no dist/{pattern}: make deb")
    return str(found[-1])


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Broker, enrolment and store on this side of the cable."""
    folder = tmp_path_factory.mktemp("authority")
    bench = Bench.make(folder / "keys", at=CLOCK.now(), hosts=[HERE])
    bench.add_signer("store", STORE, at=CLOCK.now())
    bench.add_reader(WATCHER, at=CLOCK.now())
    (folder / "acl").write_text(RIGHTS)
    (folder / "acl").chmod(0o600)
    (folder / "mosquitto.conf").write_text(BROKER.format(here=HERE, bench=bench, acl=folder / "acl") + "user root\n")
    log = (folder / "log").open("w")
    plug_in()
    started = [
        subprocess.Popen(command, cwd=CHECKOUT, stdout=log, stderr=log)
        for command in (
            ["mosquitto", "-c", str(folder / "mosquitto.conf")],
            [*PIAZZA, "enrol", "serve", "--listen", HERE, "--keys", str(bench.folder)],
        )
    ]
    yield bench
    for process in started:
        process.terminate()
        process.wait()
    unplug()
    print((folder / "log").read_text()[-3000:])
    log.close()


@pytest.fixture(scope="module")
def store(authority):
    """The union's store, begun when the ring has the node's key: it reads the ring once."""
    started = []

    def begin():
        party = ["--broker", HERE, "--keys", str(authority.folder), "--name", STORE]
        database = str(authority.folder.parent / "events.sqlite")
        started.append(subprocess.Popen([*PIAZZA, "store", *party, "--db", database], cwd=CHECKOUT))

    yield begin
    for process in started:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def machine(authority, program, tmp_path_factory):
    """A machine whose card was flashed and prepared; it has never been on."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "node.yaml").write_text(CONFIG)
    card = flashed(folder / "card")
    command = [*PIAZZA, "image", str(card), "--node", NAME, "--keys", str(authority.folder), "--broker", HERE]
    command += [
        "--config",
        str(folder / "node.yaml"),
        "--deb",
        deb("piazza_*_amd64.deb"),
        "--deb",
        deb("piazza-node_*.deb"),
    ]
    subprocess.run(command, check=True, cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    (folder / "root").mkdir()
    made = Machine(folder / "root", card, program("systemd-nspawn"))
    made.flash(made_base(program("mmdebstrap")))
    yield made
    made.power_off()
    shutil.rmtree(made.root, ignore_errors=True)


def within(seconds, what):
    """Ask until it is so; gives back how long that took."""
    began = CLOCK.monotonic()
    while not what():
        assert CLOCK.monotonic() < began + seconds, "it did not come about in time"
        CLOCK.sleep(0.5)
    return CLOCK.monotonic() - began


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
    event = told(authority, lambda line: line["topic"].endswith("/evt/sensor"))
    assert (event["node"], event["data"]["rule"]) == (NAME, "alive")
    print(f"asked for certificates after {asked_s:.1f} s, event verified after {CLOCK.monotonic() - began:.1f} s")


def test_the_token_is_gone_from_card_and_machine(machine):
    assert not (machine.card / "piazza/enrol.json").exists()
    within(20, lambda: not (machine.root / "etc/piazza/enrol.json").exists())


def test_keys_belong_to_the_one_process_that_needs_each(machine):
    said = machine.inside("stat", "-c", "%U %a %n", "/etc/piazza/keys/sign.pem", "/etc/piazza/tls/key.pem").stdout
    assert said.splitlines() == [
        "piazza-sense 400 /etc/piazza/keys/sign.pem",
        "piazza-link 400 /etc/piazza/tls/key.pem",
    ]


def test_the_firewall_lets_the_link_out_and_nobody_else(machine):
    """Root itself may not speak to the broker: only the link's user may."""
    rules = machine.inside("nft", "list", "table", "inet", "piazza").stdout
    assert "policy drop" in rules
    knock = "import socket; socket.create_connection(('10.77.0.1', 8883), 3)"
    assert machine.inside("python3", "-c", knock).returncode != 0


def test_nothing_can_be_opened_from_outside(machine):
    done = subprocess.run(
        ["timeout", "2", "bash", "-c", "echo > /dev/tcp/10.77.0.2/22"], capture_output=True, check=False
    )
    assert done.returncode != 0


def test_the_doctor_finds_only_what_a_container_cannot_have(machine):
    done = machine.inside("piazza", "doctor", "--json")
    wrong = {finding["what"]: finding["said"] for finding in json.loads(done.stdout) if not finding["ok"]}
    assert set(wrong) <= {"clock", "watchdog", "memory limits"}, wrong


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


def told(authority, wanted):
    """The first line of `piazza watch` that is wanted; every one on the way must be verified."""
    command = [
        *PIAZZA,
        "watch",
        "--broker",
        HERE,
        "--keys",
        str(authority.folder),
        "--name",
        WATCHER,
        "--all",
        "--json",
    ]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        try:
            for text in process.stdout or ():
                line = json.loads(text)
                assert line.get("mark", "verified") in {"verified", "duplicate", "late"}, text
                if "topic" in line and wanted(line):
                    return line
        finally:
            process.kill()
    raise AssertionError("piazza watch has ended")
