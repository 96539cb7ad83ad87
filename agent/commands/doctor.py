"""`piazza doctor`: each part of a node, ok or what to do. Ends with 1 when something is not well.

`--gate` looks only at whether the node does its work: what a security update must not change.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from agent.clock import Clock, SystemClock
from agent.commands.facts import Machine
from agent.provision.checks import ESSENTIAL, Finding, findings, healthy

AGAIN_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--gate", action="store_true", help="only whether the node does its work")
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS", help="ask again for so long until it does"
    )
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="look at a folder instead of this machine"
    )


def run(options: argparse.Namespace) -> int:
    found = examined(Machine(options.root), SystemClock(), wait_s=options.wait)
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


def told(finding: Finding) -> list[str]:
    """A finding as a person reads it."""
    first = f"{'ok' if finding.ok else 'NO':3} {finding.what:14} {finding.said}"
    return [first, f"{'':18} -> {finding.todo}"] if finding.todo else [first]
