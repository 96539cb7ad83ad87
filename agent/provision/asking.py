"""Asking the authority over the broker: a question left for whoever has the session, and an answer that proves itself.

The invariant: what the authority has not signed, or has said to another question, is not heard; nothing stays behind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent.clock import Clock
from agent.contract.certificates import MAX_REPLY_BYTES, SIGNED, Given, Reply, Wish
from agent.contract.jws import unb64
from agent.errors import BrokerAbsent, Refused
from agent.files import read_plain, write_atomic
from agent.provision.ca import is_signed
from agent.provision.enrol import Answer, Word
from agent.transport.errand import Way

log = logging.getLogger(__name__)

WITHIN_S = 120.0
"""How long an authority may take; one that is away is asked again the next day."""


@dataclass(frozen=True, slots=True)
class Question:
    """As whom, by which way; `turn` is called while the answer is awaited, and waits a moment or works on a session."""

    name: str
    way: Way
    ca: Path
    turn: Callable[[], None]
    clock: Clock
    within_s: float = WITHIN_S

    def ask(self, wish: Wish) -> Answer:
        """What the authority says; BrokerAbsent when it says nothing in time."""
        _forget(self.way.answer)
        write_atomic(self.way.question, msgspec.json.encode(wish), mode=0o644)
        until = self.clock.monotonic() + self.within_s
        try:
            while self.clock.monotonic() < until:
                self.turn()
                if (given := self._heard(wish.nonce)) is not None:
                    return Answer(Word(given.word), given.why, given.link, given.page, given.ring)
        finally:
            _forget(self.way.question)
            _forget(self.way.answer)
        raise BrokerAbsent(
            f"{self.name}: no answer from the authority in {self.within_s:.0f} s",
            hint="does `piazza enrol serve --broker` run, and does the access list let both speak? it is asked again tomorrow",
        )

    def _heard(self, nonce: str) -> Given | None:
        content = read_plain(self.way.answer, most=MAX_REPLY_BYTES + 1)
        if not content:
            return None
        try:
            reply = msgspec.json.decode(content, type=Reply)
            signed = is_signed(self.ca, SIGNED + reply.given.encode(), unb64(reply.signature))
            given = msgspec.json.decode(reply.given, type=Given) if signed else None
        except (
            ValueError,
            RecursionError,
            Refused,
        ):  # whoever carries it may write anything; msgspec's are ValueErrors
            given = None
        if given is not None and (given.nonce, given.name) == (nonce, self.name):
            return given
        log.warning("an answer that is not of the authority, or not to this question", extra={"who": self.name})
        _forget(self.way.answer)
        return None


def _forget(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
