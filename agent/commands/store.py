"""`piazza store`: keeps a union's envelopes in SQLite and signs receipts, so that nodes may delete.

Ends with 2 when the broker never lets it in; a broker that was there and is gone is waited for.
"""

from __future__ import annotations

import argparse
import logging
import random
import signal
import threading
from dataclasses import asdict
from pathlib import Path

from agent import logs
from agent.clock import SystemClock
from agent.commands import party
from agent.notify import Notify, Pulse
from agent.provision.bench import Bench
from agent.provision.keys import load_signer
from agent.subscriber.keeper import Keeper
from agent.subscriber.receipts import Receipts
from agent.subscriber.store import Store
from agent.transport.mqtt import MqttTransport

log = logging.getLogger(__name__)

SESSION_S = 7 * 86_400
"""A store that is away for a week misses nothing that the broker has room for; the nodes keep all anyway."""

DATABASE = "database"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    party.add_broker_arguments(parser)
    parser.add_argument("--db", type=Path, default=Path("events.sqlite"), help="default: events.sqlite")


def run(options: argparse.Namespace) -> int:
    logs.start()
    name, clock = party.signer_name(options, "store"), SystemClock()
    signer = load_signer(Bench(options.keys).signing_key(str(name)))
    transport = MqttTransport(
        party.address(options, str(name)),
        clock=clock,
        randomness=random.SystemRandom(),
        client_id=name.node,
        session_s=SESSION_S,
    )
    store = Store(options.db)
    receipts = Receipts(name, signer, clock=clock)
    keeper = Keeper(transport, party.ring(options), store, receipts, union=name.union, clock=clock)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    pulse = Pulse.of(Notify.of_service(), [DATABASE])
    pulse.notify.ready("keeping events")
    try:
        keeper.run(stop.is_set, beat=lambda: pulse.beat(DATABASE, clock.monotonic()))
    finally:
        store.close()
        log.info("store has ended", extra=asdict(keeper.tally))
    return 0
