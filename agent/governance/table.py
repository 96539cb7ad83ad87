"""The permission table: every party against every class, comune and type, tried on a real broker.

A party may read a topic when a message of somebody who may write it arrives there; it may write a
topic when its own message arrives at somebody who may read it. Brokers of MQTT 3.1.1 say nothing
about either, so only what arrives counts. All clients are turned in one thread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agent.clock import Clock
from agent.contract.topics import PREFIX, Class, NodeName, Topic
from agent.errors import BrokerAbsent
from agent.governance.rights import EVENT_KINDS, Right, Verb, allowed
from agent.governance.union import PROBE, Union
from agent.transport import Acknowledged, Disconnected, Message, Subscribed, Transport

PATIENCE_S = 20.0
"""A broker that answers nothing for so long does not work."""

QUIET_S = 0.2
"""After the last answer, so long without any message means that all have arrived."""

TURN = 100
"""Messages that one party hands over before it waits for answers."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of the table and what was found there."""

    party: str
    verb: Verb
    topic: str
    expected: bool
    found: bool

    @property
    def wrong(self) -> bool:
        return self.expected != self.found


def topics(union: Union) -> tuple[Topic, ...]:
    """One topic for each comune, class and type of event: of its probe, and of one real node where there is one."""
    return tuple(
        Topic(NodeName(union.id, comune.id, node), klass, kind)
        for comune in union.comuni
        for node in (PROBE, *comune.nodes[:1])
        for klass in Class
        for kind in (EVENT_KINDS if klass is Class.EVT else (PROBE,))
    )


def compared(
    party: str,
    topics: Sequence[Topic],
    rights: Sequence[Right],
    *,
    read: Container[str],
    arrived: Container[tuple[str, str]],
) -> Iterator[Cell]:
    """The rows of one party: what `rights` promise it, against the topics that it read and the (writer, topic) that arrived."""
    own = [right for right in rights if right.party == party]
    for topic in topics:
        name = str(topic)
        yield Cell(party, Verb.READ, name, allowed(own, party, Verb.READ, topic), name in read)
        yield Cell(party, Verb.WRITE, name, allowed(own, party, Verb.WRITE, topic), (party, name) in arrived)


@dataclass
class Trial:
    """One run over all parties; `clients` is full name -> a client with that party's certificate."""

    clients: Mapping[str, Transport]
    topics: Sequence[Topic]
    clock: Clock
    heard: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    """Reader -> (writer, topic) of everything that arrived."""

    def run(self, union: str) -> None:
        """Subscribe everybody to everything, then let everybody write everywhere."""
        for client in self.clients.values():
            client.subscribe("/".join((*PREFIX, union, "#")))
            client.open()
        self._wait_for_sessions()
        for party, client in self.clients.items():
            for start in range(0, len(self.topics), TURN):
                self._write(client, self.topics[start : start + TURN], party.encode("ascii"))

    def cells(self, rights: Sequence[Right]) -> Iterator[Cell]:
        """The table: what `rights` promise against what was found."""
        writers = _writers(self.heard)
        for party in self.clients:
            read = {topic for _, topic in self.heard[party]}
            yield from compared(party, self.topics, rights, read=read, arrived=writers)

    def _write(self, client: Transport, topics: Sequence[Topic], payload: bytes) -> None:
        waiting = {client.publish(str(topic), payload) for topic in topics}
        self._until_answered(client, waiting)
        self._settle()

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
                self.heard[party].add((news.payload.decode("ascii", "replace"), news.topic))
            elif isinstance(news, Acknowledged):
                answered.append(news.mid)
            elif isinstance(news, Disconnected):
                raise BrokerAbsent(f"{party}: {news.why}", hint=news.hint or "see the broker's log")
        return answered

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

    def _wait_for_sessions(self) -> None:
        missing, until = set(self.clients), self.clock.monotonic() + PATIENCE_S
        while missing:
            for party in tuple(missing):
                for news in self.clients[party].poll(0.02):
                    if isinstance(news, Subscribed):
                        missing.discard(party)
                    elif isinstance(news, Disconnected) and news.refused:
                        raise BrokerAbsent(f"{party}: {news.why}", hint=news.hint)
            if missing and self.clock.monotonic() > until:
                raise BrokerAbsent(f"no session for {', '.join(sorted(missing))}", hint="see the broker's log")


def _writers(heard: Mapping[str, set[tuple[str, str]]]) -> set[tuple[str, str]]:
    """(writer, topic) of every message that reached anybody."""
    return {pair for pairs in heard.values() for pair in pairs}
