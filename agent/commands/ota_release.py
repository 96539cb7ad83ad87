"""`piazza ota release`, and the question before it: what every node says that it runs.

A release is judged against what runs: what a node has signed of itself, where it was asked, or else its last order.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from agent.clock import Clock
from agent.commands import ota_publish, party
from agent.contract.times import instant
from agent.contract.topics import Class, NodeName, pattern
from agent.errors import ConfigError, UserError
from agent.ota import drafts, publish, request, running
from agent.ota.approval import understood
from agent.ota.authority import Authority
from agent.ota.difference import difference
from agent.ota.floors import loosened, strangers
from agent.ota.running import Running

Acts = argparse._SubParsersAction  # noqa: SLF001 -- argparse gives its kind no public name


def add_arguments(acts: Acts[argparse.ArgumentParser]) -> None:
    release = acts.add_parser("release", help="order configurations and files for nodes")
    release.add_argument("folder", type=Path, metavar="DIR")
    release.add_argument("configs", type=Path, nargs="+", metavar="CONFIG", help="configurations, each of its own node")
    release.add_argument(
        "--with", type=Path, nargs="*", default=[], dest="files", metavar="FILE", help="models and more"
    )
    release.add_argument(
        "--running", type=Path, metavar="DIR", help="configurations that run and were never released here: NODE.yaml"
    )
    release.add_argument("--consent", action="store_true", help="ask the second key where a floor is loosened")


def lines(options: argparse.Namespace, at: float) -> Iterator[str]:
    """All or nothing: a release that would fail on any node is refused with the list of all that is wrong."""
    union = Authority(options.folder)
    files = {path.name: path.read_bytes() for path in options.files}
    asked = running.load(union)
    nodes, wrong = [], []
    for path in options.configs:
        try:
            node, said = _checked(union, path, files, options, asked)
        except ConfigError as error:
            wrong.append(error.message)
            continue
        nodes.append(node)
        yield from said
        if node.loosens and not options.consent:
            wrong += [f"{path}: {line}" for line in node.loosens]
    if wrong:
        raise UserError(
            "this release would fail:\n" + "\n".join(f"  {one}" for one in wrong),
            hint="correct it, or with --consent ask the comune's second key for what loosens a floor",
        )
    for comune in sorted({node.name.comune for node in nodes}):
        drafts.release(union, comune, [node for node in nodes if node.name.comune == comune], at=at)
    if unasked := sum(str(node.name) not in asked for node in nodes):
        yield f"{unasked} of {len(nodes)} nodes were not asked what they run: piazza ota status {options.folder} --broker"
    yield from request.waiting(union)


def ask(options: argparse.Namespace, clock: Clock) -> int:
    """Hear what the nodes have signed of themselves, keep it for the next release, and say it."""
    union = Authority(options.folder)
    if options.keys is None:
        raise UserError("whose word is believed?", hint="give --keys DIR, the folder with ring.json")
    transport, ring = ota_publish.connection(options, clock), party.ring(options)
    states = publish.retained(transport, clock, [pattern(union.settings.union, klass=Class.STATE)])
    transport.close()
    words = (running.heard(payload, ring, topic=topic) for topic, payload in states.items())
    found = dict(word for word in words if word)
    running.keep(union, found)
    for name, one in sorted(found.items()):
        print(f"{name}: {_said(union, one)}")
    print(f"{len(found)} nodes have said what they run")
    return 0


def _said(union: Authority, one: Running) -> str:
    update = f"; order {one.seq}: {one.phase}{f', {one.why}' if one.why else ''}" if one.seq else ""
    known = "" if running.content(union, one.cfg) else ", which was never released here"
    return f"runs {one.cfg}{known}{update}; {'up' if one.up else 'away'}, {instant(one.at)}"


def _checked(
    union: Authority, path: Path, files: dict[str, bytes], options: argparse.Namespace, asked: dict[str, Running]
) -> tuple[drafts.Release, list[str]]:
    content = path.read_bytes()
    config = understood(content, name=str(path))
    name = NodeName(config.node.union, config.node.comune, config.node.id)
    if name.union != union.settings.union or name.comune not in union.comuni():
        raise ConfigError(f"{path}: '{name}' is no node of this authority", hint="piazza ota delegate")
    before = _before(union, name, options.running, asked.get(str(name)))
    if before is None:
        return drafts.Release(name, content, files), [f"{name}: first order, the node compares it with what runs"]
    now = understood(before, name=f"what runs on {name}")
    moved = strangers(now, config)
    if moved:
        raise ConfigError(f"{path}: '{moved[0]}' cannot change by an update")
    loosens = tuple(map(str, loosened(now, config)))
    said = difference(now, config) or ["no change"]
    return drafts.Release(name, content, files, loosens), [f"{name}: {line}" for line in said]


def _before(union: Authority, name: NodeName, brought: Path | None, word: Running | None) -> bytes | None:
    """What runs on a node: what it has signed that it runs, or else its last order, or else the file brought."""
    if word is None:
        path = brought / f"{name.node}.yaml" if brought else None
        return drafts.released(union, name) or (path.read_bytes() if path and path.is_file() else None)
    found = running.content(union, word.cfg, brought)
    if found is None:
        raise ConfigError(f"{name} runs {word.cfg}, which was never released here: bring it with --running DIR")
    return found
