"""The supply fails, again and again, at any instant: what the store has acknowledged is never lost, and no number is told twice.

It goes on with the machine of `first_boot.py`: `make vm-all`, or `CUTS=200` for the long run. Needs the rung uml: killing
its process is a power cut, because only what reached the card's file is there at the next boot. In turn the machine tells
events, takes an update in, and is open for commissioning; every fourth cut comes while it boots.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tests.conftest import CHECKOUT
from tests.ota.town import Union
from tests.vm.authority import CLOCK, MAINTAINER, NAME, PIAZZA, ask_store, within
from tests.vm.machine import HERE

COUNT = int(os.environ.get("CUTS", "12"))
SEED = int(os.environ.get("SEED", "1"))
WORKS_S, BOOTS_S = 20.0, 15.0
"""The longest that the supply holds: from the moment when the work has begun, and from power on."""
AT_BOOT = 0.25
"""Share of the cuts that come while it boots."""
PATIENCE_S = 300.0
PHASES = ("events", "update", "visit")
DOOR = "/sys/devices/platform/gpio-sim.0/gpiochip0/sim_gpio27/pull"
BUSY = f"while :; do echo pull-up > {DOOR}; sleep 0.3; echo pull-down > {DOOR}; sleep 0.3; done"
VISIT = "piazza aim open && systemctl start --no-block piazza-aim"
LOOK = """
import json, pathlib, sqlite3, sys
sys.path.insert(0, "/usr/lib/piazza/site")
from agent.ota.releases import RealDisk, Releases
outbox = sqlite3.connect("file:/var/lib/piazza/outbox.sqlite?mode=ro", uri=True)
(tail,) = outbox.execute("SELECT value FROM meta WHERE key = 'tail'").fetchone()
whole = outbox.execute("PRAGMA quick_check").fetchone() == ("ok",)
ledger = pathlib.Path("/var/lib/piazza/ota/ota.sqlite")
if ledger.exists():
    releases = Releases(ledger.parent, RealDisk())
    whole = whole and sqlite3.connect(f"file:{ledger}?mode=ro", uri=True).execute("PRAGMA quick_check").fetchone() == ("ok",)
    whole = whole and releases.whole(releases.running())
print(json.dumps([whole, int(tail.partition(" ")[0])]))
"""


class Updates:
    """The authority of updates: each order changes how often the machine tells how long it has been up."""

    def __init__(self, bench, folder: Path) -> None:
        self.bench, self.orders = bench, 0
        self.union = Union(folder / "updates", at=CLOCK.now(), name=NAME.split("/")[0])

    def believed_by(self, machine) -> None:
        """The node is given the union's root; what it runs becomes release 0."""
        machine.bring("/run/root.json", self.union.authority.signed("root", 1) or b"")
        done = machine.inside("piazza", "ota", "enroll", "--root", "/run/root.json")
        assert done.returncode == 0, done.stderr
        self.before = machine.inside("cat", "/etc/piazza/node.yaml").stdout

    def order(self) -> None:
        """A further release, published at the broker."""
        self.orders += 1
        document = msgspec.yaml.decode(self.before)
        document["sensors"][0]["period_s"] = 2.0 + self.orders / 1000
        self.union.release(json.dumps(document).encode(), running=self.before.encode())
        party = ["--broker", HERE, "--keys", str(self.bench.folder), "--name", MAINTAINER]
        command = [*PIAZZA, "ota", "publish", str(self.union.folder / "authority"), *party]
        subprocess.run(command, check=True, cwd=CHECKOUT, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def updates(rung, machine, authority, tmp_path_factory):
    if rung[0] != "uml":
        pytest.skip("rung nspawn: its card is a folder of this machine, whose memory survives")
    one = Updates(authority, tmp_path_factory.mktemp("updates"))
    one.believed_by(machine)
    return one


@pytest.mark.timeout(1200 + 300 * COUNT)
def test_no_power_cut_loses_what_was_acknowledged(machine, authority, updates):
    chance, began, survived = random.Random(SEED), CLOCK.monotonic(), Counter[str]()
    for number in range(COUNT):
        acknowledged = power_cut(machine, authority)
        if chance.random() < AT_BOOT:
            survived["boot"] += 1
            CLOCK.sleep(chance.uniform(0, BOOTS_S))
            continue
        assert told_by(machine) >= acknowledged
        phase = PHASES[number % len(PHASES)]
        work(machine, authority, updates, phase)
        survived[phase] += 1
        CLOCK.sleep(chance.uniform(0, WORKS_S))
    acknowledged = power_cut(machine, authority)
    newest = told_by(machine)
    assert newest >= acknowledged
    within(PATIENCE_S, lambda: stored(authority) >= newest)
    ((least, many),) = ask_store(authority, f"SELECT min(seq), count(*) FROM envelope WHERE seq <= {newest}")
    assert (least, many) == (1, newest)
    assert ask_store(authority, "SELECT * FROM equivocation") == []
    assert ask_store(authority, "SELECT * FROM given_up") == []
    spent_s = (CLOCK.monotonic() - began) / COUNT
    print(
        f"{COUNT} power cuts survived, {dict(survived)}, seed {SEED}, {spent_s:.0f} s each; {newest} numbers, none lost or "
        f"told twice; {updates.orders} updates ordered, {outcomes(machine)}"
    )


def power_cut(machine, authority):
    """Off and on again; the highest number that was acknowledged before."""
    machine.power_off()
    acknowledged = stored(authority)
    machine.start()
    return acknowledged


def work(machine, authority, updates, phase):
    """Begin what the supply will fail in; comes back when it has begun."""
    machine.inside("systemd-run", "--quiet", "--no-block", "sh", "-c", BUSY)
    if phase == "update":
        updates.order()
        said = machine.inside("systemctl", "start", "--no-block", "piazza-ota")  # as its timer does
        assert said.returncode == 0, said.stderr
    elif phase == "visit":
        done = machine.inside("sh", "-c", VISIT)
        assert done.returncode == 0, done.stderr
        within(PATIENCE_S, lambda: is_active(machine, "piazza-aim"))
    else:
        known = stored(authority)
        within(PATIENCE_S, lambda: stored(authority) > known)


def is_active(machine, unit):
    return machine.inside("systemctl", "show", "-P", "ActiveState", unit).stdout.strip() in {"active", "activating"}


def stored(authority):
    """The highest number that the store has verified, kept and therefore acknowledged."""
    ((most,),) = ask_store(authority, "SELECT max(seq) FROM envelope")
    return most


def told_by(machine):
    """The highest number that the machine has ever given, from an outbox that is whole beside a release that is whole."""
    done = machine.inside("python3", "-c", LOOK)
    assert done.returncode == 0, done.stderr
    whole, newest = json.loads(done.stdout)
    assert whole
    return newest


def outcomes(machine):
    """What became of the updates, as the node itself has noted it."""
    done = machine.inside("piazza", "ota", "status", "/var/lib/piazza/ota")
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())
