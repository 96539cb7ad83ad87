"""One simulated node between its life and a connection: what it sealed, and the window.

The invariant: an envelope is held until the store's receipt names it, or until the broker has it where
no store is waited for.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

from agent.clock import SimulatedClock
from agent.contract.jws import Signer
from agent.contract.topics import NodeName
from agent.contract.types import ReceiptData
from agent.fleet.life import WORDS
from agent.records import Record
from agent.uplink.database import Tail
from agent.uplink.simulated import Outgoing, Simulated
from agent.uplink.window import Window

WINDOW = 20
RESEND_S = 30.0


class Carrier:
    """Owned by one thread; instants are of the real clock."""

    def __init__(self, name: NodeName, signer: Signer, *, since: float, seed: int, resend_s: float = RESEND_S) -> None:
        self.name = name
        self.by_puback = False
        self.sent = 0
        self.resent = 0
        boot = hashlib.sha256(f"{seed} {name}".encode()).hexdigest()[:8]
        self._node = Simulated(name, signer, SimulatedClock(since), WORDS, boot=boot)
        self._kid = signer.kid
        self._rows: dict[int, Outgoing] = {}
        self._window = Window(size=WINDOW, resend_s=resend_s, randomness=random.Random(f"{seed} {name}"))  # noqa: S311
        self._highest = 0

    @property
    def waiting(self) -> int:
        """Envelopes that nobody has thanked for yet."""
        return len(self._rows)

    @property
    def tail(self) -> Tail:
        return self._node.tail

    def put(self, record: Record) -> None:
        """Let a record through the door and into the chain."""
        self._rows |= {one.seq: one for one in self._node.seal(record)}

    def head(self) -> Outgoing:
        """What signs the end of the chain."""
        return self._node.head()

    def due(self, now: float) -> Iterator[Outgoing]:
        """What is to be handed over now; `handed` must be told of each before the next is taken."""
        self._window.stalled(now)
        while self._window.room and self._window.cursor < self.tail.seq:
            row = self._rows.get(self._window.cursor + 1)
            if row is not None and self._window.wants(row.seq):
                yield row
            self._window.cursor += 1

    def handed(self, row: Outgoing, mid: int, now: float) -> None:
        self._window.sent(row.seq, row.klass, mid, at=now)
        self.sent += 1
        self.resent += row.seq <= self._highest
        self._highest = max(self._highest, row.seq)

    def acknowledged(self, mid: int, *, delivered: bool, now: float) -> None:
        """The broker's answer; what nobody subscribes to is handed over again with the next stall."""
        found = self._window.acknowledged(mid)
        if found is not None and delivered and self.by_puback:
            self._received(ReceiptData(node=str(self.name), cum=0, ranges=((found[0], found[0]),)), now)

    def receipt(self, receipt: ReceiptData, now: float) -> None:
        """The store's word; one for another key speaks of another chain."""
        if receipt.key == self._kid and receipt.node == str(self.name):
            self._received(receipt, now)

    def begin_session(self, *, resumed: bool, now: float) -> None:
        self._window.begin_session(resumed=resumed, at=now)

    def _received(self, receipt: ReceiptData, now: float) -> None:
        self._window.receive(cum=receipt.cum, ranges=receipt.ranges, at=now)
        for first, last in ((1, receipt.cum), *receipt.ranges):
            for seq in range(max(first, min(self._rows, default=1)), min(last, self.tail.seq) + 1):
                self._rows.pop(seq, None)
