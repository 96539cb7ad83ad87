"""The permission table: every party against every class, comune and type, tried on a real broker.

A party may read a topic when a message of somebody who may write it arrives there; it may write a
topic when its own message arrives at somebody who may read it. Brokers of MQTT 3.1.1 say nothing
about either, so only what arrives counts: everybody subscribes to everything, `$SYS` too, alone or
with a shared subscription, as the messages come or afterwards to what is retained. All clients are
turned in one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from agent.clock import Clock
from agent.contract.topics import ACCESS, ITSELF, OF_CERTIFICATES, Class, NodeName, Topic
from agent.errors import BrokerAbsent
from agent.governance.lists import user
from agent.governance.rights import EVENT_KINDS, EVERY_NODE, Right, Verb, allowed
from agent.governance.union import PROBE, Union
from agent.transport import Acknowledged, Disconnected, Message, Subscribed, Transport

PATIENCE_S = 20.0
"""A broker that answers nothing for so long does not work."""

QUIET_S = 1.0
"""After the last answer, so long without any message means that all have arrived."""

TURN = 100
"""Messages that one party hands over before it waits for answers."""


ELSEWHERE = "elsewhere"
"""A union in which nobody has a right."""


class Way(StrEnum):
    """How a cell was tried."""

    PLAIN = "plain"
    SHARED = "shared"
    """With `$share/GROUP/#`, a group for each party."""
    RETAINED = "retained"
    """By who subscribes only when all has been said."""
    WILL = "will"
    """Written by a broker for a party that was lost."""
    WIDE = "wide"
    """Subscribed to with a filter beyond every right, where brokers judge filters."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of the table and what was found there."""

    party: str
    verb: Verb
    topic: str
    expected: bool
    found: bool
    way: Way = Way.PLAIN

    @property
    def wrong(self) -> bool:
        return self.expected != self.found


def topics(union: Union) -> tuple[Topic, ...]:
    """One topic for each comune, class and type that a right can tell apart, of its probe and of one real node where there is one.

    Also everything at the seat, a party of each role there, what is published for every node of a comune, and another union.
    """
    return tuple(
        Topic(NodeName(union.id, comune.id, node), klass, kind)
        for comune in union.comuni
        for node in (PROBE, *comune.nodes[:1])
        for klass in Class
        for kind in _kinds(union, klass)
    ) + tuple(_beyond(union))


def _kinds(union: Union, klass: Class) -> tuple[str, ...]:
    """Types of a class that differ in who may read them: events by their kind, results by whether a node or a store gives them."""
    stores = (party.id for party in union.parties if party.role == "store")
    own = {Class.EVT: EVENT_KINDS, Class.RES: (PROBE, ITSELF, *stores)}
    return own.get(klass, (PROBE,))


def _beyond(union: Union) -> Iterator[Topic]:
    for place in (NodeName(union.id, union.seat, PROBE), NodeName(ELSEWHERE, union.comuni[0].id, PROBE)):
        yield from (Topic(place, klass, PROBE) for klass in Class)
        yield Topic(place, Class.AUDIT, ACCESS)
    for party in {one.role: one for one in union.parties}.values():
        yield from (Topic(NodeName(union.id, union.seat, party.id), klass, PROBE) for klass in OF_CERTIFICATES)
    for comune in union.comuni:
        yield Topic(NodeName(union.id, comune.id, EVERY_NODE), Class.OTA, PROBE)
        yield Topic(NodeName(union.id, comune.id, PROBE), Class.AUDIT, ACCESS)


def wide(union: Union) -> tuple[str, ...]:
    """Filters that cover more than anybody's rights."""
    comune = union.comuni[0].id
    return (
        "#",
        "$SYS/#",
        f"piazza/v1/{union.id}/#",
        *(f"piazza/v1/{union.id}/+/+/{klass}/+" for klass in Class),
        f"piazza/v1/+/{comune}/+/evt/+",
        f"$share/group/piazza/v1/{union.id}/+/+/evt/+",
        "$MQTT/#",
        "$JS/#",
    )


def compared(
    party: str,
    topics: Sequence[Topic],
    rights: Sequence[Right],
    *,
    read: Container[str],
    arrived: Container[tuple[str, str]],
    audible: Container[str],
    spoken: Container[str] | None = None,
) -> Iterator[Cell]:
    """The rows of one party: what `rights` promise it, against the topics that it read and the (writer, topic) that arrived.

    A right to write shows only on topics that are `audible`, which somebody may read; `spoken` are those on which
    somebody may say anything, where a right to read shows by what arrives alone.
    """
    own = [right for right in rights if right.party == party]
    for topic in topics:
        name = str(topic)
        is_heard = allowed(own, party, Verb.READ, topic) and (spoken is None or name in spoken)
        yield Cell(party, Verb.READ, name, is_heard, name in read)
        is_said = allowed(own, party, Verb.WRITE, topic) and name in audible
        yield Cell(party, Verb.WRITE, name, is_said, (party, name) in arrived)


def of_anybody(verb: Verb, parties: Container[str], topics: Sequence[Topic], rights: Sequence[Right]) -> set[str]:
    """The topics that any of these parties may read, or write."""
    some = [right for right in rights if right.verb is verb and right.party in parties]
    return {str(topic) for topic in topics if any(right.covers(topic) for right in some)}


@dataclass
class Trial:
    """One run over all parties; `client` makes a fresh one with the certificate of a party.

    What `retain` leaves at the broker stays there, so it is for a broker that nobody uses.
    """

    parties: Sequence[str]
    topics: Sequence[Topic]
    client: Callable[[str], Transport]
    clock: Clock
    retain: bool = False
    heard: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """Reader -> (writer, topic) of everything that arrived."""
    clients: dict[str, Transport] = field(default_factory=dict)

    def run(self, rights: Sequence[Right], way: Way = Way.PLAIN) -> list[Cell]:
        """The table of one way: subscribe everybody to everything, let everybody write everywhere, and compare."""
        self.heard = {party: set() for party in self.parties}
        self.clients = {party: self.client(party) for party in self.parties}
        try:
            self._subscribe(way)
            if way is not Way.RETAINED:
                for party, client in self.clients.items():
                    for start in range(0, len(self.topics), TURN):
                        self._write(client, self.topics[start : start + TURN], party.encode("ascii"))
            self._settle()
        finally:
            for client in self.clients.values():
                client.close()
        spoken, audible = (of_anybody(verb, self.clients, self.topics, rights) for verb in (Verb.WRITE, Verb.READ))
        return [cell for party in self.parties for cell in self._cells(party, rights, way, (spoken, audible))]

    def _subscribe(self, way: Way) -> None:
        for party, client in self.clients.items():
            for pattern in (f"$share/{user(party)}/#",) if way is Way.SHARED else ("#", "$SYS/#"):
                client.subscribe(pattern)
            client.open()
        self._wait_for_sessions(1 if way is Way.SHARED else 2)

    def _cells(
        self, party: str, rights: Sequence[Right], way: Way, known: tuple[Container[str], Container[str]]
    ) -> Iterator[Cell]:
        """The rows of one party, and whatever it heard that is in no row."""
        writers = {pair for pairs in self.heard.values() for pair in pairs}
        read = {topic for _, topic in self.heard[party]}
        spoken, audible = known
        for cell in compared(party, self.topics, rights, read=read, arrived=writers, audible=audible, spoken=spoken):
            if way is not Way.RETAINED or cell.verb is Verb.READ:
                yield replace(cell, way=way)
        for topic in sorted(read - {str(topic) for topic in self.topics}):
            yield Cell(party, Verb.READ, topic, expected=False, found=True, way=way)

    def _write(self, client: Transport, topics: Sequence[Topic], payload: bytes) -> None:
        waiting = {client.publish(str(topic), payload, retain=self.retain) for topic in topics}
        self._until_answered(client, waiting)

    def _until_answered(self, client: Transport, waiting: set[int]) -> None:
        until = self.clock.monotonic() + PATIENCE_S
        while waiting:
            for party, other in self.clients.items():
                for answer in self._turn(party, other):
                    if other is client:
                        waiting.discard(answer)
            if self.clock.monotonic() > until:
                raise BrokerAbsent(
                    f"the broker left {len(waiting)} messages of a party unanswered", hint="see the broker's log"
                )

    def _turn(self, party: str, client: Transport) -> list[int]:
        """Take what came for one party; ids of its own messages that were answered."""
        answered = []
        for news in client.poll(0.0):
            if isinstance(news, Message):
                self._hear(party, news)
            elif isinstance(news, Acknowledged):
                answered.append(news.mid)
            elif isinstance(news, Disconnected):
                raise BrokerAbsent(f"{party}: {news.why}", hint=news.hint or "see the broker's log")
        return answered

    def _hear(self, party: str, news: Message) -> None:
        self.heard[party].add((news.payload.decode("ascii", "replace"), news.topic))

    def _settle(self) -> None:
        """Turn until nothing has come for a while."""
        quiet_since = self.clock.monotonic()
        while self.clock.monotonic() - quiet_since < QUIET_S:
            before = sum(len(heard) for heard in self.heard.values())
            for party, client in self.clients.items():
                self._turn(party, client)
            if sum(len(heard) for heard in self.heard.values()) != before:
                quiet_since = self.clock.monotonic()
            self.clock.sleep(0.01)

    def _wait_for_sessions(self, subscriptions: int) -> None:
        missing = dict.fromkeys(self.clients, subscriptions)
        until = self.clock.monotonic() + PATIENCE_S
        while missing:
            for party in tuple(missing):
                for news in self.clients[party].poll(0.02):
                    if isinstance(news, Message):
                        self._hear(party, news)
                    elif isinstance(news, Subscribed):
                        missing[party] -= 1
                        if not missing[party]:
                            del missing[party]
                    elif isinstance(news, Disconnected) and news.refused:
                        raise BrokerAbsent(f"{party}: {news.why}", hint=news.hint)
            if missing and self.clock.monotonic() > until:
                raise BrokerAbsent(f"no session for {', '.join(sorted(missing))}", hint="see the broker's log")
