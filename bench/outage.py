"""What an outage costs on the disk, and how soon a node is heard again after its processes were killed.

    python bench/outage.py [--json] [--rounds N] [--days N]

`outage` is a real spool on a simulated clock while nobody takes anything: `events_mb` with one event a minute, which opens and
closes in turn, `everything_mb` with the counts of each quarter of an hour, health and a head each minute besides. The size is that of the
outbox with its log. `restart_s` is wall time on this machine: sense (with its detector, at a clip) and link are killed with -9 and
started together, until a client of mosquitto hears the node's birth of the new run over mutual TLS.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.clock import SimulatedClock, SystemClock
from agent.contract.envelope import open_envelope
from agent.contract.jws import KeyRing
from agent.contract.topics import Class, pattern
from agent.contract.types import StateData
from agent.errors import Refused
from agent.provision.keys import load_ring
from agent.records import Phase
from agent.transport import Happening, Message
from agent.transport.mqtt import MqttTransport
from bench.machine import ordinary, show
from bench.start import PATIENCE_S, PIAZZA, WATCHER, placed
from tests.uplink.nodes import STATE, Node, event, health, stat

MINUTES = 1440
COUNTS_MINUTES = 15
MAX_MB = 64
"""What a node's outbox may take unless its configuration says otherwise."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--rounds", type=int, default=10, help="restarts of the node")
    parser.add_argument("--days", type=int, default=7, help="of the outage")
    parser.add_argument("--clip", type=Path, default=Path(".cache/vtest.avi"), help="what sense looks at")
    options = parser.parse_args()
    show(
        {
            "days": options.days,
            "outage": {"events_mb": outage(options.days, all_of_it=False), "everything_mb": outage(options.days)},
            "restart_s": restarts(options.rounds, options.clip.resolve()),
        },
        as_json=options.json,
    )


def outage(days: int, *, all_of_it: bool = True) -> float:
    """Megabytes on the disk after so many days in which nobody took anything."""
    with tempfile.TemporaryDirectory() as folder:
        node = Node(Path(folder), max_mb=MAX_MB, clock=SimulatedClock(1_777_624_200.0))
        node.spool.birth(STATE)
        for minute in range(days * MINUTES):
            live(node, minute, all_of_it=all_of_it)
        assert "dropped" not in {action for action, _, _ in node.audits()}, "nothing was given up"
        node.reader.close()
        size = sum(path.stat().st_size for path in Path(folder).glob("outbox.sqlite*") if path.suffix != ".sqlite-shm")
        node.outbox.close()
    return round(size / 1e6, 2)


def live(node: Node, minute: int, *, all_of_it: bool) -> None:
    """One minute of a node."""
    at = node.clock.now()
    begins = event(id=f"happening {minute // 2}", at=at)
    node.spool.put(begins if minute % 2 == 0 else event(id=begins.id, at=at, phase=Phase.CLOSED, closed_by="rule"))
    if all_of_it:
        node.spool.put(health(at))
    if all_of_it and minute % COUNTS_MINUTES == 0:
        node.spool.put(stat(at))
    node.spool.flush()
    if all_of_it:
        node.tick(after_s=60.0)
    else:
        node.clock.sleep(60.0)


def restarts(rounds: int, clip: Path) -> dict[str, float]:
    """Median and longest time from the start of both processes until the node is heard."""
    taken = []
    with tempfile.TemporaryDirectory() as name, placed(Path(name), clip) as (config, broker):
        watcher = Watcher(
            MqttTransport(broker.address(WATCHER), clock=SystemClock(), randomness=random.Random(0)), broker.bench.ring
        )
        with running(config):
            watcher.hear_a_birth()  # the first begins with an empty folder and counts for nothing
        for _ in range(rounds):
            with running(config):
                taken.append(watcher.hear_a_birth())
        watcher.close()
    return {"median": round(statistics.median(taken), 2), "longest": round(max(taken), 2), "rounds": rounds}


@contextmanager
def running(config: Path) -> Iterator[None]:
    """Sense and link, killed at the end of the block."""
    started = [
        subprocess.Popen([PIAZZA, verb, "--config", str(config)], env=ordinary(), stderr=subprocess.DEVNULL)
        for verb in ("sense", "link")
    ]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


class Watcher:
    """A client of the broker that waits for births."""

    def __init__(self, transport: MqttTransport, ring: Path) -> None:
        self._transport = transport
        self._ring: KeyRing = load_ring(ring)
        self._clock = SystemClock()
        self._births: set[str] = set()
        transport.subscribe(pattern(klass=Class.STATE))
        transport.open()

    def hear_a_birth(self) -> float:
        """Seconds until a run says that it is up; link may first say again what the run before it said."""
        began = self._clock.monotonic()
        while self._clock.monotonic() - began < PATIENCE_S:
            for happening in self._transport.poll(0.01):
                if (birth := self._born(happening)) and birth not in self._births:
                    self._births.add(birth)
                    return self._clock.monotonic() - began
        raise SystemExit(f"no birth within {PATIENCE_S:.0f} s")

    def _born(self, happening: Happening) -> str:
        """The id of a message that says that the node is up; empty for anything else."""
        if not isinstance(happening, Message):
            return ""
        try:
            envelope = open_envelope(happening.payload, self._ring, topic=happening.topic)
        except Refused:
            return ""
        up = isinstance(envelope.data, StateData) and envelope.data.status == "up"
        return envelope.payload.id if up else ""

    def close(self) -> None:
        self._transport.close()


if __name__ == "__main__":
    main()
