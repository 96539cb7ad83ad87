"""A console without a network: simulated nodes, a store's database, and one operator's view of both."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from agent.clock import SimulatedClock
from agent.console.app import Desktop
from agent.console.archive import Archive
from agent.console.desk import Desk
from agent.console.room import Room
from agent.console.sight import Sight
from agent.contract.envelope import open_envelope
from agent.contract.jws import Key, KeyRing, Signer
from agent.contract.times import seconds
from agent.contract.topics import NodeName
from agent.simulation import stage
from agent.simulation.nodes import Outgoing, SimulatedNode
from agent.simulation.script import records
from agent.simulation.stage import POLICE, ROOM, Town
from agent.subscriber import Reader
from agent.subscriber.accesses import AccessLog, folder_of
from agent.subscriber.holding import Item
from agent.subscriber.reader import News
from agent.subscriber.speaker import Speaker
from agent.subscriber.tables import Where, open_store
from agent.transport import Message
from agent.transport.memory import MemoryBroker

NOON = seconds("2026-06-02T12:00:00.000Z")
DAY_S = 86_400.0


def signer(name: str) -> Signer:
    """Always the same key for the same name."""
    return Signer(random.Random(name).randbytes(32))


@dataclass
class Place:
    """A union of eight nodes whose story was told until noon."""

    town: Town
    nodes: list[SimulatedNode]
    ring: KeyRing
    database: Path
    told: list[Outgoing]
    server: str = ""
    """A database in place of the file."""

    @property
    def where(self) -> Where:
        return self.server or self.database

    def sight(self, party: str = ROOM) -> Sight:
        return Sight(self.town.union, self.town.agreements, party)

    def archive(self, party: str = ROOM) -> Archive:
        return Archive(self.where, self.ring, self.sight(party))

    def desk(self, party: str = ROOM) -> Desk:
        return Desk(self.sight(party))

    def news(self, outgoing: Outgoing, reader: Reader | None = None) -> News:
        return (reader or Reader(self.ring)).read(Message(outgoing.topic, outgoing.token))

    def desktop(self, party: str = ROOM, broker: MemoryBroker | None = None) -> Desktop:
        clock = SimulatedClock(NOON)
        transport = (broker or MemoryBroker(clock)).transport(party.replace("/", "."))
        speaker = Speaker(NodeName.parse(party), signer(party), clock=clock)
        desk = self.desk(party)
        archive = self.archive(party)
        desk.restore(archive.open_events(at=NOON))
        room = Room(
            transport, Reader(self.ring), desk, speaker, clock, past=lambda since: archive.since(since, at=NOON)
        )
        log = AccessLog(folder_of(self.database), NodeName.parse(party), signer(party), clock)
        return Desktop(room, archive, log, clock, "open sesame")


def place(folder: Path, *, days: float = 1.0, server: str = "") -> Place:
    """Told and stored, in a file of the folder or in another database."""
    town = stage.write(folder, nodes=8, seed=1, at=NOON, broken_at=NOON)
    ring = KeyRing()
    nodes = []
    for spot in town.spots:
        own = signer(str(spot.name))
        ring.add(Key(own.kid, own.public, "node", str(spot.name)))
        nodes.append(SimulatedNode(spot.name, own, SimulatedClock(NOON - days * DAY_S)))
    for party, role in ((ROOM, "operator"), (POLICE, "police")):
        own = signer(party)
        ring.add(Key(own.kid, own.public, role, party))
    told = [
        outgoing
        for spot, node in zip(town.spots, nodes, strict=True)
        for record in records(town.story, spot, NOON - days * DAY_S, NOON)
        for outgoing in node.seal(record)
    ]
    database = folder / "events.sqlite"
    store = open_store(server or database)
    store.commit([Item(open_envelope(one.token, ring), one.token.decode()) for one in told], at=NOON)
    store.close()
    return Place(town, nodes, ring, database, told, server)
