"""`piazza status`: what a technician needs of a node on one screen. It only looks."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from agent import __version__
from agent.clock import SystemClock
from agent.commands.facts import Machine
from agent.provision.checks import findings
from agent.provision.facts import Facts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="look at a folder instead of this machine"
    )


def run(options: argparse.Namespace) -> int:
    print("\n".join(screen(Machine(options.root).facts(SystemClock().now()))))
    return 0


def screen(facts: Facts) -> Iterator[str]:
    """Name, services, outbox, each source with its latest numbers, and what is not well."""
    yield f"{facts.node or '(no name yet)'}  piazza {__version__}"
    for name, unit in facts.units.items():
        yield f"  {name:9} {'runs' if unit.active else 'STOPPED'}  {unit.status}".rstrip()
    waiting = "unknown" if facts.waiting is None else f"{facts.waiting} wait, {facts.last or 0} were made"
    yield f"  {'outbox':9} {waiting}"
    for source, numbers in sorted(facts.numbers.items()):
        told = "  ".join(f"{quantity} {value:g}" for quantity, value in sorted(numbers.items()))
        yield f"  {source:9} {told}"
    wrong = [finding for finding in findings(facts) if not finding.ok]
    yield f"{len(wrong)} to see to" if wrong else "all is well"
    for finding in wrong:
        yield f"  {finding.what}: {finding.said}\n    -> {finding.todo}"
