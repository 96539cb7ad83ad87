"""Hundreds of simulated nodes on one mosquitto with mutual TLS: what each part takes, and how soon all is well after a restart.

`piazza fleet simulate` runs with a connection and a certificate for every node, `piazza store` keeps
what comes, in SQLite. CPU and the largest resident set are of each process; `standing` are connections
that the broker counts when all of them stand. `recovery` is another place, one node with its real link:
mosquitto is stopped and started again while events come, after sessions that have stood for a while, and
the time runs from when it takes connections until the store has all that was committed by then.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from agent.clock import SystemClock
from agent.commands.fleet import SPEAKER, UNION, add_keys
from agent.fleet.simulation import names
from agent.provision.bench import Bench
from agent.transport.mqtt import STEADY_S
from bench.machine import show
from tests.brokers.mosquitto import Mosquitto
from tests.brokers.roles import fleet_rights
from tests.brokers.town import event, town

STORE = f"{UNION}/centre/store-1"
WATCHER = f"{UNION}/centre/watcher"
LOOK_S = 1.0
DOWN_S = 1.0


@dataclass
class Part:
    """A process, and the most that it ever took."""

    process: psutil.Process
    rss_mb: float = 0.0
    cpu_s: float = 0.0

    def look(self) -> None:
        if self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE:
            self.rss_mb = max(self.rss_mb, self.process.memory_info().rss / 2**20)
            times = self.process.cpu_times()
            self.cpu_s = times.user + times.system

    def figures(self) -> dict[str, float]:
        return {"rss_mb": round(self.rss_mb, 1), "cpu_s": round(self.cpu_s, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--nodes", type=int, default=600, help="default: 600")
    parser.add_argument("--hours", type=float, default=2.0, help="simulated hours (default: 2)")
    parser.add_argument("--rounds", type=int, default=5, help="restarts of the broker (default: 5)")
    options = parser.parse_args()
    show({"fleet": fleet(options.nodes, options.hours), "recovery_s": recovery(options.rounds)}, as_json=options.json)


def fleet(nodes: int, hours: float) -> dict[str, Any]:
    """The report of the simulation, and what its parts took."""
    with comune(nodes) as (bench, broker):
        where = ["--keys", str(bench.folder), "--broker", f"localhost:{broker.port}"]
        with process("store", *where, "--db", str(bench.folder / "events.sqlite")) as store:
            how = ["simulate", *where, "--nodes", str(nodes), "--hours", str(hours), "--json"]
            with process("fleet", *how) as driver:
                assert broker.process is not None
                parts = {"mosquitto": psutil.Process(broker.process.pid), "store": store, "fleet": driver}
                looked, standing = watch({name: Part(one) for name, one in parts.items()}, broker.port)
                report = json.loads(driver.stdout.read())
    return {"report": report, "standing": standing, **{name: part.figures() for name, part in looked.items()}}


def watch(parts: dict[str, Part], port: int) -> tuple[dict[str, Part], int]:
    """Look at all parts until the fleet has ended; the most connections that stood at once."""
    standing, clock = 0, SystemClock()
    while parts["fleet"].process.is_running() and parts["fleet"].process.status() != psutil.STATUS_ZOMBIE:
        for part in parts.values():
            part.look()
        here = [one for one in parts["mosquitto"].process.net_connections("tcp") if one.laddr.port == port]
        standing = max(standing, sum(one.status == psutil.CONN_ESTABLISHED for one in here))
        clock.sleep(LOOK_S)
    return parts, standing


@contextmanager
def comune(nodes: int) -> Iterator[tuple[Bench, Mosquitto]]:
    """Keys of all parties, and a broker that knows their rights."""
    at = SystemClock().now()
    with tempfile.TemporaryDirectory() as name:
        bench = Bench.make(Path(name) / "keys", at=at)
        bench.add_signer("store", STORE, at=at)
        who = names(UNION, comuni=6, nodes=nodes)
        add_keys(bench.folder, who, at=at)
        rights = fleet_rights(who, stores=[STORE], watcher=WATCHER, speaker=SPEAKER)
        broker = Mosquitto(Path(name) / "broker", bench, rights)
        broker.start()
        try:
            yield bench, broker
        finally:
            broker.stop()


@contextmanager
def process(verb: str, *options: str) -> Iterator[psutil.Popen]:
    """`piazza VERB` until the end of the block."""
    command = [sys.executable, "-m", "agent", verb, *options]
    with psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.send_signal(signal.SIGTERM)


def recovery(rounds: int) -> dict[str, float]:
    """Median and longest time until the store has everything after the broker came back, and how long it was away."""
    clock, taken, away = SystemClock(), [], []
    with tempfile.TemporaryDirectory() as name, town(Path(name)) as place:
        spool, put = place.spool(commit_s=0.0), 0
        place.start("store")
        place.start("link")
        for _ in range(rounds):
            put += 10
            for number in range(put - 9, put + 1):
                spool.put(event(number, clock.now()))
            spool.flush()
            place.wait(lambda: len(place.stored()) == put)  # noqa: B023 -- called at once
            clock.sleep(STEADY_S + 1.0)
            ended = clock.monotonic()
            place.broker.stop()
            clock.sleep(DOWN_S)
            put += 1
            spool.put(event(put, clock.now()))
            spool.flush()
            place.broker.start()
            away.append(clock.monotonic() - ended)
            began = clock.monotonic()
            place.wait(lambda: len(place.stored()) == put, at_most_s=60.0)  # noqa: B023
            taken.append(clock.monotonic() - began)
    found = {"median": statistics.median(taken), "longest": max(taken), "away_median": statistics.median(away)}
    return {name: round(value, 2) for name, value in found.items()} | {"rounds": rounds}


if __name__ == "__main__":
    main()
