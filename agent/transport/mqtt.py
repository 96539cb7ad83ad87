"""MQTT over mutual TLS that stays connected: back-off, fallback to 3.1.1, refusals told from absences.

A new connection is a new session object, so nothing waits in a library's own queue between the two.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from agent.clock import Clock
from agent.transport import Address, Disconnected, Exchange, Happening, Will, tls
from agent.transport.backoff import Backoff
from agent.transport.session import Session
from agent.transport.terms import Protocol, Terms

log = logging.getLogger(__name__)

REFUSED_WAIT_S = 15.0
"""A refusal needs a person or a clock that is set: no use in asking often."""

HUNG_UP = 3
"""A broker that took the connection and ended it so often before a session stood does not want us.

The alert that would say why is lost when TLS 1.3 refuses a certificate while CONNECT is on its way.
"""

WILL_CHANGED = "the will has changed"

NOW_S = 1e-3
"""A wait that is shorter is over; a clock need not resolve it."""

STEADY_S = 2.0
"""A session that lasted so long was no fluke: the next wait is short again."""


class MqttTransport:
    """One client of one broker; the common name of its certificate is its client id."""

    def __init__(
        self,
        address: Address,
        *,
        clock: Clock,
        randomness: random.Random,
        client_id: str = "",
        session_s: int = 3600,
        will: Will | None = None,
    ) -> None:
        """`session_s`: how long the broker keeps our subscriptions and what comes for them, 0 not at all.

        `client_id` is for a connection without a certificate. KeyFileError and ConfigError for TLS files that cannot work.
        """
        tls.context(address)
        self._address = address
        self._clock = clock
        self._client_id = tls.common_name(address.certificate) if address.certificate else client_id
        self._session_s = session_s
        self._will = will
        self._protocol = Protocol.V5 if address.mqtt == "auto" else Protocol.V311
        self._backoff = Backoff(randomness)
        self._patterns: list[str] = []
        self._session: Session | None = None
        self._opened = False
        self._gathering = False
        self._hung_up = 0
        self._said = ""
        self._try_at = 0.0

    def open(self) -> None:
        self._opened = True
        self._try_at = self._clock.monotonic()

    def set_will(self, will: Will) -> None:
        if will != self._will and self._session is not None:
            self._session.say_good_bye()
            self._session.ended = Disconnected(WILL_CHANGED)
            self._backoff.reset()
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
        if self._session is None:
            return 0
        mid = self._session.publish(topic, payload, retain, expires_s, exchange)
        if not self._gathering:
            self._session.flush()
        return mid

    @contextmanager
    def together(self) -> Iterator[None]:
        self._gathering = True
        try:
            yield
        finally:
            self._gathering = False
            if self._session is not None:
                self._session.flush()

    def subscribe(self, pattern: str) -> None:
        self._patterns.append(pattern)
        if self._session is not None:
            self._session.subscribe(pattern)
            self._session.flush()

    def unsubscribe(self, pattern: str) -> None:
        self._patterns.remove(pattern)
        if self._session is not None:
            self._session.unsubscribe(pattern)
            self._session.flush()

    def ask(self, topic: str) -> None:
        if self._session is not None:
            self._session.subscribe(topic, qos=0)
            self._session.flush()

    def poll(self, timeout_s: float, *, owing: int = 0) -> list[Happening]:
        """What happened; an exception of ours inside a call-back rises from here."""
        until = self._clock.monotonic() + timeout_s
        if self._session is not None:
            self._session.acknowledge(owing=owing)
        while True:
            left = max(0.0, until - self._clock.monotonic())
            news = self._connect(left) if self._session is None else self._turn(self._session, left)
            if news or self._clock.monotonic() >= until:
                return news

    def close(self, *, lost: bool = False) -> None:
        self._opened = False
        if self._session is not None:
            self._session.say_good_bye(lost=lost)
            self._session = None

    def _connect(self, timeout_s: float) -> list[Happening]:
        """Start a session when it is time to, or wait for that time."""
        wait = self._try_at - self._clock.monotonic() if self._opened else timeout_s
        if wait > NOW_S:
            self._clock.sleep(min(timeout_s, wait))
            return []
        terms = Terms(self._address, self._client_id, self._session_s, self._protocol, self._will)
        try:
            tls_context = tls.context(self._address)  # anew each time: certificates are renewed under us
            self._session = Session(terms, self._patterns, tls_context=tls_context, clock=self._clock)
        except OSError as error:
            return [self._wait_after(tls.explain(error, self._address, at=self._clock.now()))]
        return []

    def _turn(self, session: Session, timeout_s: float) -> list[Happening]:
        news = session.turn(timeout_s)
        if session.ended is None:
            return news
        self._session = None
        self._said = "" if session.stood else self._said
        if session.try_other_protocol and self._address.mqtt == "auto":
            self._protocol = Protocol.V311 if self._protocol == Protocol.V5 else Protocol.V5
        if session.lasted_s >= STEADY_S:
            self._backoff.reset()
        self._hung_up = 0 if session.stood else self._hung_up + 1
        end = replace(session.ended, refused=session.ended.refused or self._hung_up >= HUNG_UP)
        return [*news, self._wait_after(end)]

    def _wait_after(self, end: Disconnected) -> Disconnected:
        wait = self._backoff.next_s(at_least_s=REFUSED_WAIT_S if end.refused else 0.0)
        wait = 0.0 if end.why == WILL_CHANGED else wait  # nothing is wrong, and somebody waits to be heard
        self._try_at = self._clock.monotonic() + wait
        known, self._said = end.why == self._said, end.why
        log.log(
            logging.DEBUG if known else logging.INFO,
            "no session with the broker",
            extra={"why": end.why, "again_in_s": round(wait, 1)},
        )
        return end
