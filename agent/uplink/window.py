"""Which envelopes to hand over next: what waits unanswered is bounded, what stays unanswered is sent again.

No I/O and no clock: instants come in as arguments, in seconds of any clock that never goes back. The
invariants: at most `size` numbers are outstanding, and a number is let go only when it was received.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from agent.contract.chain import Range, Span
from agent.contract.topics import Class

LONGEST_RESEND = 30.0
"""Waits double while nothing is received, up to so many times the first."""

JITTER = 0.25


class Window:
    """The numbers that are on their way to the store.

    `cursor` is how far the outbox has been looked through: the next row to look at is the one after it.
    """

    def __init__(self, *, size: int, resend_s: float, randomness: random.Random) -> None:
        self.cursor = 0
        self._size = size
        self._resend_s = resend_s
        self._randomness = randomness
        self._cum = 0
        self._ranges = Span()
        self._outstanding: dict[int, Class] = {}
        self._mids: dict[int, int] = {}
        self._patience = 1.0
        self._resend_at = 0.0

    @property
    def room(self) -> int:
        return self._size - len(self._outstanding)

    @property
    def outstanding(self) -> int:
        return len(self._outstanding)

    def wants(self, seq: int) -> bool:
        """Whether a number has still to be handed over."""
        return seq > self._cum and seq not in self._outstanding and not self._received(seq)

    def sent(self, seq: int, klass: Class, mid: int, *, at: float) -> None:
        """A number was handed over under the transport's id `mid`."""
        if not self._outstanding:
            self._wait(at)
        self._outstanding[seq] = klass
        self._mids[mid] = seq

    def find(self, mid: int) -> tuple[int, Class] | None:
        """The number and the class behind an id of the transport, while it is outstanding; asked once."""
        seq = self._mids.pop(mid, 0)
        return (seq, self._outstanding[seq]) if seq in self._outstanding else None

    def turned_away(self, seq: int) -> None:
        """The broker does not take this one now: it leaves the window and is looked at after a rewind."""
        self._outstanding.pop(seq, None)

    def receive(self, *, cum: int, ranges: Iterable[Range] = (), at: float) -> bool:
        """The store has everything up to `cum` and in `ranges`; whether that was news."""
        self._cum = max(self._cum, cum)
        for first, last in ranges:
            self._ranges.add(first, last)
        self._ranges.remove(0, self._cum)
        held = [seq for seq in self._outstanding if seq <= self._cum or self._received(seq)]
        for seq in held:
            del self._outstanding[seq]
        if held:
            self._patience = 1.0
            self._wait(at)
        return bool(held)

    def lose_session(self) -> None:
        """What was handed over is forgotten by the transport; begin again after what was received."""
        self._outstanding.clear()
        self._mids.clear()
        self.rewind()

    def rewind(self) -> None:
        """Look through the outbox again from the first number that was not received."""
        self.cursor = self._cum

    def stalled(self, at: float) -> bool:
        """Whether nothing has come back for too long; then all that is outstanding is sent again."""
        if not self._outstanding or at < self._resend_at:
            return False
        self._patience = min(self._patience * 2.0, LONGEST_RESEND)
        self.lose_session()
        return True

    def _received(self, seq: int) -> bool:
        return any(first <= seq <= last for first, last in self._ranges)

    def _wait(self, at: float) -> None:
        self._resend_at = at + self._resend_s * self._patience * self._randomness.uniform(1.0, 1.0 + JITTER)
