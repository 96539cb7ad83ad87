"""Receipts: the store's signed word for what it has, which lets a node delete.

The invariant: a receipt is made of a what a `Store` holds, so of nothing that is not on its disk.
"""

from __future__ import annotations

from agent.clock import Clock
from agent.contract.jws import Signer
from agent.contract.speaker import Speaker
from agent.contract.topics import Class, NodeName
from agent.contract.types import ReceiptData
from agent.subscriber.holding import Held

RANGES = 32
"""What a receipt has room for; what lies beyond them is named when gaps before it have closed."""


class Receipts:
    """Signs for one store."""

    def __init__(self, name: NodeName, signer: Signer, *, clock: Clock) -> None:
        self._kind = name.node
        self._speaker = Speaker(name, signer, clock=clock)

    def receipt(self, node: str, held: Held) -> tuple[str, bytes]:
        """Topic and token of the receipt for a node."""
        word = self._speaker.say(Class.RCPT, self._kind, _data(node, held))
        return str(word.topic), word.token


def _data(node: str, held: Held) -> ReceiptData:
    ranges = list(held.span)
    cum = ranges.pop(0)[1] if ranges and ranges[0][0] == 1 else 0
    return ReceiptData(node=node, key=held.kid, cum=cum, ranges=tuple(ranges[:RANGES]))
