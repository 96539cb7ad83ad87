"""A node's folder with keys made for it, a drawn camera and a broker that may or may not be there."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from agent.clock import SystemClock
from agent.contract.topics import NodeName
from agent.provision.bench import Bench

NODE = NodeName("romagna", "brisighella", "n-0017")
ZONE = {"id": "yard", "polygon": [[0.0, 0.3], [1.0, 0.3], [1.0, 1.0], [0.0, 1.0]]}
WALKER = {"at_s": 0, "at": [-0.1, 0.8], "does": [{"do": "go", "to": [1.1, 0.8]}]}
CLOCK = SystemClock()
MISSING = {"driver": "video", "source": "nowhere.avi"}


@dataclass
class Place:
    """Everything below one folder."""

    folder: Path
    input: dict[str, Any] = field(default_factory=dict)
    duration_s: float = 600.0
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bench = Bench.make(self.folder / "keys", at=CLOCK.now())
        self.bench.add_signer("node", str(NODE), at=CLOCK.now())
        self.world = self.folder / "world.yaml"
        self.ends_after(self.duration_s)

    def ends_after(self, duration_s: float) -> None:
        """How long the camera has something to see."""
        world = {"start": "2024-05-14T10:00:00+02:00", "duration_s": duration_s, "actors": [WALKER]}
        self.world.write_text(yaml.safe_dump(world))

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def config(self, **changed: Any) -> Path:
        """The node's configuration; nobody listens at the broker's port."""
        drawn = {"driver": "synthetic", "world": str(self.world), "pace": "timestamps"}
        document = {
            "version": 1,
            "node": {
                "union": NODE.union,
                "comune": NODE.comune,
                "id": NODE.node,
                "signing_key": str(self.bench.signing_key(str(NODE))),
                "keyring": str(self.bench.ring),
            },
            "state_dir": str(self.state),
            "uplink": {"broker": {"host": "127.0.0.1", "port": 9}},
            "vision": {"detector": "chroma"},
            "cameras": [{"id": "square", "input": self.input or drawn, "view": {"masks": [], "zones": [ZONE]}}],
            "rules": [{"kind": "presence", "id": "somebody", "quantity": "yard/person/count"}],
            **changed,
        }
        path = self.folder / "node.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    def start(self, verb: str, *options: str) -> subprocess.Popen[bytes]:
        """A verb as a process of its own; what it says is in `VERB.log`."""
        with (self.folder / f"{verb}.log").open("ab") as log:
            command = [sys.executable, "-m", "agent", verb, *options]
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        self.started.append(process)
        return process

    def close(self) -> None:
        """End what still runs."""
        for process in self.started:
            process.kill()
            process.wait()

    def log(self, verb: str) -> str:
        return (self.folder / f"{verb}.log").read_text()


def children(pid: int) -> dict[str, int]:
    """Verb -> process id of what a process has started; one that is not yet its own bears its parent's verb."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = {verb_of(int(child)): int(child) for child in listed}
    return {verb: child for verb, child in found.items() if verb not in ("", verb_of(pid))}


def verb_of(pid: int) -> str:
    """The verb of `python -m agent VERB`, empty while it is not yet that."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return words[3].decode() if words[1:3] == [b"-m", b"agent"] else ""


def wait(enough: Any, *, at_most_s: float = 120.0) -> Any:
    """Look again and again until something true comes."""
    until = CLOCK.monotonic() + at_most_s
    while not (found := enough()):
        assert CLOCK.monotonic() < until, "not in time"
        CLOCK.sleep(0.02)
    return found


def alive(pid: int) -> bool:
    """Whether a process still runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
