"""`piazza patto register` and `dpia`: the union's records of processing, from the documents that are in force."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from agent.config import Config, load
from agent.governance import agreement
from agent.governance.agreement import Agreement
from agent.governance.dpia import dpia
from agent.governance.ground import Fact, Ground, Node, Paper
from agent.governance.register import register
from agent.governance.sheet import html, markdown
from agent.governance.union import Union

RECORDS = {"register": register, "dpia": dpia}
FORMATS = {"markdown": markdown, "html": html}


def text(options: argparse.Namespace, union: Union, *, at: float) -> str:
    """The record that was asked for, as of the instant `at`."""
    sheet = RECORDS[options.act](_ground(options.folder, union, options.config, at=at), options.language)
    return FORMATS[options.format](sheet)


def _ground(folder: Path, union: Union, configs: Sequence[Path], *, at: float) -> Ground:
    agreed = [(one, paper) for one, paper in _agreements(folder, union) if one.holds(at)]
    nodes = [_node(load(path), Paper.of(path, name=path.name)) for path in configs]
    return Ground(union, Paper.of(folder / "union.yaml", name="union.yaml"), agreed, nodes, at)


def _agreements(folder: Path, union: Union) -> Iterator[tuple[Agreement, Paper]]:
    for path in sorted((folder / "agreements").glob("*.yaml")):
        yield agreement.load(path, union), Paper.of(path, name=f"agreements/{path.name}")


def _node(config: Config, paper: Paper) -> Node:
    return Node(f"{config.node.comune}/{config.node.id}", paper, tuple(_facts(config)))


def _facts(config: Config) -> Iterator[Fact]:
    """What a node's configuration says that a record of processing asks for."""
    yield Fact("cameras", "cameras", str(len(config.cameras)))
    for number, camera in enumerate(config.cameras):
        view, path = camera.view, f"cameras[{number}].view"
        yield Fact(f"masks/{camera.id}", f"{path}.masks", str(len(view.masks)))
        if view.zones or view.lines:
            places = ", ".join([*(zone.id for zone in view.zones), *(line.id for line in view.lines)])
            yield Fact(f"places/{camera.id}", f"{path}.zones" if view.zones else f"{path}.lines", places)
    yield Fact("labels", "vision.labels", ", ".join(config.vision.labels))
    yield Fact("sensors", "sensors", ", ".join(f"{one.id} ({_driver(one)})" for one in config.sensors) or "none")
    yield Fact("sound", "sound", "true" if config.sound else "false")
    yield Fact("events", "rules", ", ".join(sorted({rule.event for rule in config.rules})) or "none")
    yield Fact("broker", "uplink.broker.host", config.uplink.broker.host)
    yield Fact("outbox_mb", "uplink.outbox.max_mb", str(config.uplink.outbox.max_mb))
    for name, kilobytes in msgspec.structs.asdict(config.uplink.budget).items():
        yield Fact(f"budget/{name.removesuffix('_kb')}", f"uplink.budget.{name}", str(kilobytes))
    if config.vision.normality.enabled:
        yield Fact("learned_k", "vision.normality.k", str(config.vision.normality.k))


def _driver(sensor: msgspec.Struct) -> str:
    return str(type(sensor).__struct_config__.tag)
