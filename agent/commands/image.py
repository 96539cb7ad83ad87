"""`piazza image`: writes the boot files of one node onto a flashed card or into an image file, and its label.

Run where the authority's folder is, because the card's one-time token is written down there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.clock import SystemClock
from agent.config import Config, check
from agent.contract.topics import NodeName
from agent.documents import convert, parse, problems_in
from agent.errors import UserError
from agent.provision import image_label
from agent.provision.bench import Bench, named
from agent.provision.enrol_desk import Desk
from agent.provision.identity import ENROL_PORT, Code, Ticket
from agent.provision.image import CAMERAS, DATA_MB, Order, Wifi, firmware_folder, prepare, refuse_taken, whose
from agent.provision.image_target import open_target

START = """\
# The first document of {name}: its camera is wholly masked until somebody has decided what it may see.
version: 1
node: {{union: {union}, comune: {comune}, id: {node}}}
uplink:
  broker:
    host: {host}
    port: {port}
    ca: /etc/piazza/tls/ca.pem
    certificate: /etc/piazza/tls/node.pem
    key: /etc/piazza/tls/key.pem
cameras:
  - id: camera
    input: {{driver: picamera2}}
    view: {{masks: [[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]]}}
sensors:
  - {{driver: host}}
"""


LEAST_DATA_MB = 256
"""An outbox at its default limit with its log, and what updates take in before they let the last release go."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", type=Path, metavar="TARGET", help="mounted boot partition, or .img file")
    parser.add_argument("--node", required=True, metavar="UNION/COMUNE/ID")
    parser.add_argument(
        "--keys", type=Path, required=True, metavar="DIR", help="the authority: what `piazza keys` made"
    )
    parser.add_argument("--broker", required=True, metavar="HOST[:PORT]")
    parser.add_argument(
        "--enrol", metavar="HOST:PORT", help=f"where `piazza enrol serve` is (the broker, {ENROL_PORT})"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="node.yaml (default: one whose camera is masked)")
    parser.add_argument(
        "--camera", default="auto", metavar="NAME[,PORT]", help=f"{', '.join(CAMERAS)}; port cam0, cam1"
    )
    parser.add_argument("--wifi", default="", metavar="SSID")
    parser.add_argument("--wifi-passphrase-file", type=Path, metavar="FILE")
    parser.add_argument("--apn", default="", help="access point of a modem")
    parser.add_argument("--country", default="IT", help="rules of the air (IT)")
    parser.add_argument("--timezone", default="Europe/Rome")
    parser.add_argument(
        "--data", type=int, default=DATA_MB, metavar="MB", help=f"of the data partition ({DATA_MB}); 0 for none"
    )
    parser.add_argument("--read-only", action="store_true", help="nothing changes the root while the node runs")
    parser.add_argument("--ssh-key", type=Path, metavar="FILE", help="let the user technician in by SSH with this key")
    parser.add_argument("--deb", type=Path, action="append", default=[], metavar="FILE", help="a package for the card")
    parser.add_argument(
        "--updates", type=Path, metavar="FILE", help="the union's first root of updates: DIR/metadata/1.root.json"
    )
    parser.add_argument("--approve", action="store_true", help="approve now, so that the node enrols by itself")
    parser.add_argument("--replace", action="store_true", help="take a card that was prepared for another node")
    parser.add_argument("--label", type=Path, metavar="FILE", help="the QR label as SVG")


def run(options: argparse.Namespace) -> int:
    name, target = named(options.node), open_target(options.target)
    Bench(options.keys).must_be_there()
    refuse_taken(target, name, replace=options.replace)
    before = whose(target)
    at, bench, code = SystemClock().now(), Bench(options.keys), Code()
    host, port = _broker(options.broker)
    ticket = Ticket.new(name, options.enrol or f"{host}:{ENROL_PORT}", at=at)
    order = Order(
        name=name,
        ticket=ticket,
        lock=code.lock(),
        config=_config(options.config, name, host, port),
        ca=bench.ca.read_bytes(),
        ring=bench.ring.read_bytes(),
        written=at,
        camera=options.camera,
        country=options.country,
        timezone=options.timezone,
        wifi=Wifi(options.wifi, _passphrase(options.wifi_passphrase_file)) if options.wifi else None,
        apn=options.apn,
        ssh_keys=options.ssh_key.read_text(encoding="utf-8") if options.ssh_key else "",
        debs=options.deb,
        updates=options.updates.read_bytes() if options.updates else b"",
        data_mb=_data(options.data, read_only=options.read_only),
        read_only=options.read_only,
    )
    written = prepare(target, order, boot=firmware_folder() / "boot")
    entry = Desk(bench).expect(ticket, approved=options.approve)
    if before not in ("", str(name)):
        print(f"{options.target}: was the card of {before}, which has none now")
    _tell(options, name, code, written, approved=entry.approved, takes_over=entry.takes_over)
    return 0


def _tell(
    options: argparse.Namespace, name: NodeName, code: Code, written: list[str], *, approved: bool, takes_over: bool
) -> None:
    address = code.address(name)
    print("\n".join(f"  {path}" for path in written))
    print(f"{options.target}: ready for {name}, {len(written)} files written and read back")
    if takes_over:
        print(f"this name has a node: when the new one asks, end the old one with\n  {_approve(options)} --take-over")
    elif not approved:
        print(f"when the node has asked, approve it with\n  {_approve(options)}")
    if options.label:
        options.label.write_text(image_label.svg(name, address), encoding="utf-8")
        print(f"label: {options.label}")
    print(f"{image_label.terminal(address)}{address}")


def _approve(options: argparse.Namespace) -> str:
    return f"piazza enrol approve --keys {options.keys} {options.node}"


def _data(megabytes: int, *, read_only: bool) -> int:
    if read_only and not megabytes:
        raise UserError("--read-only: what the node writes wants a data partition", hint="leave --data 0 away")
    if megabytes and megabytes < LEAST_DATA_MB:
        raise UserError(
            f"--data {megabytes}: at least {LEAST_DATA_MB} MB, or 0 for none",
            hint=f"{DATA_MB} MB hold months of events",
        )
    return megabytes


def _broker(text: str) -> tuple[str, int]:
    host, _, port = text.partition(":")
    if not host or (port and not port.isdecimal()):
        raise UserError(f"--broker {text}: not HOST or HOST:PORT", hint="such as broker.example.org:8883")
    return host, int(port or 8883)


def _config(path: Path | None, name: NodeName, host: str, port: int) -> bytes:
    """The document that goes onto the card, checked here, where somebody can still mend it."""
    text = START.format(name=name, union=name.union, comune=name.comune, node=name.node, host=host, port=port)
    if path:
        text = path.read_text(encoding="utf-8")
    where = str(path or "the first document")
    config = convert(parse(text, name=where), Config, name=where)
    if problems := tuple(check(config)):
        raise problems_in(where, problems)
    said = f"{config.node.union}/{config.node.comune}/{config.node.id}"
    if said != str(name):
        raise UserError(f"{path}: is for {said}, the card for {name}", hint="give both the same name")
    return text.encode()


def _passphrase(path: Path | None) -> str:
    """From a file, since what stands in a command line is seen by everybody on the machine."""
    return path.read_text(encoding="utf-8").strip() if path else ""
