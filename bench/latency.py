"""From a frame's timestamp to the store: events at a steady rate, link and store as processes, mosquitto with TLS.

`began` ends when the store begins the transaction that keeps the event, by its own word; `receipt` ends
when another client has the signed receipt that names it, which is after the commit. What comes before
the timestamp's event (detector, tracker, rules) is not in it; `bench/pipeline.py` measures that.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from agent.clock import SystemClock
from agent.contract.envelope import open_envelope
from agent.contract.topics import pattern
from agent.contract.types import ReceiptData
from agent.provision.keys import load_ring
from agent.transport import Message, Subscribed
from agent.transport.mqtt import MqttTransport
from bench.machine import show
from tests.brokers.town import WATCHER, Town, event, town

WARM = 20
"""Events at the beginning that do not count."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--rate", type=float, default=10.0, help="events a second (default: 10)")
    parser.add_argument("--count", type=int, default=400, help="events (default: 400)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, town(Path(folder)) as place:
        figures = measure(place, rate=options.rate, count=options.count)
    show(figures, as_json=options.json)


def measure(place: Town, *, rate: float, count: int) -> dict[str, Any]:
    """Median and 99th percentile in ms over `count` events."""
    clock, spool = SystemClock(), place.spool()
    observer = Observer(place, clock)
    place.start("store")
    place.start("link")
    made: dict[int, float] = {}
    begin = clock.monotonic() + 2.0
    for number in range(1, count + WARM + 1):
        observer.listen(until=begin + number / rate)
        made[number] = clock.now()
        spool.put(event(number, made[number]))
        spool.flush()
        spool.tick(clock.now())
    observer.listen(until=clock.monotonic() + 2.0)
    begun = {seq: at - made[seq] for seq, at in stored(place.database)}
    seen = {seq: at - made[seq] for seq, at in observer.seen.items()}
    counted = range(WARM + 1, count + WARM + 1)
    return {
        "events": count,
        "rate_per_s": rate,
        "stored": len(begun.keys() & set(counted)),
        "began": spread([begun[seq] for seq in counted if seq in begun]),
        "receipt": spread([seen[seq] for seq in counted if seq in seen]),
    }


class Observer:
    """A client that notes when the receipt for a number was first there."""

    def __init__(self, place: Town, clock: SystemClock) -> None:
        self.seen: dict[int, float] = {}
        self._clock = clock
        self._ring = load_ring(place.bench.ring)
        self._client = MqttTransport(
            place.broker.address(WATCHER), clock=clock, randomness=random.Random(1), session_s=0
        )
        self._client.subscribe(pattern(klass="rcpt"))
        self._client.open()
        while not any(isinstance(happening, Subscribed) for happening in self._client.poll(1.0)):
            pass

    def listen(self, *, until: float) -> None:
        """Take receipts until an instant of the monotonic clock."""
        while (left := until - self._clock.monotonic()) > 0:
            for happening in self._client.poll(left):
                if isinstance(happening, Message):
                    self._note(happening)

    def _note(self, message: Message) -> None:
        at = self._clock.now()
        receipt = open_envelope(message.payload, self._ring, topic=message.topic).data
        if isinstance(receipt, ReceiptData):
            for seq in range(len(self.seen) + 1, receipt.cum + 1):
                self.seen[seq] = at


def stored(database: Path) -> list[tuple[int, float]]:
    with closing(sqlite3.connect(database)) as db:
        return db.execute("SELECT seq, stored_at FROM envelope").fetchall()


def spread(seconds: list[float]) -> dict[str, float]:
    ms = [1000 * value for value in seconds]
    return {
        "median_ms": round(median(ms), 1),
        "p99_ms": round(quantiles(ms, n=100)[98], 1),
        "most_ms": round(max(ms), 1),
    }


if __name__ == "__main__":
    main()
