"""The authority as a server for new nodes and as a party of the broker for everybody else, in one loop."""

from __future__ import annotations

import argparse
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from agent.clock import Clock, SystemClock
from agent.commands import party
from agent.commands.broker_place import terms
from agent.commands.in_force import Agreed
from agent.contract.certificates import Wish
from agent.contract.topics import NodeName
from agent.errors import UserError
from agent.governance import union
from agent.provision.counter import Counter
from agent.provision.enrol import Answer, Word
from agent.provision.enrol_desk import Desk
from agent.provision.enrol_server import EnrolServer
from agent.provision.renewal import RenewalDesk
from agent.transport.mqtt import MqttTransport

SESSION_S = 3600
"""A question outlives a restart of ours, as long as its own expiry lets it."""

TURN_S = 0.2
_NODES_ALONE = Answer(Word.REFUSED, "this authority renews for nodes alone: it was not told the union")


def serve(server: EnrolServer, counter: Counter | None, *, stopped: Callable[[], bool], clock: Clock) -> None:
    """Until stopped; the server's own `timeout` is 0, so that neither waits for the other."""
    if counter is not None:
        counter.open()
    while not stopped():
        if counter is not None:
            counter.turn(TURN_S)
        else:
            clock.sleep(TURN_S)
        server.handle_request()
    if counter is not None:
        counter.close()


def counter(options: argparse.Namespace, desk: Desk, clock: SystemClock, alone: threading.Lock) -> Counter:
    """The desk as the party of the union that has the role `authority`."""
    name = options.name or _only_one(options.union)
    transport = MqttTransport(
        party.address(options, name),
        clock=clock,
        randomness=random.SystemRandom(),
        client_id=name.replace("/", "."),
        session_s=SESSION_S,
    )
    parties = RenewalDesk(desk.bench, lambda: _named(options.union, clock.now()))

    def asked(who: str, wish: Wish) -> Answer:
        return parties.take(who, wish, at=clock.now()) if options.union else _NODES_ALONE

    return Counter(
        transport, desk.bench, node=lambda petition: desk.renew(petition, at=clock.now()), party=asked,
        places=lambda: _places(options.union, desk), clock=clock, alone=alone,
    )  # fmt: skip


def _named(folder: Path, at: float) -> Mapping[str, float]:
    """Everybody whom the union or an agreement names at the moment they ask, and for how many days."""
    agreed = Agreed.load(folder)
    return {name: days for name, (_, days) in terms(agreed.union, agreed.agreements, at).items()}


def _places(folder: Path | None, desk: Desk) -> Iterator[tuple[str, str]]:
    """From where somebody may ask: the comuni of the union and its seat, or those of the nodes that have enrolled."""
    if folder is None:
        names = [NodeName.parse(entry.name) for entry in desk.entries()]
        yield from ((name.union, name.comune) for name in names)
        return
    whole = union.load(folder / "union.yaml")
    yield from ((whole.id, place) for place in (whole.seat, *(comune.id for comune in whole.comuni)))


def _only_one(folder: Path | None) -> str:
    whole = union.load(folder / "union.yaml") if folder else None
    names = [whole.full_name(one.id) for one in whole.parties if one.role == "authority"] if whole else []
    if len(names) != 1:
        raise UserError(
            f"{folder or '--broker'}: one party with the role 'authority' is needed, found: {', '.join(names) or 'none'}",
            hint="add `{ id: authority, role: authority }` to union.yaml and give it a certificate, or say --name",
        )
    return names[0]
