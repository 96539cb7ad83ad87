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

RECEIPT_S = 3.0
"""How long after a reconnect a receipt may take for what the broker had already acknowledged."""


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
        self._acknowledged: set[int] = set()
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

    def acknowledged(self, mid: int) -> tuple[int, Class] | None:
        """The number and the class behind an id of the transport, while it is outstanding; told once."""
        seq = self._mids.pop(mid, 0)
        if seq not in self._outstanding:
            return None
        self._acknowledged.add(seq)
        return seq, self._outstanding[seq]

    def turned_away(self, seq: int) -> None:
        """The broker does not take this one now: it leaves the window and is looked at after a rewind."""
        self._outstanding.pop(seq, None)
        self._acknowledged.discard(seq)

    def receive(self, *, cum: int, ranges: Iterable[Range] = (), at: float) -> bool:
        """The store has everything up to `cum` and in `ranges`; whether that was news."""
        self._cum = max(self._cum, cum)
        for first, last in ranges:
            self._ranges.add(first, last)
        self._ranges.remove(0, self._cum)
        held = [seq for seq in self._outstanding if seq <= self._cum or self._received(seq)]
        for seq in held:
            self.turned_away(seq)
        if held:
            self._patience = 1.0
            self._wait(at)
        return bool(held)

    def begin_session(self, *, resumed: bool, at: float) -> None:
        """A new session: what the broker has not acknowledged is handed over again.

        What it has acknowledged gets a while for its receipt if the broker kept its memory (`resumed`).
        """
        kept = self._acknowledged if resumed else set()
        self._outstanding = {seq: klass for seq, klass in self._outstanding.items() if seq in kept}
        self._acknowledged = set(self._outstanding)
        self._mids.clear()
        self._resend_at = at + min(RECEIPT_S, self._resend_s)
        self.rewind()

    def again(self, first: int, last: int) -> None:
        """Hand over once more what still waits from `first` to `last`."""
        for seq in [seq for seq in self._outstanding if first <= seq <= last]:
            self.turned_away(seq)
        self._ranges.remove(first, last)
        self.rewind()

    def rewind(self) -> None:
        """Look through the outbox again from the first number that was not received."""
        self.cursor = self._cum

    def stalled(self, at: float) -> bool:
        """Whether nothing has come back for too long; then all that is outstanding is sent again."""
        if not self._outstanding or at < self._resend_at:
            return False
        self._patience = min(self._patience * 2.0, LONGEST_RESEND)
        self.begin_session(resumed=False, at=at)
        return True

    def _received(self, seq: int) -> bool:
        return any(first <= seq <= last for first, last in self._ranges)

    def _wait(self, at: float) -> None:
        self._resend_at = at + self._resend_s * self._patience * self._randomness.uniform(1.0, 1.0 + JITTER)
