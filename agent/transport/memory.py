"""A broker in a list: for tests, replay and simulation, on whatever clock it is given.

It keeps MQTT's promises at QoS 1 (retained messages, kept sessions, wills, redelivery of what was not
acknowledged) and breaks the ones that networks break, when its `weather` says so. The invariant:
with the same clock, randomness and calls, the same things happen.
"""

from __future__ import annotations

import random
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from agent.clock import Clock
from agent.transport import (
    NOBODY_SUBSCRIBES,
    Acknowledged,
    Connected,
    Disconnected,
    Exchange,
    Happening,
    Message,
    Subscribed,
    Will,
)
from agent.transport.kept import Kept, Waiting, matches

PROTOCOL = 5
BATCH = 200


@dataclass(frozen=True, slots=True)
class Weather:
    """What goes wrong, as shares from 0 to 1: messages lost though acknowledged, sent twice, delayed up to a time."""

    lost: float = 0.0
    twice: float = 0.0
    delay_s: float = 0.0


class MemoryBroker:
    """The broker; what it accepted stands in `log`, what it keeps for newcomers in `retained`."""

    def __init__(
        self, clock: Clock, *, randomness: random.Random | None = None, weather: Weather | None = None
    ) -> None:
        self.clock = clock
        self.weather = weather or Weather()
        self.log: list[Message] = []
        self.retained: dict[str, Waiting] = {}
        self.refused: dict[str, str] = {}  # client id -> why it may not connect
        self.answers: dict[str, int] = {}  # topic -> reason code of its PUBACK; from 128 on the message goes nowhere
        self.up = True
        self._randomness = randomness or random.Random(0)  # noqa: S311 -- weather, not secrets
        self._sessions: dict[str, Kept] = {}
        self._away: dict[str, Kept] = {}  # nobody is connected: time works on no others
        self._readers: dict[str, list[Kept]] = {}  # of a topic, as asked for since the last subscription

    def transport(self, client_id: str, *, session_s: float = 3600.0, will: Will | None = None) -> MemoryTransport:
        """A client of this broker."""
        return MemoryTransport(self, client_id, session_s=session_s, will=will)

    def cut(self, client_id: str) -> None:
        """Break the connection of a client without a word, as a network does."""
        self.hang_up(client_id, lost=True)

    def crash(self, *, forget: bool = False) -> None:
        """Stop and come back; `forget` drops sessions and retained messages, as without persistence."""
        for client_id in list(self._sessions):
            self.hang_up(client_id, lost=True)
        if forget:
            for memory in (self._sessions, self._away, self._readers, self.retained):
                memory.clear()

    def connect(self, client_id: str, *, session_s: float, will: Will | None) -> bool:
        """Start a session; True when an earlier one goes on."""
        self._settle()
        resumed = client_id in self._sessions and session_s > 0
        session = self._sessions[client_id] if resumed else Kept()
        if not resumed:
            self._sessions[client_id] = session
            self._readers.clear()
        self._away.pop(client_id, None)
        session.waiting[:0], session.in_flight = session.in_flight, []
        session.connected, session.gone_at, session.will_due = True, None, None
        session.will, session.session_s = will, session_s
        return resumed

    def stands(self, client_id: str) -> bool:
        session = self._sessions.get(client_id)
        return self.up and session is not None and session.connected

    def hang_up(self, client_id: str, *, lost: bool) -> None:
        """End a connection; the will of one that is `lost` is published after its delay."""
        session = self._sessions.get(client_id)
        if session is None or not session.connected:
            return
        now = self.clock.now()
        session.connected, session.gone_at = False, now
        self._away[client_id] = session
        if lost and session.will is not None:
            session.will_due = now + min(session.will.delay_s, session.session_s)
        self._settle()

    def subscribe(self, client_id: str, pattern: str) -> None:
        session = self._sessions[client_id]
        if pattern not in session.patterns:
            session.patterns.append(pattern)
            self._readers.clear()
        session.waiting.extend(kept for topic, kept in sorted(self.retained.items()) if matches(pattern, topic))

    def unsubscribe(self, client_id: str, pattern: str) -> None:
        session = self._sessions[client_id]
        if pattern in session.patterns:
            session.patterns.remove(pattern)
            self._readers.clear()

    def patterns(self, client_id: str) -> tuple[str, ...]:
        """What a client is subscribed to."""
        return tuple(self._sessions[client_id].patterns)

    def publish(self, message: Message, *, expires_s: float | None = None) -> int:
        """Take a message in; the reason code of its PUBACK."""
        self._settle()
        reason = self.answers.get(message.topic, 0)
        if reason > NOBODY_SUBSCRIBES:
            return reason
        self.log.append(message)
        now = self.clock.now()
        expires = now + expires_s if expires_s is not None else float("inf")
        if message.retained:
            self._retain(message, expires)
        readers = self._matching(message.topic)
        for session in readers:
            self._deliver(session, message, expires)
        return reason or (0 if readers else NOBODY_SUBSCRIBES)

    def collect(self, client_id: str) -> list[Message]:
        """What is due for a client; it is in flight until `acknowledge`."""
        self._settle()
        session = self._sessions[client_id]
        now = self.clock.now()
        due = sorted((item for item in session.waiting if item.due <= now), key=lambda item: item.due)
        later = [item for item in session.waiting if item.due > now]
        session.waiting = due[BATCH:] + later
        fresh = [item for item in due[:BATCH] if item.expires > now]
        session.in_flight.extend(fresh)
        return [item.message for item in fresh]

    def acknowledge(self, client_id: str, *, owing: int = 0) -> None:
        in_flight = self._sessions[client_id].in_flight
        del in_flight[: max(0, len(in_flight) - owing)]

    def next_due(self, client_id: str) -> float | None:
        """When the next message for a client arrives; None while none is on its way."""
        return min((item.due for item in self._sessions[client_id].waiting), default=None)

    def _retain(self, message: Message, expires: float) -> None:
        if message.payload:
            self.retained[message.topic] = Waiting(message, self.clock.now(), expires)
        else:
            self.retained.pop(message.topic, None)

    def _matching(self, topic: str) -> list[Kept]:
        if topic not in self._readers:
            sessions = self._sessions.values()
            self._readers[topic] = [one for one in sessions if any(matches(wanted, topic) for wanted in one.patterns)]
        return self._readers[topic]

    def _deliver(self, session: Kept, message: Message, expires: float) -> None:
        """Put a message on its way, as the weather allows; a live subscriber sees it as not retained."""
        live = Message(message.topic, message.payload, exchange=message.exchange)
        copies = 2 if self._randomness.random() < self.weather.twice else 1
        for _ in range(copies):
            if self._randomness.random() >= self.weather.lost:
                due = self.clock.now() + self._randomness.uniform(0.0, self.weather.delay_s)
                session.waiting.append(Waiting(live, due, expires))

    def _settle(self) -> None:
        """Let time do its work: wills that are due, sessions that have expired."""
        now = self.clock.now()
        for client_id, session in list(self._away.items()):
            if session.will_due is not None and session.will_due <= now and session.will is not None:
                will, session.will_due = session.will, None
                self.publish(Message(will.topic, will.payload, retained=will.retain))
            if session.gone_at is not None and session.gone_at + session.session_s <= now:
                self._sessions.pop(client_id, None)
                self._away.pop(client_id, None)
                self._readers.clear()


class MemoryTransport:
    """One client of a MemoryBroker."""

    def __init__(self, broker: MemoryBroker, client_id: str, *, session_s: float, will: Will | None) -> None:
        self._broker = broker
        self._client_id = client_id
        self._session_s = session_s
        self._will = will
        self._patterns: list[str] = []
        self._news: list[Happening] = []
        self._opened = False
        self._stands = False
        self._mid = 0

    def open(self) -> None:
        self._opened = True

    def set_will(self, will: Will) -> None:
        if will != self._will and self._stands:
            self._broker.hang_up(self._client_id, lost=False)
        self._will = will

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        expires_s: int | None = None,
        exchange: Exchange | None = None,
    ) -> int:
        if not self._stands or not self._broker.stands(self._client_id):
            return 0
        self._mid += 1
        reason = self._broker.publish(Message(topic, payload, retain, exchange), expires_s=expires_s)
        self._news.append(Acknowledged(self._mid, reason))
        return self._mid

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def subscribe(self, pattern: str) -> None:
        self._patterns.append(pattern)
        self.ask(pattern)

    def unsubscribe(self, pattern: str) -> None:
        self._patterns.remove(pattern)
        if self._stands and self._broker.stands(self._client_id):
            self._broker.unsubscribe(self._client_id, pattern)

    def ask(self, topic: str) -> None:
        if self._stands and self._broker.stands(self._client_id):
            self._join(topic)

    def poll(self, timeout_s: float, *, owing: int = 0) -> list[Happening]:
        if self._stands and self._broker.stands(self._client_id):
            self._broker.acknowledge(self._client_id, owing=owing)
        news = self._happenings()
        if not news and timeout_s > 0:
            self._wait(timeout_s)
            news = self._happenings()
        return news

    def close(self, *, lost: bool = False) -> None:
        self._opened = self._stands = False
        self._broker.hang_up(self._client_id, lost=lost)

    def _happenings(self) -> list[Happening]:
        if self._stands and not self._broker.stands(self._client_id):
            self._stands = False
            self._news.append(Disconnected("the connection is lost"))
        elif self._opened and not self._stands and self._broker.up:
            self._connect()
        if self._stands:
            self._news.extend(self._broker.collect(self._client_id))
        news, self._news = self._news, []
        return news

    def _connect(self) -> None:
        if (why := self._broker.refused.get(self._client_id)) is not None:
            self._news.append(Disconnected(why, refused=True))
            return
        resumed = self._broker.connect(self._client_id, session_s=self._session_s, will=self._will)
        self._stands = True
        self._news.append(Connected(resumed=resumed, protocol=PROTOCOL))
        for pattern in self._patterns:
            self._join(pattern)

    def _join(self, pattern: str) -> None:
        self._broker.subscribe(self._client_id, pattern)
        self._news.append(Subscribed(pattern))

    def _wait(self, timeout_s: float) -> None:
        """Sleep until the next message is due, at most `timeout_s`."""
        clock = self._broker.clock
        due = self._broker.next_due(self._client_id) if self._stands else None
        clock.sleep(timeout_s if due is None else min(timeout_s, due - clock.now()))
