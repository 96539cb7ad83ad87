"""The permission table on brokers that judge a subscription when it is made and hang up on whoever oversteps.

NATS refuses a subscription and swallows a forbidden message; RabbitMQ ends the session for either. So each topic is
tried alone: a party may read what it was let subscribe to, and may write what then arrives at somebody. Filters that are
wider than any right, of a group and of the broker's own topics among them, must be refused whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agent.clock import Clock
from agent.contract.topics import Topic
from agent.errors import BrokerAbsent
from agent.governance.rights import Right, Verb, allowed
from agent.governance.table import PATIENCE_S, QUIET_S, Cell, Way, compared, of_anybody
from agent.transport import Acknowledged, Connected, Disconnected, Happening, Message, Subscribed, Transport


@dataclass
class StrictTrial:
    """One run over `parties`; `client` makes a fresh one with the certificate of a party."""

    parties: Sequence[str]
    topics: Sequence[Topic]
    client: Callable[[str], Transport]
    clock: Clock
    wide: Sequence[str] = ()
    """Filters that are beyond everybody's rights."""
    retain: bool = False
    """Whether what is written stays, for who comes afterwards: on a broker that nobody uses."""
    kept: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Party -> topics of which something was there when it came afterwards."""
    readable: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    arrived: set[tuple[str, str]] = field(default_factory=set)
    """(writer, topic) of everything that reached anybody."""
    _open: dict[str, Transport] = field(default_factory=dict)

    def run(self) -> None:
        """Try every subscription, then every message; nothing stays open."""
        try:
            for party in self.parties:
                self._subscribe(party)
            for party in self.parties:
                self._restart(party)
            for party in self.parties:
                self._write(party)
            self._settle()
            if self.retain:
                self._come_afterwards()
        finally:
            for client in self._open.values():
                client.close()

    def cells(self, rights: Sequence[Right]) -> Iterator[Cell]:
        """The table: what `rights` promise against what was found."""
        spoken, audible = (of_anybody(verb, self.parties, self.topics, rights) for verb in (Verb.WRITE, Verb.READ))
        for party in self.parties:
            yield from compared(
                party, self.topics, rights, read=self.readable[party], arrived=self.arrived, audible=audible
            )
            for topic in self.topics if self.retain else ():
                is_there = str(topic) in spoken and allowed(rights, party, Verb.READ, topic)
                found = str(topic) in self.kept[party]
                yield Cell(party, Verb.READ, str(topic), is_there, found, way=Way.RETAINED)
            for one in self.wide:
                yield Cell(party, Verb.READ, one, expected=False, found=one in self.readable[party], way=Way.WIDE)

    def _subscribe(self, party: str) -> None:
        """Find out what a party may subscribe to; a refusal costs the session, and the next one is a new one."""
        client: Transport | None = None
        for topic in (*map(str, self.topics), *self.wide):
            if client is None:
                client = self._connected(party, ())
            client.subscribe(topic)
            if self._answer(client, party, Subscribed(topic)):
                self.readable[party].append(topic)
            else:
                client.close()
                client = None
        if client is not None:
            client.close()

    def _write(self, party: str) -> None:
        for topic in map(str, self.topics):
            mid = self._open[party].publish(topic, party.encode("ascii"), retain=self.retain)
            client = self._open[party]
            if not self._answer(client, party, Acknowledged(mid)):
                self._restart(party)
            self._turn(other for other in self.parties if other != party)

    def _come_afterwards(self) -> None:
        """Everybody leaves and comes again: what is there then comes marked as retained."""
        for party in self.parties:
            self._restart(party)
        self._settle()

    def _restart(self, party: str) -> None:
        if party in self._open:
            self._open[party].close()
        self._open[party] = self._connected(party, self.readable[party])

    def _connected(self, party: str, topics: Iterable[str]) -> Transport:
        """A session that stands, with these subscriptions made."""
        client, waiting = self.client(party), {Subscribed(topic) for topic in topics}
        for one in waiting:
            client.subscribe(one.pattern)
        client.open()
        until, stands = self.clock.monotonic() + 3 * PATIENCE_S, False
        while waiting or not stands:
            for news in client.poll(0.05):
                self._hear(party, news)
                stands = (stands or isinstance(news, Connected)) and not isinstance(news, Disconnected)
                if isinstance(news, Subscribed):
                    waiting.discard(news)
            if self.clock.monotonic() > until:
                client.close()
                raise BrokerAbsent(f"no session for {party}", hint="see the broker's log")
        return client

    def _answer(self, client: Transport, party: str, yes: Subscribed | Acknowledged) -> bool:
        """Whether the broker said yes; no is the end of the session."""
        until = self.clock.monotonic() + PATIENCE_S
        while self.clock.monotonic() < until:
            said = client.poll(0.05)
            for news in said:
                self._hear(party, news)
            if yes in said:
                return True
            if any(isinstance(news, Disconnected) for news in said):
                return False
        raise BrokerAbsent(f"the broker leaves {party} without an answer", hint="see the broker's log")

    def _settle(self) -> None:
        """Turn until nothing has come for a while."""
        quiet_since, before = self.clock.monotonic(), -1
        while self.clock.monotonic() - quiet_since < QUIET_S:
            self._turn(self.parties)
            heard = len(self.arrived) + sum(map(len, self.kept.values()))
            if heard != before:
                quiet_since, before = self.clock.monotonic(), heard
            self.clock.sleep(0.01)

    def _turn(self, parties: Iterable[str]) -> None:
        for party in parties:
            for news in self._open[party].poll(0.0):
                self._hear(party, news)

    def _hear(self, party: str, news: Happening) -> None:
        if isinstance(news, Message):
            self.arrived.add((news.payload.decode("ascii", "replace"), news.topic))
            if news.retained:
                self.kept[party].add(news.topic)
