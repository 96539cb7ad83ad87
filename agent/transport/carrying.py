"""A transport that also carries what the machine has to ask about its own certificate, unseen by whoever uses it."""

from __future__ import annotations

import os
from collections import deque
from contextlib import AbstractContextManager
from pathlib import Path

from agent.clock import Clock
from agent.transport import Asking, Exchange, Happening, Message, Will
from agent.transport.errand import Errand, Way
from agent.transport.held import hold


class CarryingTransport:
    """Any transport whose session is of one certificate; from `open` to `close` it holds the lock on the `key`."""

    def __init__(self, inner: Asking, way: Way, key: Path, *, clock: Clock) -> None:
        self._inner = inner
        self._errand = Errand(way, inner)
        self._key = key
        self._clock = clock
        self._held: int | None = None
        self._given: deque[bool] = deque()
        """Of each message that the broker waits for an acknowledgement of: whether it was handed on."""

    def open(self) -> None:
        if os.access(self._errand.way.answer.parent, os.W_OK):
            self._held = hold(self._key)
        self._inner.open()

    def set_will(self, will: Will) -> None:
        self._inner.set_will(will)

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        expires_s: int | None = None,
        exchange: Exchange | None = None,
    ) -> int:
        return self._inner.publish(topic, payload, retain=retain, expires_s=expires_s, exchange=exchange)

    def together(self) -> AbstractContextManager[None]:
        return self._inner.together()

    def subscribe(self, pattern: str) -> None:
        self._inner.subscribe(pattern)

    def unsubscribe(self, pattern: str) -> None:
        self._inner.unsubscribe(pattern)

    def ask(self, topic: str) -> None:
        self._inner.ask(topic)

    def poll(self, timeout_s: float, *, owing: int = 0) -> list[Happening]:
        heard = self._inner.poll(timeout_s, owing=self._owed(owing))
        if self._held is None:
            return heard
        self._errand.look(self._clock.monotonic())
        news = [one for one in heard if not self._errand.hear(one)]
        handed_on = {id(one) for one in news}
        self._given.extend(id(one) in handed_on for one in heard if isinstance(one, Message))
        return news

    def close(self, *, lost: bool = False) -> None:
        self._inner.close(lost=lost)
        self._given.clear()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _owed(self, owing: int) -> int:
        """How many of the last messages, ours among them, hold the last `owing` that were handed on."""
        if self._held is None:
            return owing
        theirs = sum(self._given)
        while theirs > owing or (self._given and not self._given[0]):
            theirs -= self._given.popleft()
        return len(self._given)
