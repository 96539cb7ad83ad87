"""`piazza console`: the control room's page, on this machine, with the rights of one party."""

from __future__ import annotations

import argparse
import random
import threading
from pathlib import Path

from agent.clock import SystemClock
from agent.commands import party
from agent.commands.errands import carried
from agent.commands.followed import Followed
from agent.commands.in_force import Agreed
from agent.console.app import Desktop, application, new_secret
from agent.console.archive import Archive
from agent.console.desk import Desk
from agent.console.room import Room
from agent.console.sight import Sight
from agent.errors import UserError
from agent.governance import places
from agent.provision.bench import Bench, named
from agent.provision.keys import load_signer
from agent.provision.ring_file import RingFile
from agent.subscriber import Reader
from agent.subscriber.accesses import AccessLog, folder_of
from agent.subscriber.speaker import Speaker
from agent.transport.mqtt import MqttTransport

PORT = 8600
REMEMBER = 32
"""Numbers of a node whose digests the page's reader keeps; the store keeps all of them and tells a second content for good."""
HOST = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder with union.yaml and agreements/")
    party.add_broker_arguments(parser)
    parser.add_argument(
        "--db", default="events.sqlite", metavar="FILE|URI", help="or postgresql://...; default: events.sqlite"
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"of {HOST}, where the page is ({PORT}; 0 for any)")
    parser.add_argument(
        "--log", type=Path, metavar="DIR", help="who looked at what (default: beside an SQLite file; else access)"
    )


def run(options: argparse.Namespace) -> int:
    import uvicorn

    desktop = made(options)
    stop = threading.Event()
    network = threading.Thread(target=_guard, args=[desktop.room, stop], daemon=True)
    listening = uvicorn.Config(application(desktop), host=HOST, port=options.port, log_level="warning", lifespan="off")
    server = uvicorn.Server(listening)
    socket = listening.bind_socket()
    print(f"open http://{HOST}:{socket.getsockname()[1]}/?key={desktop.secret}", flush=True)
    network.start()
    try:
        server.run([socket])
    finally:
        stop.set()
        network.join(5.0)
        desktop.archive.close()
    return 0


def made(options: argparse.Namespace) -> Desktop:
    """Everything that the page stands on; UserError where a part is missing."""
    clock, name = (
        SystemClock(),
        named(options.name) if options.name else party.signer_name(options, "operator"),
    )
    agreed = Agreed.load(options.folder)
    whole = agreed.union
    sight = Sight(whole, agreed.agreements, str(name))
    documents = Followed(options.folder, lambda now: sight.follow(now.union, now.agreements))
    if not sight.role:
        raise UserError(f"{options.folder}: nobody there is called '{name}'", hint="add a party or an agreement for it")
    ring_file = party.ring_file(options)
    ring = ring_file.ring
    archive = Archive(options.db, ring, sight)
    desk = Desk(sight, began=clock.now())
    desk.restore(archive.open_events(at=clock.now()))
    address = party.address(options, str(name))
    transport = carried(
        MqttTransport(address, clock=clock, randomness=random.SystemRandom(), client_id=name.node, session_s=0),
        address,
        clock=clock,
    )
    partial = sight.role != "operator"
    signer = load_signer(Bench(options.keys).signing_key(str(name)))
    reader = Reader(ring, partial=partial, remember=REMEMBER)
    room = Room(
        transport, reader, desk, Speaker(name, signer, clock=clock), clock, look=lambda now: _look(now, ring_file, documents),
        past=lambda since: archive.since(since, at=clock.now()),
    )  # fmt: skip
    log = AccessLog(options.log or folder_of(options.db), name, signer, clock)
    return Desktop(room, archive, log, clock, new_secret(), places.load(options.folder, whole))


def _look(monotonic: float, ring_file: RingFile, documents: Followed) -> None:
    ring_file.look(monotonic)
    documents.look(monotonic)


def _guard(room: Room, stop: threading.Event) -> None:
    """A fault of the network's thread ends the process: a page that looks alive and hears nothing would be worse."""
    import os
    import traceback

    try:
        room.run(stop.is_set)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
