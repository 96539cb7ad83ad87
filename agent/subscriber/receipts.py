"""Receipts: the store's signed word for what it has, which lets a node delete.

The invariant: a receipt is made of a what a `Store` holds, so of nothing that is not on its disk.
"""

from __future__ import annotations

from collections.abc import Collection

from agent.clock import Clock
from agent.contract.jws import Signer
from agent.contract.topics import Class, NodeName
from agent.contract.types import ReceiptData
from agent.subscriber.holding import Held
from agent.subscriber.speaker import Speaker

RANGES = 32
"""What a receipt has room for."""


class Receipts:
    """Signs for one store."""

    def __init__(self, name: NodeName, signer: Signer, *, clock: Clock) -> None:
        self._kind = name.node
        self._speaker = Speaker(name, signer, clock=clock)

    def receipt(self, node: str, held: Held, *, lately: Collection[int] = ()) -> tuple[str, bytes]:
        """Topic and token of the receipt for a node, which waits for word of the numbers that came `lately`."""
        word = self._speaker.say(Class.RCPT, self._kind, _data(node, held, lately))
        return str(word.topic), word.token


def _data(node: str, held: Held, lately: Collection[int]) -> ReceiptData:
    """Where there are more ranges than room, those that came lately are named before the lowest.

    Otherwise a node whose overflowed spool has left many gaps would never hear of what it sends beyond
    them, nor get to the records that explain them.
    """
    ranges = list(held.span)
    cum = ranges.pop(0)[1] if ranges and ranges[0][0] == 1 else 0
    asked = [pair for pair in ranges if any(pair[0] <= number <= pair[1] for number in lately)]
    others = [pair for pair in ranges if pair not in asked] if len(asked) < RANGES else []
    return ReceiptData(node=node, key=held.kid, cum=cum, ranges=tuple(sorted([*asked, *others][:RANGES])))
