"""The supply fails, again and again, at any instant: what the store has acknowledged is never lost, and no number is told twice.

It goes on with the machine of `first_boot.py`: `make vm-all`, or `CUTS=200` for the long run. Needs the rung uml: killing
its process is a power cut, because only what reached the card's file is there at the next boot.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.vm.authority import CLOCK, ask_store, within

COUNT = int(os.environ.get("CUTS", "10"))
SEED = int(os.environ.get("SEED", "1"))
LONGEST_S = 45.0
"""Of the time between power on and power cut; until `sense` tells anything, about a third of it goes by."""
DOOR = "/sys/devices/platform/gpio-sim.0/gpiochip0/sim_gpio27/pull"
BUSY = f"""
while :; do echo pull-up > {DOOR}; sleep 0.3; echo pull-down > {DOOR}; sleep 0.3; done &
piazza aim open; systemctl start --no-block piazza-aim; systemctl start --no-block piazza-ota
wait
"""
OUTBOX = """
import sqlite3
outbox = sqlite3.connect("file:/var/lib/piazza/outbox.sqlite?mode=ro", uri=True)
tail = outbox.execute("SELECT value FROM meta WHERE key = 'tail'").fetchone()[0]
print(*outbox.execute("PRAGMA quick_check").fetchone(), tail.partition(" ")[0])
"""


@pytest.mark.timeout(60 + 120 * COUNT)
def test_no_power_cut_loses_what_was_acknowledged(rung, machine, authority):
    if rung[0] != "uml":
        pytest.skip("rung nspawn: its card is a folder of this machine, whose memory survives")
    chance = random.Random(SEED)
    survived = 0
    for _ in range(COUNT):
        machine.power_off()
        acknowledged = stored(authority)
        machine.start()
        if chance.random() < 0.5:
            machine.inside("systemd-run", "--quiet", "--no-block", "sh", "-c", BUSY)
            assert told_by(machine) >= acknowledged
            survived += 1
        CLOCK.sleep(chance.uniform(0, LONGEST_S))
    machine.power_off()
    machine.start()
    newest = told_by(machine)
    assert newest >= stored(authority)
    within(300, lambda: stored(authority) >= newest)
    ((least, many),) = ask_store(authority, "SELECT min(seq), count(*) FROM envelope WHERE seq <= " + str(newest))
    assert (least, many) == (1, newest)
    assert ask_store(authority, "SELECT * FROM equivocation") == []
    assert ask_store(authority, "SELECT * FROM given_up") == []
    print(
        f"{COUNT} power cuts survived, seed {SEED}, {survived} of them after work had begun; {newest} numbers, none lost or told twice"
    )


def stored(authority):
    """The highest number that the store has verified, kept and therefore acknowledged."""
    ((most,),) = ask_store(authority, "SELECT max(seq) FROM envelope")
    return most


def told_by(machine):
    """The highest number that the machine has ever given, from an outbox that is whole."""
    done = machine.inside("python3", "-c", OUTBOX)
    assert done.returncode == 0, done.stderr
    whole, newest = done.stdout.split()
    assert whole == "ok"
    return int(newest)
