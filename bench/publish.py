"""How fast a node's backlog leaves, through mosquitto with mutual TLS: link beside paho with its own queue.

`link` is the real process with the configuration's window (20): it reads the outbox, keeps to the budget
and has each event acknowledged by the broker (`to the broker`), or by the signed receipt of a store that
runs beside it (`to the store`). `paho` publishes the same signed events from a list in memory with the
same window and its own thread. An event counts when another client has received it; the time runs from
the first to the last. CPU is that of the process for each event, its start included.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.clock import SystemClock
from agent.contract.topics import Class
from agent.uplink.outbox import OutboxReader, Row
from bench.machine import show
from tests.brokers.town import NODE, WATCHER, Town, event, town

WINDOW = 20
ENOUGH_S = 120.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Events a second, and CPU microseconds an event of whoever sent them and of the broker."""

    events_per_s: float
    sender_us: float
    broker_us: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--count", type=int, default=10_000, help="events in the backlog (default: 10000)")
    parser.add_argument("--rounds", type=int, default=3, help="each way in turn so many times (default: 3)")
    options = parser.parse_args()
    ways: dict[str, Callable[[int], Pace]] = {
        "link, to the broker": lambda count: by_link(count, to_store=False),
        "link, to the store": lambda count: by_link(count, to_store=True),
        "paho with its own queue": by_paho,
    }
    paces: dict[str, list[Pace]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            paces[name].append(way(options.count))
    figures: dict[str, Any] = {"events": options.count, "window": WINDOW, "rounds": options.rounds}
    show(figures | {name: median(found) for name, found in paces.items()}, as_json=options.json)


def median(paces: list[Pace]) -> dict[str, float]:
    return {
        name: round(statistics.median(getattr(pace, name) for pace in paces)) for name in Pace.__dataclass_fields__
    } | {"best_events_per_s": round(max(pace.events_per_s for pace in paces))}


def by_link(count: int, *, to_store: bool) -> Pace:
    """The backlog of an outbox, carried by the real process."""
    with backlog(count) as place:
        place.uplink = {"window": WINDOW, "delete_on": "receipt" if to_store else "puback"}
        if to_store:
            place.start("store")
        with arriving(place, count) as arrived:
            link = psutil.Process(place.start("link").pid)
            rate = arrived()
            return Pace(rate, cpu_us(link, count), cpu_us(broker_of(place), count))


def by_paho(count: int) -> Pace:
    """The same signed events out of memory, by paho's thread and queue."""
    with backlog(count) as place:
        rows = OutboxReader(place.state / "outbox.sqlite").after(0, limit=count)
        with arriving(place, count) as arrived:
            ours = psutil.Process()
            before = sum(ours.cpu_times()[:2])
            client = connected(place)
            publish(client, rows)
            rate = arrived()
            client.disconnect()
            client.loop_stop()
            spent = sum(ours.cpu_times()[:2]) - before
            return Pace(rate, spent / count * 1e6, cpu_us(broker_of(place), count))


def connected(place: Town) -> Client:
    """paho as its documentation has it: a thread, a window of 20, an endless queue in memory."""
    address = place.broker.address(str(NODE))
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.tls_set(address.ca, address.certificate, address.key)
    client.max_inflight_messages_set(WINDOW)
    client.connect(address.host, address.port)
    client.loop_start()
    return client


def publish(client: Client, rows: list[Row]) -> None:
    for row in rows:
        client.publish(row.topic, row.token, qos=1)


@contextmanager
def backlog(count: int) -> Iterator[Town]:
    """A town whose node has been cut off for `count` events."""
    with tempfile.TemporaryDirectory() as folder, town(Path(folder)) as place:
        spool, clock = place.spool(commit_s=0.0), SystemClock()
        for number in range(1, count + 1):
            spool.put(event(number, clock.now()))
            if number % 500 == 0:
                spool.flush()
        spool.flush()
        yield place


@contextmanager
def arriving(place: Town, count: int) -> Iterator[Callable[[], float]]:
    """A client of another make that hears everything; what it yields waits and tells events a second."""
    heard = place.folder / "heard"
    address = place.broker.address(WATCHER)
    tls = ["--cafile", address.ca, "--cert", address.certificate, "--key", address.key]
    where = ["-h", address.host, "-p", str(address.port), "-t", f"piazza/v1/{NODE}/{Class.EVT}/+"]
    listen = ["mosquitto_sub", *tls, *where, "-q", "1", "-C", str(count), "-F", "%U", "-W", str(int(ENOUGH_S))]
    already = len(place.broker.log)
    with heard.open("w") as file:
        process = subprocess.Popen(listen, stdout=file)
    SystemClock().sleep(1.0)
    assert len(place.broker.log) > already, "the listener never connected"

    def rate() -> float:
        process.wait()
        times = [float(line) for line in heard.read_text().split()]
        assert len(times) == count, f"{len(times)} of {count} arrived"
        return (count - 1) / (times[-1] - times[0])

    try:
        yield rate
    finally:
        process.kill()
        process.wait()


def broker_of(place: Town) -> psutil.Process:
    assert place.broker.process is not None
    return psutil.Process(place.broker.process.pid)


def cpu_us(process: psutil.Process, count: int) -> float:
    times = process.cpu_times()
    return float(times.user + times.system) / count * 1e6


if __name__ == "__main__":
    main()
