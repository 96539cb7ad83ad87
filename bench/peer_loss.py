"""What is lost by whom under the same faults: Piazza, paho with its own queue, and trust in mosquitto's persistence.

Each way has the same events to hand over, the same mosquitto with the queue and persistence that it has by
default (1000 messages a client, saved every half hour), the same store with a kept session, and the same faults:

    sender      the process that publishes is killed (-9) five times while events come
    network     its connection is reset five times
    broker      mosquitto is killed while the store is away, and started again
    overflow    the store is away for 1500 events

`piazza` deletes on the store's receipt. `puback` is the same link with `delete_on: puback`: it believes the
broker's acknowledgement. `paho` publishes at QoS 1 from paho's own queue in memory and goes on behind the
last event that it handed to it. Lost is what the store lacks 15 s after everything is well again.
"""

from __future__ import annotations

import argparse
import logging
import random
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.clock import SystemClock
from agent.transport import Address
from agent.uplink.outbox import OutboxReader
from bench.machine import show
from tests.brokers.town import NODE
from tests.faults.tools.plant import Plant, plant
from tests.faults.tools.proxy import Proxy

DEFAULTS = "max_queued_messages 1000"
TIMES = 5
SETTLE_S = 15.0
POSITION = "position"
Fault = Callable[[Plant, "Way", Proxy], None]


class Way:
    """One way of getting events to a store: how its sender is started and killed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def start(self, one: Plant, proxy: Proxy) -> None:
        if self.name == "paho":
            address = replace(one.town.broker.address(str(NODE), keepalive_s=5), port=proxy.port)
            one.start("paho", paho, (address, str(one.town.state)))
        else:
            one.town.uplink["delete_on"] = "puback" if self.name == "puback" else "receipt"
            one.start_link()

    def kill(self, one: Plant) -> None:
        one.kill("paho" if self.name == "paho" else "link")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    figures: dict[str, Any] = {"seed": options.seed}
    for name, fault in FAULTS.items():
        for way in ("piazza", "puback", "paho"):
            figures[f"{name}, {way}"] = lost(Way(way), fault, seed=options.seed)
    show(figures, as_json=options.json)


def lost(way: Way, fault: Fault, *, seed: int) -> dict[str, int]:
    """Events that were to be handed over, and what the store lacks of them in the end."""
    random.seed(seed)
    with ExitStack() as stack:
        proxies: list[Proxy] = []

        def through(port: int) -> int:
            proxies.append(stack.enter_context(Proxy(port)))
            return proxies[0].port

        one = stack.enter_context(plant(through=through, broker=DEFAULTS))
        one.start_store()
        way.start(one, proxies[0])
        one.put(20)
        one.settle(still_s=SETTLE_S)
        fault(one, way, proxies[0])
        return {"events": one.put_so_far, "lost": one.settle(still_s=SETTLE_S)}


def sender_killed(one: Plant, way: Way, proxy: Proxy) -> None:
    for _ in range(TIMES):
        one.put(60)
        one.work(random.uniform(0.05, 0.5))
        way.kill(one)
        way.start(one, proxy)
    one.put(10)


def network_reset(one: Plant, _way: Way, proxy: Proxy) -> None:
    for _ in range(TIMES):
        one.put(60)
        one.work(random.uniform(0.05, 0.5))
        proxy.cut(reset=True)


def broker_killed(one: Plant, _way: Way, _proxy: Proxy) -> None:
    one.kill("store")
    one.put(300)
    one.work(3.0)
    one.town.broker.kill()
    one.town.broker.start()
    one.start_store()
    one.put(10)


def queue_overflows(one: Plant, _way: Way, _proxy: Proxy) -> None:
    one.kill("store")
    one.put(1500)
    one.work(5.0)
    one.start_store()
    one.put(10)


FAULTS: dict[str, Fault] = {
    "sender": sender_killed,
    "network": network_reset,
    "broker": broker_killed,
    "overflow": queue_overflows,
}


def paho(address: Address, state: str) -> None:
    """A program that trusts paho's queue: what it has handed over it does not look at again."""
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.tls_set(address.ca, address.certificate, address.key)
    client.reconnect_delay_set(1, 2)
    client.connect(address.host, address.port, keepalive=address.keepalive_s)
    client.loop_start()
    reader, position, clock = OutboxReader(Path(state) / "outbox.sqlite"), Path(state) / POSITION, SystemClock()
    done = int(position.read_text()) if position.exists() else 0
    while True:
        for row in reader.after(done, limit=100):
            client.publish(row.topic, row.token, qos=1)
            done = row.seq
            position.write_text(str(done))
        clock.sleep(0.01)


if __name__ == "__main__":
    main()
