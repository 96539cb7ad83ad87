"""What a node's firmware weighs: bytes added to a card, the packages, and how exposed each service is.

    python bench/firmware.py [--json]

Packages are measured where `make deb` has left them; without them their rows are missing, not guessed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agent.clock import SystemClock
from agent.contract.topics import NodeName
from agent.provision.bench import Bench
from agent.provision.identity import Code, Ticket
from agent.provision.image import Order, firmware_folder, prepare
from agent.provision.image_target import Folder
from bench.machine import show

CHECKOUT = Path(__file__).resolve().parent.parent
UNITS = tuple(sorted(path.stem for path in (CHECKOUT / "systemd").glob("*.service")))
STOCK = {"config.txt": "camera_auto_detect=1\n", "cmdline.txt": "rootwait\n", "user-data": "#cloud-config\n"}
NAME = NodeName("bench", "bench", "n-1")


def card() -> tuple[int, int]:
    """Files and bytes that a card for trixie gets, packages not counted."""
    at = SystemClock().now()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "boot"
        folder.mkdir()
        for name, text in STOCK.items():
            (folder / name).write_text(text)
        bench = Bench.make(Path(made) / "keys", at=at)
        order = Order(
            name=NAME, ticket=Ticket.new(NAME, "broker:8884", at=at), lock=Code().lock(), config=b"version: 1\n",
            ca=bench.ca.read_bytes(), ring=bench.ring.read_bytes(), written=at,
        )  # fmt: skip
        written = prepare(Folder(folder), order, boot=firmware_folder() / "boot")
        return len(written), sum((folder / path).stat().st_size for path in written)


def exposures() -> Iterator[tuple[str, float]]:
    """What `systemd-analyze security` says of each unit, 0 to 10; nothing where it is not installed."""
    if not shutil.which("systemd-analyze"):
        return
    with tempfile.TemporaryDirectory() as made:
        for unit in UNITS:
            text = (CHECKOUT / f"systemd/{unit}.service").read_text()
            copy = Path(made) / f"{unit}.service"
            copy.write_text(re.sub(r"/usr/bin/piazza|/usr/sbin/nft", "/bin/true", text))
            said = subprocess.run(
                ["systemd-analyze", "security", "--offline=yes", str(copy)], capture_output=True, text=True, check=False,
                env={**os.environ, "SYSTEMD_COLORS": "0"},
            ).stdout  # fmt: skip
            yield unit, float(re.findall(r"exposure level for \S+: ([\d.]+)", said)[0])


def packages() -> Iterator[tuple[str, float]]:
    for path in sorted((CHECKOUT / "dist").glob("*.deb")):
        yield path.name, path.stat().st_size / 1e6


def measured() -> dict[str, str]:
    """Every figure with its unit."""
    files, size = card()
    found = {"written on a card": f"{files} files, {size:,} bytes"}
    found |= {f"exposure of {unit}": f"{exposure} of 10" for unit, exposure in exposures()}
    return found | {name: f"{megabytes:.1f} MB" for name, megabytes in packages()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    show(measured(), as_json=parser.parse_args().json)
