"""The authority of updates on this side of the cable: orders that the machine takes in while its supply fails.

Each order changes how often the machine tells how long it has been up, and brings some megabytes beside its configuration,
so that a supply can fail while they come.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from pathlib import Path

import msgspec

from tests.conftest import CHECKOUT
from tests.ota.town import Union
from tests.vm.authority import CLOCK, MAINTAINER, NAME, PIAZZA
from tests.vm.machine import HERE

LARGE = 6_000_000
"""Bytes that come with an order: 46 chunks."""


class Updates:
    """`root` is what the card brings so that the node believes the union; `releases` are the names of all that it may run."""

    def __init__(self, bench, folder: Path) -> None:
        self.bench, self.releases = bench, list[str]()
        self.union = Union(folder / "updates", at=CLOCK.now(), name=NAME.split("/")[0])
        self.root = self.union.folder / "authority/metadata/1.root.json"

    def begin(self, machine) -> None:
        """What the machine runs since its first boot is release 0."""
        self.before = machine.inside("cat", "/etc/piazza/node.yaml").stdout
        self._note(self.before.encode())

    @property
    def orders(self) -> int:
        return len(self.releases) - 1

    def order(self) -> None:
        """A further release, published at the broker."""
        number = len(self.releases)
        document = msgspec.yaml.decode(self.before)
        document["sensors"][0]["period_s"] = 2.0 + number / 1000
        content = json.dumps(document).encode()
        large = {"ballast.bin": random.Random(number).randbytes(LARGE)}
        self.union.release(content, files=large, running=self.before.encode())
        self._note(content)
        party = ["--broker", HERE, "--keys", str(self.bench.folder), "--name", MAINTAINER]
        command = [*PIAZZA, "ota", "publish", str(self.union.folder / "authority"), *party]
        subprocess.run(command, check=True, cwd=CHECKOUT, stdout=subprocess.DEVNULL)

    def _note(self, content: bytes) -> None:
        self.releases.append(f"{len(self.releases):06d}-{hashlib.sha256(content).hexdigest()[:16]}")
