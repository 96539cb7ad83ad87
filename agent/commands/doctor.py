"""`piazza doctor`: each part of a node, ok or what to do. Ends with 1 when something is not well.

`--gate` looks only at whether the node does its work: what a security update must not change.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec

from agent.clock import Clock, SystemClock
from agent.commands.facts import Machine
from agent.files import write_atomic
from agent.provision.checks import ESSENTIAL, findings, healthy
from agent.provision.facts import Finding
from agent.provision.last_step import Course, hopeless, judged

AGAIN_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--gate", action="store_true", help="only whether the node does its work")
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS", help="ask again for so long until it does"
    )
    parser.add_argument(
        "--last-step",
        type=Path,
        metavar="FILE",
        help="note in FILE how it goes, restart the machine when nothing helped",
    )
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="look at a folder instead of this machine"
    )


def run(options: argparse.Namespace) -> int:
    machine, clock = Machine(options.root), SystemClock()
    found = examined(machine, clock, wait_s=options.wait)
    if options.last_step:
        return last_step(options.last_step, found, machine, at=clock.now())
    if options.gate:
        found = [finding for finding in found if finding.what in ESSENTIAL]
    if options.json:
        print(msgspec.json.encode(found).decode())
    else:
        print("\n".join(line for finding in found for line in told(finding)))
    return 0 if all(finding.ok for finding in found) else 1


def examined(machine: Machine, clock: Clock, *, wait_s: float) -> list[Finding]:
    """The findings now, or the first healthy ones within `wait_s`: services take a while to start."""
    until = clock.monotonic() + wait_s
    while True:
        found = findings(machine.facts(clock.now()))
        if healthy(found) or clock.monotonic() >= until:
            return found
        clock.sleep(AGAIN_S)


def last_step(path: Path, found: Sequence[Finding], machine: Machine, *, at: float) -> int:
    """Note how it goes, and restart the machine if it is time; always 0, since being ill is told elsewhere."""
    course, restart = judged(_course(path), ill=hopeless(found), at=at)
    write_atomic(path, msgspec.json.encode(course))
    if restart:
        print("the node stays ill: restarting the machine")
        machine.ask("systemctl", "reboot")
    elif course.since:
        print(f"ill for {at - course.since:.0f} s; restarted {len(course.restarts)} times this week")
    return 0


def _course(path: Path) -> Course:
    """A file that is missing or spoiled is a beginning."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Course)
    except (OSError, msgspec.DecodeError):
        return Course()


def told(finding: Finding) -> list[str]:
    """A finding as a person reads it."""
    first = f"{'ok' if finding.ok else 'NO':3} {finding.what:14} {finding.said}"
    return [first, f"{'':18} -> {finding.todo}"] if finding.todo else [first]
