"""Receipts: the store's signed word for what it has, which lets a node delete.

The invariant: a receipt is made of a what a `Store` holds, so of nothing that is not on its disk.
"""

from __future__ import annotations

import hashlib

import msgspec

from agent.clock import Clock
from agent.contract.envelope import source, spell, type_name
from agent.contract.jws import Signer
from agent.contract.times import instant
from agent.contract.topics import Class, NodeName, Topic
from agent.contract.types import Payload, ReceiptData
from agent.records import ClockQuality
from agent.subscriber.store import Held

RANGES = 32
"""What a receipt has room for; what lies beyond them is named when gaps before it have closed."""


class Receipts:
    """Signs for one store."""

    def __init__(self, name: NodeName, signer: Signer, *, clock: Clock) -> None:
        self._name = name
        self._signer = signer
        self._clock = clock
        self._boot = hashlib.sha256(f"{name} {clock.now()}".encode()).hexdigest()[:8]
        self._made = 0

    def receipt(self, node: str, held: Held) -> tuple[str, bytes]:
        """Topic and token of the receipt for a node."""
        self._made += 1
        kind, now = self._name.node, instant(self._clock.now())
        payload = Payload(
            specversion="1.0",
            id=f"{self._boot}{self._made:08x}",
            source=source(self._name),
            type=type_name(Class.RCPT, kind),
            time=now,
            recordedtime=now,
            boot=self._boot,
            mono=round(self._clock.monotonic(), 3),
            clock=ClockQuality.UNSYNCED,
            data=msgspec.Raw(msgspec.json.encode(_data(node, held))),
        )
        token, _ = self._signer.seal(spell(payload))
        return str(Topic(NodeName.parse(node), Class.RCPT, kind)), token.encode()


def _data(node: str, held: Held) -> ReceiptData:
    ranges = list(held.span)
    cum = ranges.pop(0)[1] if ranges and ranges[0][0] == 1 else 0
    return ReceiptData(node=node, key=held.kid, cum=cum, ranges=tuple(ranges[:RANGES]))
