"""`piazza store`: keeps a union's envelopes in SQLite or PostgreSQL and signs receipts, so that nodes may delete.

Ends with 2 when the broker never lets it in; a broker that was there and is gone is waited for.
"""

from __future__ import annotations

import argparse
import logging
import random
import threading
from dataclasses import asdict, replace
from pathlib import Path

from agent import logs
from agent.clock import Clock, SystemClock
from agent.commands import party
from agent.commands.errands import carried
from agent.commands.readers import Readers, by_role
from agent.contract.topics import ACCESS, Class, NodeName, pattern
from agent.errors import UserError
from agent.notify import Notify, Pulse, on_end
from agent.provision.bench import Bench
from agent.provision.keys import load_signer
from agent.subscriber.accesses import AccessLog, Carrier, folder_of
from agent.subscriber.gaps import Answers
from agent.subscriber.holding import EventStore
from agent.subscriber.keeper import Keeper
from agent.subscriber.receipts import Receipts
from agent.subscriber.tables import is_server, open_store
from agent.transport import Transport
from agent.transport.grouped import GroupedTransport
from agent.transport.jetstream import Group
from agent.transport.mqtt import MqttTransport

log = logging.getLogger(__name__)

SESSION_S = 7 * 86_400
"""A store that is away for a week misses nothing that the broker has room for; the nodes keep all anyway.

One of a group leaves no session behind: what waited in it would wait for its return, not go to the others.
"""

DATABASE = "database"
NATS, NATS_PORT = "nats://", 4222


def add_arguments(parser: argparse.ArgumentParser) -> None:
    party.add_broker_arguments(parser)
    parser.add_argument(
        "--db", default="events.sqlite", metavar="FILE|URI", help="or postgresql://...; default: events.sqlite"
    )
    parser.add_argument(
        "--comune",
        action="append",
        metavar="NAME",
        help="only this one, may be given again (default: all of the union)",
    )
    parser.add_argument(
        "--share", default="", metavar="GROUP", help="share the work with other stores of this group (PostgreSQL only)"
    )
    parser.add_argument(
        "--access",
        type=Path,
        action="append",
        metavar="DIR",
        help="records of who looked at what, may be given again (default: beside an SQLite file; else access)",
    )
    parser.add_argument(
        "--from",
        dest="source",
        default="",
        metavar="nats://HOST[:PORT]",
        help="have the group's work dealt out by JetStream, where the broker is NATS with its MQTT gateway",
    )

    parser.add_argument(
        "--union",
        type=Path,
        metavar="DIR",
        help="who asks for numbers again gets what the union.yaml and agreements/ in DIR let them read (default: what their role reads)",
    )


def run(options: argparse.Namespace) -> int:
    logs.start()
    name, clock = party.signer_name(options, "store"), SystemClock()
    signer = load_signer(Bench(options.keys).signing_key(str(name)))
    store = _opened(options)
    transport = _transport(options, name, clock)
    receipts = Receipts(name, signer, clock=clock)
    ring_file = party.ring_file(options)
    ring = ring_file.ring
    folders = options.access or [folder_of(options.db)]
    accesses = AccessLog(folders[0], name, signer, clock)
    readers = Readers(options.union) if options.union else None
    sees = readers.sees if readers else by_role
    answers = Answers(name, signer, ring, store.tokens, clock=clock, sees=sees, sign=accesses.write)
    keeper = Keeper(
        transport, ring, store, receipts, union=name.union, clock=clock, comuni=options.comune or ["+"],
        group=options.share, answers=answers,
    )  # fmt: skip
    if options.comune:
        transport.subscribe(pattern(name.union, name.comune, klass=Class.AUDIT, kind=ACCESS))
    carrier = Carrier(folders, ring, store.held)
    stop = threading.Event()
    on_end(stop.set)
    pulse = Pulse.of(Notify.of_service(), [DATABASE])
    pulse.notify.ready("keeping events")
    log.info("keeping events", extra={"union": name.union})

    def beat() -> None:
        pulse.beat(DATABASE, clock.monotonic())
        ring_file.look(clock.monotonic())
        if readers:
            readers.look(clock.monotonic())
        for topic, token in carrier.waiting(at=clock.monotonic()):
            transport.publish(topic, token)

    try:
        keeper.run(stop.is_set, beat=beat)
    finally:
        store.close()
        log.info("store has ended", extra=asdict(keeper.tally))
    return 0


def _transport(options: argparse.Namespace, name: NodeName, clock: Clock) -> Transport:
    """MQTT, and the consumer group beside it that `--from` names."""
    if options.source and not options.share:
        raise UserError(f"--from {options.source}: a consumer group has a name", hint="give --share GROUP")
    address, randomness = party.address(options, str(name)), random.SystemRandom()
    mqtt = carried(
        MqttTransport(
            address,
            clock=clock,
            randomness=randomness,
            client_id=name.node,
            session_s=0 if options.share else SESSION_S,
        ),
        address,
        clock=clock,
    )
    if not options.source:
        return mqtt
    if not options.source.startswith(NATS):
        raise UserError(f"--from {options.source}: not a NATS server", hint="such as nats://broker.example")
    host, port = party.host_and_port(options.source.removeprefix(NATS), default=NATS_PORT)
    return GroupedTransport(mqtt, Group(replace(address, host=host, port=port), clock=clock, randomness=randomness))


def _opened(options: argparse.Namespace) -> EventStore:
    """The database that `--db` names; only a server can be written by several stores."""
    if options.share and not is_server(options.db):
        raise UserError(
            f"--share {options.share}: stores that share their work need one database",
            hint="give --db postgresql://...",
        )
    return open_store(options.db)
