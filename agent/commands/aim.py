"""`piazza aim`: commissioning on a phone. `open` says that somebody stands here, `serve` is the page, `label` makes a new label.

The page is open for half an hour, to who has the label, and needs no internet.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from agent import logs
from agent.aim.desk import AimDesk, Before
from agent.aim.report import newest
from agent.aim.server import AimServer
from agent.clock import SystemClock
from agent.commands.facts import Machine
from agent.commissioning import Commissioning
from agent.config import Config, load
from agent.contract.topics import NodeName
from agent.errors import KeyFileError, UserError, why
from agent.files import write_atomic
from agent.notify import Notify
from agent.provision import image_label
from agent.provision.ca import TlsFiles
from agent.provision.enrol_node import Place
from agent.provision.identity import AIM_PORT, Code, Lock
from agent.provision.keys import load_ring
from agent.sensors.settings import ButtonSettings, DoorSettings, PirSettings, TamperSettings
from agent.uplink import rights

RUN = "run/piazza-sense"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    opened = acts.add_parser("open", help="begin: only for who stands in front of the node")
    serve = acts.add_parser("serve", help="the page, until it is finished or half an hour has passed")
    serve.add_argument("--listen", default="", metavar="ADDRESS", help="default: all addresses of this machine")
    serve.add_argument("--port", type=int, default=AIM_PORT, help=f"default: {AIM_PORT}")
    label = acts.add_parser("label", help="a new label, where the old one is lost or cannot be read")
    label.add_argument("--label", type=Path, metavar="FILE", help="the QR label as SVG")
    for act in (opened, serve, label):
        act.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="a folder instead of this machine")


def run(options: argparse.Namespace) -> int:
    folder = options.root / RUN
    if options.act == "open":
        _open(folder, options.root)
        print(f"open for half an hour: https://THIS-NODE.local:{AIM_PORT}, with the code of the label")
        return 0
    if options.act == "label":
        _label(Place(options.root / "etc/piazza"), options.label)
        return 0
    logs.start()
    clock = SystemClock()
    if not Commissioning(folder).is_open(clock.now()):
        raise UserError("nobody stands here: commissioning is not open", hint="piazza aim open, at the node itself")
    place = Place(options.root / "etc/piazza")
    files = TlsFiles(place.certificate("aim"), place.key("aim"))
    with AimServer((options.listen, options.port), files, desk(options.root, place, clock)) as server:
        Notify.of_service().ready("open for commissioning")
        server.run()
    return 0


def desk(root: Path, place: Place, clock: SystemClock) -> AimDesk:
    """The desk of this node; KeyFileError where its card brought no lock for the label's code."""
    config = load(place.root / "node.yaml")
    lock = place.root / "aim.json"
    try:
        opened = msgspec.json.decode(lock.read_bytes(), type=Lock)
    except (OSError, msgspec.DecodeError) as error:
        raise KeyFileError(f"{lock}: {why(error)}", hint="make a card for this node: piazza image") from error
    inbox = _inbox(root, config)
    return AimDesk(
        facts=Machine(root).facts,
        lock=opened,
        clock=clock,
        document=place.root / "node.yaml",
        commissioning=Commissioning(root / RUN),
        rights=lambda: rights.read(inbox),
        contacts=contacts(config),
        views={camera.id: camera.view for camera in config.cameras},
        before=before(place, config),
    )


def before(place: Place, config: Config) -> Before:
    """What an earlier visit to this node left, where a report of it is kept."""
    name = f"{config.node.union}/{config.node.comune}/{config.node.id}"
    kept = newest(place.root / "acceptance", load_ring(place.ring), name)
    if kept is None:
        return Before()
    report, named = kept
    steps = tuple(step if step.since else msgspec.structs.replace(step, since=report.at) for step in report.steps)
    return Before(digest=named, config=report.config, steps=steps)


def contacts(config: Config) -> tuple[str, ...]:
    """The sensors that somebody can move: doors, lids, buttons, detectors of motion."""
    kinds = (DoorSettings, TamperSettings, ButtonSettings, PirSettings)
    return tuple(sensor.id for sensor in config.sensors if isinstance(sensor, kinds))


def _inbox(root: Path, config: Config) -> Path:
    return root / config.state_dir.lstrip("/") / "inbox"


def _label(place: Place, svg: Path | None) -> None:
    """Lock the page by a new code and show it: whoever may do this is root on the node already."""
    node, code = load(place.root / "node.yaml").node, Code()
    name = NodeName(node.union, node.comune, node.id)
    write_atomic(place.root / "aim.json", msgspec.json.encode(code.lock()), mode=0o644)
    address = code.address(name)
    if svg:
        svg.write_text(image_label.svg(name, address), encoding="utf-8")
        print(f"label: {svg}")
    print(f"{image_label.terminal(address)}{address}\nfrom the next visit on the old label opens nothing")


def _open(folder: Path, root: Path) -> None:
    """Open, and have link try what the broker must refuse."""
    try:
        Commissioning(folder).open()
        inbox = _inbox(root, load(Place(root / "etc/piazza").root / "node.yaml"))
        if inbox.is_dir():
            rights.ask(inbox)
    except OSError as error:
        raise UserError(f"{folder}: {why(error)}", hint="run as root, and see that piazza-sense runs") from error
