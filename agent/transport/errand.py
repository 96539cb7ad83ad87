"""A question that somebody leaves in a file, carried over a session that stands, and the answer left in another.

    question (file) --publish--> broker --> who answers --> broker --our subscription--> answer (file)

Who asks may have no session, and who has one may not read the keys that the question is made with. Nothing here
understands either. The invariant: it is asked only once the subscription to the answer stands, again every `AGAIN_S`
for as long as the file lies there, and nothing is subscribed to while none does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.files import read_plain, replace_if_room
from agent.transport import Exchange, Happening, Message, Subscribed, Transport

LOOK_S = 1.0
AGAIN_S = 30.0
MOST_TIMES = 20
"""A question that lies there for longer was left by somebody who is gone."""

EXPIRES_S = 600
MOST_ASKED, MOST_TOLD = 16_384, 262_144
"""Bytes: a longer question is not carried, a longer answer not kept."""

_CORRELATION_BYTES = 16


@dataclass(frozen=True, slots=True)
class Way:
    """The two files and the two topics."""

    question: Path
    answer: Path
    asks: str
    hears: str

    @classmethod
    def beside(cls, certificate: Path, topics: tuple[str, str], *, answer: Path | None = None) -> Way:
        """Where a question about a certificate lies; the answer elsewhere where who carries it may not write there."""
        return cls(certificate.with_suffix(".ask"), answer or certificate.with_suffix(".told"), *topics)


@dataclass(slots=True)
class Errand:
    """Owned by whoever has the session: `look` often, and `hear` everything first."""

    way: Way
    transport: Transport
    may_send: Callable[[str, bytes], bool] = lambda _topic, _payload: True
    """Whether so much may leave now."""
    _listening: bool = False
    _stands: bool = False
    _looked_at: float = field(default=float("-inf"))
    _asked_at: float = field(default=float("-inf"))
    _asked: bytes = b""
    _last: bytes = b""
    _times: int = 0
    """How often the last question was tried, over sessions too."""

    def look(self, at: float) -> None:
        """Take up a question that lies there, ask once more, or stop listening; `at` is of the monotonic clock."""
        if at - self._looked_at < LOOK_S:
            return
        self._looked_at = at
        question = self._question()
        if question and not self._listening:
            self._listening = True
            self.transport.subscribe(self.way.hears)
        elif not question:
            self.end()
        if question and self._stands and (question != self._asked or at - self._asked_at >= AGAIN_S):
            self._times = self._times + 1 if question == self._last else 1
            self._last = question
            self._ask(question, at)

    def end(self) -> None:
        """Stop listening."""
        if self._listening:
            self._listening = self._stands = False
            self.transport.unsubscribe(self.way.hears)

    def hear(self, happening: Happening) -> bool:
        """Whether it was ours: the answer."""
        if isinstance(happening, Subscribed) and happening.pattern == self.way.hears:
            self._stands, self._asked = True, b""  # of a new session, which knows of no question
            self._looked_at = float("-inf")
        if not isinstance(happening, Message) or happening.topic != self.way.hears:
            return False
        exchange = happening.exchange
        is_ours = exchange is None or exchange.correlation == _correlation(self._asked)
        if self._listening and is_ours and 0 < len(happening.payload) <= MOST_TOLD:
            replace_if_room(self.way.answer, happening.payload, mode=0o640)
        return True

    def _question(self) -> bytes:
        found = read_plain(self.way.question, most=MOST_ASKED + 1) or b""
        return found if len(found) <= MOST_ASKED else b""

    def _ask(self, question: bytes, at: float) -> None:
        self._asked_at = at
        if self._times <= MOST_TIMES and self.may_send(self.way.asks, question):
            told = Exchange(self.way.hears, _correlation(question))
            if self.transport.publish(self.way.asks, question, expires_s=EXPIRES_S, exchange=told):
                self._asked = question


def _correlation(question: bytes) -> bytes:
    return hashlib.sha256(question).digest()[:_CORRELATION_BYTES]
