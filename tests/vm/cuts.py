"""The supply fails, again and again, at any instant: what the store has acknowledged is never lost, and no number is told twice.

It goes on with the machine of `first_boot.py`: `make vm-all`, or `CUTS=200` for the long run; with `KEPT=FILE` each cut is
written there, and the last line counts those of earlier runs too. Needs the rung uml: killing its process is a power cut,
because only what reached the card's file is there at the next boot. In turn the machine tells events, takes an update in,
and is visited for commissioning; every fourth cut comes while it boots.

That a phase was in progress is not believed but looked for: of an update the disk itself tells after the cut how far it was,
of a visit the page's last answer before it.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT
from tests.vm.authority import CLOCK, ask_store, within
from tests.vm.visits import Visit

COUNT = int(os.environ.get("CUTS", "12"))
SEED = int(os.environ.get("SEED", "1"))
KEPT = os.environ.get("KEPT", "")
LONGEST_S = {"boot": 15.0, "events": 10.0, "update": 30.0, "visit": 15.0}
"""How long the supply holds at most, from power on, or from the moment when the work has begun."""
AT_BOOT = 0.25
"""Share of the cuts that come while it boots."""
LEAST_IN_PROGRESS = 0.5
"""Share of the cuts of a phase which must have come while it was in progress."""
PATIENCE_S = 300.0
WELL_S = 200
TRIES = 6
PHASES = ("events", "update", "visit")
IDLE = {"not begun", "update idle", "update committed", "update rolled-back"}
"""What is found where nothing was in progress, or no more."""
DOOR = "/sys/devices/platform/gpio-sim.0/gpiochip0/sim_gpio27/pull"
BUSY = f"while :; do echo pull-up > {DOOR}; sleep 0.3; echo pull-down > {DOOR}; sleep 0.3; done"
LOOK = (CHECKOUT / "tests/vm/look.py").read_text()


@pytest.fixture(scope="module", autouse=True)
def supply(rung, machine, updates):
    if rung[0] != "uml":
        pytest.skip("rung nspawn: its card is a folder of this machine, whose memory survives")
    updates.begin(machine)


@pytest.mark.timeout(1800 + 300 * COUNT)
def test_no_power_cut_loses_what_was_acknowledged(machine, authority, updates):
    chance, kept = random.Random(SEED), list[dict[str, object]]()
    for number in range(COUNT):
        began = CLOCK.monotonic()
        phase = "boot" if chance.random() < AT_BOOT else PHASES[number % len(PHASES)]
        at = worked(machine, authority, updates, phase=phase, holds_s=chance.uniform(0, LONGEST_S[phase]))
        acknowledged = power_cut(machine, authority)
        found = looked(machine) if phase != "boot" else None
        if found:
            judge(found, updates, acknowledged)
        kept.append(
            {
                "phase": phase,
                "at": at or in_words(found, orders=updates.orders),
                "spent_s": round(CLOCK.monotonic() - began),
            }
        )
        keep(kept[-1])
    newest = at_the_end(machine, authority, updates)
    told = earlier() or kept
    for phase in PHASES[1:]:
        shares = [cut["at"] not in IDLE for cut in told if cut["phase"] == phase]
        assert sum(shares) >= LEAST_IN_PROGRESS * len(shares), phase
    spent_s = sum(int(str(cut["spent_s"])) for cut in told) / max(1, len(told))
    print(
        f"{len(told)} power cuts survived, {spent_s:.0f} s each: {dict(Counter(cut['phase'] for cut in told))}, seed {SEED}; "
        f"found at the cut: {dict(Counter(cut['at'] for cut in told))}; the last run of them gave {newest} numbers, none lost or told "
        f"twice, and {updates.orders} updates, {outcomes(machine)}"
    )


def worked(machine, authority, updates, *, phase, holds_s):
    """Let it do something for so long at most; where the disk cannot tell how far it was, in a word what was done last."""
    if phase == "boot":
        CLOCK.sleep(holds_s)
        return "boot"
    machine.inside("systemd-run", "--quiet", "--no-block", "sh", "-c", BUSY)
    if phase == "visit":
        return visited(Visit(machine, ca=authority.ca, code=machine.code), holds_s)
    if phase == "update":
        updates.order()
        within(4 * PATIENCE_S, lambda: taken_up(machine) == updates.orders)  # a trial before it ends first
    else:
        known = stored(authority)
        within(PATIENCE_S, lambda: stored(authority) > known)
    CLOCK.sleep(holds_s)
    return "told" if phase == "events" else ""


def visited(visit, holds_s):
    """The last thing that was done in a visit before the supply fails."""
    done, until = "not begun", CLOCK.monotonic() + PATIENCE_S
    for number, step in enumerate(visit.steps()):
        if number == 0:
            until = CLOCK.monotonic() + holds_s
        done = step
        if CLOCK.monotonic() >= until:
            return done
        CLOCK.sleep(min(until - CLOCK.monotonic(), LONGEST_S["visit"] / 16))
    CLOCK.sleep(max(0.0, until - CLOCK.monotonic()))
    return done


def taken_up(machine):
    """The number of the newest order that the machine has believed; nobody but the units begins that."""
    said = machine.inside("cat", "/var/lib/piazza/ota/report.json").stdout
    return json.loads(said)["seq"] if said else 0


def power_cut(machine, authority):
    """Off and on again; the highest number that was acknowledged before."""
    machine.power_off()
    acknowledged = stored(authority)
    machine.start()
    return acknowledged


def looked(machine):
    """What the disk holds, as the node's own code reads it."""
    done = machine.inside("python3", "-c", LOOK)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def judge(found, updates, acknowledged):
    """All is whole, nothing acknowledged is lost, and the old release runs or the new one."""
    assert found["broken"] == []
    assert found["newest"] >= acknowledged
    assert found["running"] in updates.releases


def in_words(found, *, orders):
    """How far the newest update was when the supply failed."""
    there, wanted = found["chunks"]
    if found["state"] == "fetching":
        return "update fetched in part" if 0 < there < wanted else "update begun"
    word = f"update {found['state']}"
    return "not begun" if word in IDLE and found["order"] < orders else word


def at_the_end(machine, authority, updates):
    """With the supply back for good a further update is kept; the numbers without a gap, and how many there are.

    A machine that is slow enough may be ill by its own measure for the whole trial: then it goes back, and is asked again.
    """
    for _ in range(TRIES):
        machine.inside("piazza", "ota", "well", "--wait", str(WELL_S))  # by the same measure, before there is a trial
        updates.order()
        within(4 * PATIENCE_S, lambda: ended(machine, updates.orders))
        said = outcomes(machine)
        if said.startswith(f"order {updates.orders}: committed"):
            break
        print(
            f"went back: {said}",
            machine.inside("journalctl", "--no-pager", "-b", "-u", "piazza-*").stdout[-5000:],
            sep="\n",
        )
    acknowledged = power_cut(machine, authority)
    found = looked(machine)
    judge(found, updates, acknowledged)
    assert found["running"] == updates.releases[-1]
    newest = found["newest"]
    within(PATIENCE_S, lambda: stored(authority) >= newest)
    ((least, many),) = ask_store(authority, f"SELECT min(seq), count(*) FROM envelope WHERE seq <= {newest}")
    assert (least, many) == (1, newest)
    assert ask_store(authority, "SELECT * FROM equivocation") == []
    assert ask_store(authority, "SELECT * FROM given_up") == []
    return newest


def ended(machine, order):
    return outcomes(machine).startswith((f"order {order}: committed", f"order {order}: rolled-back"))


def keep(cut):
    """Write it down, where that was asked for, so that another run goes on counting."""
    if KEPT:
        with Path(KEPT).open("a") as file:
            file.write(json.dumps(cut) + "\n")


def earlier():
    """All that was ever written down."""
    return [json.loads(line) for line in Path(KEPT).read_text().splitlines()] if KEPT else []


def stored(authority):
    """The highest number that the store has verified, kept and therefore acknowledged."""
    ((most,),) = ask_store(authority, "SELECT max(seq) FROM envelope")
    return most


def outcomes(machine):
    """What became of the newest update, and of those before it, as the node itself has noted it."""
    done = machine.inside("piazza", "ota", "status", "/var/lib/piazza/ota")
    assert done.returncode == 0, done.stderr
    moves = Counter(line.split()[2] for line in done.stdout.splitlines()[3:])
    return f"{done.stdout.splitlines()[1]}, {dict(moves)}"
