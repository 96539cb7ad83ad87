"""Hundreds of simulated nodes on a deployment with mutual TLS: what each part takes, and how soon all is well after a restart.

`piazza fleet simulate` runs with a connection and a certificate for every node, `piazza store` keeps
what comes, in SQLite; the brokers are those of `deploy/`, on this machine. `missing` was made and is not in the
store's database; `store_repeated` came there more than once. CPU and the largest resident set are of each
process; `standing` are connections of nodes that stood at once. `recovery` is another place, one node with its real link:
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
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from agent.clock import SystemClock
from agent.commands.fleet import UNION, add_keys
from agent.contract.topics import NodeName
from agent.fleet.simulation import names
from agent.provision.bench import Bench
from agent.transport.mqtt import STEADY_S
from bench.machine import show
from tests.brokers.deployed import DEPLOYMENTS, Bridged, Deployment, OneMosquitto, Parties
from tests.brokers.town import event, town

STORE = f"{UNION}/centre/store-1"
WATCHER = f"{UNION}/centre/watcher"
LOOK_S = 1.0
DOWN_S = 1.0


@dataclass
class Part:
    """A process with all that it started, and the most that they ever took."""

    process: psutil.Process
    rss_mb: float = 0.0
    cpu_s: float = 0.0

    def look(self) -> None:
        if self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE:
            rss_mb = cpu_s = 0.0
            for one in (self.process, *self.process.children(recursive=True)):
                with suppress(psutil.NoSuchProcess), one.oneshot():
                    rss_mb += one.memory_info().rss / 2**20
                    cpu_s += sum(one.cpu_times()[:2])
            self.rss_mb, self.cpu_s = max(self.rss_mb, rss_mb), max(self.cpu_s, cpu_s)

    def figures(self) -> dict[str, float]:
        return {"rss_mb": round(self.rss_mb, 1), "cpu_s": round(self.cpu_s, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--deploy", choices=[kind.NAME for kind in DEPLOYMENTS], default=OneMosquitto.NAME)
    parser.add_argument("--comuni", type=int, default=6, help="default: 6")
    parser.add_argument("--nodes", type=int, default=600, help="default: 600")
    parser.add_argument("--hours", type=float, default=2.0, help="simulated hours (default: 2)")
    parser.add_argument("--rounds", type=int, default=5, help="restarts of the broker (default: 5); 0 for none")
    options = parser.parse_args()
    kinds = {kind.NAME: kind for kind in DEPLOYMENTS}
    figures: dict[str, Any] = {
        "deploy": options.deploy, "fleet": fleet(kinds[options.deploy], options.comuni, options.nodes, options.hours)
    }  # fmt: skip
    if options.rounds:
        figures["recovery_s"] = recovery(options.rounds)
    show(figures, as_json=options.json)


def fleet(kind: type[Deployment], comuni: int, nodes: int, hours: float) -> dict[str, Any]:
    """The report of the simulation, what the store counted, and what all parts took."""
    with deployed(kind, comuni, nodes) as broker, tempfile.TemporaryFile("w+") as log:
        keys, database = broker.parties.bench.folder, str(broker.folder / "events.sqlite")
        mine = [f"--comune={comune}" for comune in broker.parties.comuni]
        where = ["--broker", f"localhost:{broker.store_ports()[0]}", "--keys", str(keys), "--db", database]
        how = ["simulate", "--keys", str(keys), "--broker", f"localhost:{broker.node_ports()[0]}", "--db", database]
        how += [f"--broker-of={comune}=localhost:{port}" for comune, port in broker.broker_of().items()]
        how += ["--comuni", str(comuni), "--nodes", str(nodes), "--hours", str(hours), "--json"]
        if kind not in (OneMosquitto, Bridged):
            where, how = [*where, "--mqtt", "3.1.1"], [*how, "--mqtt", "3.1.1"]
        with process("store", *where, *mine, said=log) as store, process("fleet", *how, said=subprocess.PIPE) as driver:
            servers = {one.name: psutil.Process(one.process.pid) for one in broker.servers if one.process}
            parts = {name: Part(one) for name, one in ({"store": store, "fleet": driver} | servers).items()}
            standing = watch(parts)
            report = json.loads(driver.stdout.read())
        log.seek(0)
        tally = json.loads(log.readlines()[-1])
    counted = {f"store_{word}": tally[word] for word in ("fresh", "repeated", "refused", "equivocations", "receipts")}
    figures = {name: part.figures() for name, part in parts.items()}
    return {"report": report | counted, "standing": standing, **figures}


def watch(parts: dict[str, Part]) -> int:
    """Look at all parts until the fleet has ended; the most connections of it that stood at once."""
    standing, clock, driver = 0, SystemClock(), parts["fleet"].process
    while driver.is_running() and driver.status() != psutil.STATUS_ZOMBIE:
        for part in parts.values():
            part.look()
        with suppress(psutil.Error):
            here = driver.net_connections("tcp")
            standing = max(standing, sum(one.status == psutil.CONN_ESTABLISHED for one in here))
        clock.sleep(LOOK_S)
    return standing


@contextmanager
def deployed(kind: type[Deployment], comuni: int, nodes: int) -> Iterator[Deployment]:
    """Keys of all parties, and brokers as `deploy/` has them that know their rights."""
    at = SystemClock().now()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        bench = Bench.make(Path(name) / "keys", at=at)
        bench.add_signer("store", STORE, at=at)
        bench.add_reader(WATCHER, at=at)
        who = names(UNION, comuni=comuni, nodes=nodes)
        add_keys(bench.folder, who, at=at)
        bridges = [NodeName(UNION, "centre", f"bridge-{comune}") for comune in sorted({one.comune for one in who})]
        for bridge in bridges:
            bench.add_reader(str(bridge), at=at)
        parties = Parties(bench, who, NodeName.parse(STORE), NodeName.parse(WATCHER), bridges)
        with closing(kind(Path(name) / "deployed", parties)) as made:
            made.start()
            yield made


@contextmanager
def process(verb: str, *options: str, said: Any) -> Iterator[psutil.Popen]:
    """`piazza VERB` until the end of the block; a fleet says its report, a store what it did, as its last word."""
    command = [sys.executable, "-m", "agent", verb, *options]
    errors = said if verb == "store" else subprocess.DEVNULL
    with psutil.Popen(command, stdout=said, stderr=errors) as started:
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
