"""Wills in the permission table: what a broker says for a party that was lost must be what the party might have said itself.

A will is handed over when a session begins, so every topic costs a session. Somebody listens who may read everything;
a broker may refuse the session or swallow the will, both are a no.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from agent.clock import Clock
from agent.contract.topics import Topic
from agent.errors import BrokerAbsent
from agent.governance.rights import Right, Verb, allowed
from agent.governance.table import PATIENCE_S, QUIET_S, Cell, Way
from agent.transport import Connected, Disconnected, Message, Subscribed, Transport, Will


@dataclass
class WillTrial:
    """One run; `client` makes one with the certificate of a party and a will, `listener` is of who may read everything."""

    parties: Sequence[str]
    topics: Sequence[Topic]
    client: Callable[[str, Will], Transport]
    listener: Transport
    clock: Clock
    said: set[tuple[str, str]] = field(default_factory=set)
    """(party, topic) of every will that was said."""

    def run(self, rights: Sequence[Right]) -> list[Cell]:
        """Lose every party once for each topic."""
        try:
            self._listen()
            for party in self.parties:
                for topic in map(str, self.topics):
                    self._lose(party, topic)
            self._settle()
        finally:
            self.listener.close()
        return list(self._cells(rights))

    def _cells(self, rights: Sequence[Right]) -> Iterator[Cell]:
        for party in self.parties:
            for topic in self.topics:
                found = (party, str(topic)) in self.said
                yield Cell(party, Verb.WRITE, str(topic), allowed(rights, party, Verb.WRITE, topic), found, Way.WILL)

    def _listen(self) -> None:
        for topic in dict.fromkeys(map(str, self.topics)):
            self.listener.subscribe(topic)
        self.listener.open()
        waiting, until = set(map(str, self.topics)), self.clock.monotonic() + 3 * PATIENCE_S
        while waiting:
            waiting -= {news.pattern for news in self.listener.poll(0.05) if isinstance(news, Subscribed)}
            if self.clock.monotonic() > until:
                raise BrokerAbsent("no session for who listens to wills", hint="see the broker's log")

    def _lose(self, party: str, topic: str) -> None:
        client = self.client(party, Will(topic, party.encode("ascii"), retain=False, delay_s=0))
        client.open()
        try:
            until = self.clock.monotonic() + PATIENCE_S
            while self.clock.monotonic() < until:
                news = client.poll(0.05)
                if any(isinstance(one, Connected | Disconnected) for one in news):
                    return
        finally:
            client.close(lost=True)
            self._hear()
        raise BrokerAbsent(f"the broker leaves {party} without an answer", hint="see the broker's log")

    def _hear(self) -> bool:
        """Take what the listener heard; whether there was anything."""
        heard = [news for news in self.listener.poll(0.0) if isinstance(news, Message)]
        self.said |= {(news.payload.decode("ascii", "replace"), news.topic) for news in heard}
        return bool(heard)

    def _settle(self) -> None:
        """Turn until nothing has come for a while."""
        quiet_since = self.clock.monotonic()
        while self.clock.monotonic() - quiet_since < QUIET_S:
            if self._hear():
                quiet_since = self.clock.monotonic()
            self.clock.sleep(0.01)
