"""What commands that talk to a broker as a party have in common: where it is, and who we are there.

The keys lie in one folder, as `piazza keys` makes it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.contract.jws import KeyRing
from agent.contract.topics import NodeName
from agent.errors import UserError
from agent.provision.bench import Bench
from agent.provision.keys import load_ring
from agent.provision.ring_file import RingFile
from agent.transport import Address

TLS_PORT = 8883
PLAIN_PORT = 1883


def add_broker_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Where the broker is and who we are there; not `required` where a command can do without a broker."""
    parser.add_argument(
        "--keys", type=Path, required=required, metavar="DIR", help="the folder that `piazza keys` made"
    )
    add_session_arguments(parser, default="localhost" if required else "")


def add_session_arguments(parser: argparse.ArgumentParser, *, default: str) -> None:
    """All but `--keys`, for a command that says itself which keys it means."""
    parser.add_argument("--broker", default=default, metavar="HOST[:PORT]", help=f"default: {default or 'none'}")
    parser.add_argument("--name", default="", help="who we are in that folder (default: the only one who fits)")
    parser.add_argument("--mqtt", choices=("auto", "3.1.1"), default="auto", help="3.1.1 for a broker that hangs on 5")
    parser.add_argument("--plain", action="store_true", help="without TLS, for a broker on this machine")


def address(options: argparse.Namespace, name: str) -> Address:
    """Where the broker is, with the certificate of the party `name`."""
    host, number = host_and_port(options.broker, default=PLAIN_PORT if options.plain else TLS_PORT)
    if options.plain:
        return Address(host, number, mqtt=options.mqtt)
    bench = Bench(options.keys)
    files = bench.tls(name)
    return Address(
        host, number, ca=str(bench.ca), certificate=str(files.certificate), key=str(files.key), mqtt=options.mqtt
    )


def host_and_port(text: str, *, default: int = TLS_PORT) -> tuple[str, int]:
    """`HOST[:PORT]` in its parts; UserError for a port that is none."""
    host, _, port = text.rpartition(":") if ":" in text else (text, "", "")
    try:
        return host, int(port) if port else default
    except ValueError as error:
        raise UserError(f"--broker {text}: '{port}' is no port", hint="such as broker.example:8883") from error


def ring(options: argparse.Namespace) -> KeyRing:
    """The keys that are trusted."""
    return load_ring(Bench(options.keys).ring)


def ring_file(options: argparse.Namespace) -> RingFile:
    """The keys that are trusted, for who runs so long that others come and go."""
    return RingFile(Bench(options.keys).ring)


def signer_name(options: argparse.Namespace, role: str) -> NodeName:
    """Our own name: `--name`, or the only key of the ring that has this role."""
    names = [key.subject for key in ring(options) if key.role == role]
    if options.name:
        names = [options.name]
    if len(names) != 1:
        found = ", ".join(sorted(names)) or "none"
        raise UserError(
            f"{options.keys}: one {role} is needed, found: {found}",
            hint=f"choose with --name, or make one with: piazza keys {role} {options.keys} UNION/COMUNE/ID",
        )
    return NodeName.parse(names[0])


def reader_name(options: argparse.Namespace) -> str:
    """Our own name: `--name`, or the only party that has a certificate and signs nothing."""
    parties = options.keys / "parties"
    names: list[str] = [folder.name for folder in sorted(parties.glob("*")) if not (folder / "sign.pem").exists()]
    if options.name or options.plain:
        return str(options.name)
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise UserError(
            f"{options.keys}: one watcher is needed, found: {found}",
            hint=f"choose with --name, or make one with: piazza keys watcher {options.keys} NAME",
        )
    return names[0]
