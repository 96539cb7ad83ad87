"""One comune on this machine: keys, mosquitto with TLS, a node's outbox, and the real commands as processes."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from agent.clock import Clock, SystemClock
from agent.contract.topics import NodeName
from agent.provision.bench import Bench
from agent.provision.keys import load_ring, load_signer
from agent.records import Event, Phase, Reason, Severity
from agent.uplink.door import Vocabulary
from agent.uplink.envelope import Sealer
from agent.uplink.inbox import Inbox
from agent.uplink.outbox import Outbox
from agent.uplink.settings import BrokerSettings, OutboxSettings, UplinkSettings
from agent.uplink.spool import Spool
from tests.brokers.mosquitto import Mosquitto
from tests.brokers.roles import rights

NODE = NodeName("romagna", "brisighella", "n-0017")
STORE = NodeName("romagna", "centre", "store-1")
OPERATOR = NodeName("romagna", "brisighella", "operator")
WATCHER = "romagna/centre/watcher"
WORDS = Vocabulary(rules=frozenset({"stays"}), sources=frozenset({"gate-cam"}), zones=frozenset({"gate"}))
QUICK_MB = 4000


def event(number: int, at: float) -> Event:
    """The event of one moment; its number is its observed value."""
    reason = Reason("gate/person/stay_s", "stay", float(number), expected=30.0)
    return Event(
        f"happening {number} {at}", "stays", "loitering", Phase.OPENED, Severity.NOTICE, at, "gate-cam", reason, "gate",
        "person",
    )  # fmt: skip


@dataclass
class Town:
    """Everything below one folder; processes are started by name and ended with the block."""

    folder: Path
    broker: Mosquitto
    bench: Bench
    uplink: dict[str, Any] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    port: int | None = None

    @property
    def state(self) -> Path:
        return self.folder / "node"

    @property
    def database(self) -> Path:
        return self.folder / "events.sqlite"

    @property
    def config(self) -> Path:
        """The node's configuration, with sections that are not link's business."""
        address = self.broker.address(str(NODE), keepalive_s=5)
        document = {
            "version": 1,
            "node": {"union": NODE.union, "comune": NODE.comune, "id": NODE.node, "signing_key": "elsewhere"},
            "state_dir": str(self.state),
            "cameras": [{"id": "gate-cam", "input": "this is not link's to judge"}],
            "uplink": {
                "broker": {
                    "host": "localhost",
                    "port": self.port or self.broker.port,
                    "ca": address.ca,
                    "certificate": address.certificate,
                    "key": address.key,
                    "keepalive_s": 5,
                },
                "budget": {"evt_kb": QUICK_MB * 1000, "audit_kb": QUICK_MB},
                **self.uplink,
            },
        }
        path = self.folder / "node.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    def spool(self, clock: Clock | None = None, *, commit_s: float = 0.05) -> Spool:
        """The node's own end of the outbox."""
        settings = UplinkSettings(BrokerSettings("localhost"), outbox=OutboxSettings(commit_s=commit_s), head_s=5.0)
        self.state.mkdir(exist_ok=True)
        sealer = Sealer(
            NODE, load_signer(self.bench.signing_key(str(NODE))), WORDS, clock=clock or SystemClock(), boot="0000beef"
        )
        outbox = Outbox(self.state / "outbox.sqlite", settings.outbox)
        return Spool(outbox, sealer, Inbox(self.state / "inbox"), load_ring(self.bench.ring), settings)

    def start(self, verb: str, *options: str, **streams: Any) -> subprocess.Popen[bytes]:
        """`piazza VERB` as a process of its own."""
        log = (self.folder / f"{verb}.log").open("ab")
        command = [sys.executable, "-m", "agent", verb, *self._options(verb), *options]
        self.running[verb] = subprocess.Popen(command, **{"stderr": log, "stdout": log, **streams})
        log.close()
        return self.running[verb]

    def kill(self, verb: str) -> None:
        """End a process as a power cut would."""
        self._end(verb, signal.SIGKILL)

    def stop(self, verb: str) -> int:
        """Ask a process to end; its exit code."""
        return self._end(verb, signal.SIGTERM)

    def stored(self) -> list[int]:
        """Numbers that the store has committed, as another reader of its database sees them."""
        if not self.database.exists():
            return []
        db = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            return [seq for (seq,) in db.execute("SELECT seq FROM envelope ORDER BY seq")]
        except sqlite3.OperationalError:  # the store is just making its tables
            return []
        finally:
            db.close()

    def log(self, verb: str) -> str:
        return (self.folder / f"{verb}.log").read_text()

    def wait(self, enough: Callable[[], bool], *, at_most_s: float = 120.0) -> None:
        """Look again and again until it is enough."""
        clock = SystemClock()
        until = clock.monotonic() + at_most_s
        while not enough():
            if clock.monotonic() > until:
                logs = "\n".join(f"--- {verb}\n{self.log(verb)[-2000:]}" for verb in self.running)
                raise AssertionError(f"not within {at_most_s} s; stored {len(self.stored())}\n{logs}")
            clock.sleep(0.02)

    def _options(self, verb: str) -> list[str]:
        if verb == "link":
            return ["--config", str(self.config)]
        common = ["--broker", f"localhost:{self.broker.port}", "--keys", str(self.bench.folder)]
        return [*common, "--db", str(self.database)] if verb == "store" else common

    def _end(self, verb: str, how: signal.Signals) -> int:
        process = self.running.pop(verb)
        process.send_signal(how)
        return process.wait()


@contextmanager
def town(folder: Path, *, more: str = "", **options: Any) -> Iterator[Town]:
    """A town with its broker running, until the end of the block; `more` goes into the broker's settings."""
    at = SystemClock().now()
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench.make(folder / "keys", at=at)
    bench.add_signer("node", str(NODE), at=at)
    bench.add_signer("store", str(STORE), at=at)
    bench.add_signer("operator", str(OPERATOR), at=at)
    bench.add_reader(WATCHER, at=at)
    broker = Mosquitto(
        folder / "broker", bench, rights(NODE, store=str(STORE), watcher=WATCHER, operator=str(OPERATOR)), more
    )
    broker.start()
    made = Town(folder, broker, bench, **options)
    try:
        yield made
    finally:
        for verb in list(made.running):
            made.kill(verb)
        broker.stop()
