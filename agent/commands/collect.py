"""`piazza collect`: a support bundle, free of pictures and secrets because every byte of it passes a sieve.

It holds the doctor's findings, the latest numbers, logs, and how the system is set up; never the outbox, never a
key, never anything from the camera's folders.
"""

from __future__ import annotations

import argparse
import io
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from agent import __version__
from agent.clock import SystemClock
from agent.commands.facts import UNITS, Machine
from agent.errors import UserError, why
from agent.files import read_plain
from agent.provision.checks import findings
from agent.provision.sieve import sieved

FILES = (
    "etc/piazza/node.yaml", "etc/os-release", "etc/rpi-issue", "boot/firmware/config.txt", "boot/firmware/piazza.txt",
    "boot/firmware/piazza-camera.txt", "boot/firmware/cmdline.txt", "boot/firmware/piazza/firstboot.log",
    "proc/meminfo", "proc/loadavg", "proc/uptime", "proc/diskstats",
    "proc/device-tree/model",
)  # fmt: skip
LEFT = ("run/piazza-sense/numbers.json",)
"""What a service leaves in a folder of its own: root follows no link there."""
MOST = 1_000_000
"""Bytes of such a file."""
COMMANDS = {
    "journal.txt": ("journalctl", "-b", "-n", "4000", "--no-pager", "-o", "short-iso", "-u", "piazza-*"),
    "kernel.txt": ("journalctl", "-k", "-b", "-n", "1000", "--no-pager", "-o", "short-iso"),
    "units.txt": ("systemctl", "--no-pager", "show", *UNITS.values()),
    "failed.txt": ("systemctl", "--no-pager", "--failed"),
    "packages.txt": ("dpkg-query", "--show"),
    "firewall.txt": ("nft", "list", "table", "inet", "piazza"),
    "network.txt": ("ip", "-brief", "address"),
    "disk.txt": ("df", "-h"),
    "time.txt": ("timedatectl", "show-timesync", "--all"),
    "cameras.txt": ("rpicam-hello", "--list-cameras"),
    "supply.txt": ("vcgencmd", "get_throttled"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="default: piazza-NODE-DATE.tar.gz here")
    parser.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="look at a folder instead of this machine"
    )


def run(options: argparse.Namespace) -> int:
    machine, at = Machine(options.root), SystemClock().now()
    node = machine.facts(at).node.rpartition("/")[2] or "node"
    path = options.file or Path(f"piazza-{node}-{datetime.fromtimestamp(at, UTC):%Y%m%d-%H%M%S}.tar.gz")
    members = dict(bundle(machine, at))
    try:
        written(path, members, at)
    except FileExistsError as error:
        raise UserError(f"{path}: there is one already", hint="give another FILE") from error
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise UserError(
            f"{path}: {why(error)}", hint="give a FILE on a disk that you may write to, such as /tmp"
        ) from error
    print(f"{path}: {len(members)} files, {path.stat().st_size} bytes; no pictures and no secrets are in it")
    return 0


def bundle(machine: Machine, at: float) -> Iterator[tuple[str, str]]:
    """Name and text of every member; what is absent or no text is not there."""
    found = findings(machine.facts(at))
    raw: dict[str, bytes] = {
        "version.txt": f"piazza {__version__}\n".encode(),
        "doctor.json": msgspec.json.format(msgspec.json.encode(found)),
        **{name: machine.ask(*command).encode() for name, command in COMMANDS.items()},
        **{f"files/{name}": _content(machine.root / name) for name in FILES},
        **{f"files/{name}": read_plain(machine.root / name, most=MOST) or b"" for name in LEFT},
    }
    for name, content in raw.items():
        text = sieved(content.rstrip(b"\0"))
        if text:
            yield name, text


def written(path: Path, members: dict[str, str], at: float) -> None:
    """One compressed archive, readable by its owner only."""
    with tarfile.open(path, "x:gz") as archive:
        path.chmod(0o600)
        for name, text in sorted(members.items()):
            content = text.encode()
            member = tarfile.TarInfo(f"piazza/{name}")
            member.size, member.mtime, member.mode = len(content), int(at), 0o600
            archive.addfile(member, io.BytesIO(content))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
