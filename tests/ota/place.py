"""A whole node as processes, mosquitto with TLS, and an authority that publishes to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agent.contract.topics import NodeName, pattern
from agent.ota.bundle import topic
from agent.provision.bench import Bench
from tests.brokers.mosquitto import Mosquitto
from tests.brokers.roles import rights
from tests.commands.places import CLOCK, NODE, Place
from tests.ota.town import Union

STORE = NodeName(NODE.union, "centre", "store-1")
MAINTAINER = f"{NODE.union}/centre/maintainer-1"
MASK = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.2], [0.0, 0.2]]
WIDER = [[0.0, 0.0], [0.6, 0.0], [0.6, 0.2], [0.0, 0.2]]
NARROWER = [[0.0, 0.0], [0.4, 0.0], [0.4, 0.2], [0.0, 0.2]]


@dataclass
class Whole:
    """The node's place, its broker, and the union that orders its updates."""

    place: Place
    broker: Mosquitto
    union: Union

    @property
    def folder(self) -> Path:
        return self.place.folder

    @property
    def ota(self) -> Path:
        return self.place.state / "ota"

    def config(self, *, mask: Any = MASK, name: str = "next.yaml", **changed: Any) -> Path:
        """The node's configuration with another mask, as a file for `release`."""
        document = yaml.safe_load((self.folder / "first.yaml").read_text())
        document["cameras"][0]["view"]["masks"] = [mask] if mask else []
        path = self.folder / name
        path.write_text(json.dumps(document | changed))
        return path

    def order(self, path: Path, *, files: dict[str, bytes] | None = None, consent: bool = False) -> str:
        """Release a configuration, signed by all; its digest as the node will tell it."""
        self.union.at = CLOCK.now()
        running = (self.ota / "current" / "node.yaml").read_bytes()
        self.union.release(path.read_bytes(), files=files, consent=consent, running=running)
        return self.union.authority.put_target(path.read_bytes())[:12]

    def piazza(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "agent", *arguments],
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    def publish(self, *options: str) -> subprocess.CompletedProcess[str]:
        keys, broker = str(self.folder / "keys"), f"localhost:{self.broker.port}"
        authority = str(self.union.authority.folder)
        return self.piazza("ota", "publish", authority, "--broker", broker, "--keys", keys, *options)

    def by_stick(self, act: str) -> str:
        """Bring what is signed on a stick; what the act of the node prints."""
        published = self.piazza("ota", "publish", str(self.union.authority.folder), "--usb", "stick")
        assert published.returncode == 0, published.stderr
        return self.piazza("ota", act, "--config", str(self.folder / "node.yaml"), "--usb", "stick").stdout

    def apply(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.piazza("ota", "apply", "--config", str(self.folder / "node.yaml"), *options)


@contextmanager
def whole(folder: Path, **changed: Any) -> Iterator[Whole]:
    """Everything made and the broker running; sense and link run once somebody starts `run`."""
    place = Place(folder, duration_s=3600.0)
    place.bench.add_signer("store", str(STORE), at=CLOCK.now())
    place.bench.add_signer("maintainer", MAINTAINER, at=CLOCK.now())
    place.bench.add_reader("watcher", at=CLOCK.now())
    broker = Mosquitto(folder / "broker", place.bench, _rights())
    broker.start()
    files = place.bench.tls(str(NODE))
    uplink = {
        "broker": {
            "host": "localhost", "port": broker.port, "ca": str(place.bench.ca),
            "certificate": str(files.certificate), "key": str(files.key),
        }
    }  # fmt: skip
    made = Whole(place, broker, Union(folder / "union", at=CLOCK.now()))
    place.config(uplink=uplink, **changed).rename(folder / "first.yaml")
    made.config(name="node.yaml")
    root = made.union.authority.folder / "metadata" / "1.root.json"
    enrolled = made.piazza("ota", "enroll", "--root", str(root), "--config", str(folder / "node.yaml"))
    assert enrolled.returncode == 0, enrolled.stderr
    try:
        yield made
    finally:
        place.close()
        broker.stop()


def _rights() -> dict[str, list[str]]:
    found = rights(NODE, store=str(STORE), watcher="watcher")
    everything = topic(NODE.union, NODE.comune, "x")[:-1] + "+"
    found[str(NODE)].append(f"read {everything}")
    found[MAINTAINER] = [f"readwrite {everything}", f"read {pattern(NODE.union, klass='state')}"]
    return found


def bench(made: Whole) -> Bench:
    return made.place.bench
