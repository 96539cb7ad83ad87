"""A batch of messages opened on several cores.

The library lets go of Python's lock while it verifies, which is most of what opening costs, so threads share a batch.
The invariant: what comes back stands in the order of the messages, one for each, and a refused one holds up no other.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from agent.contract.envelope import open_envelope
from agent.contract.jws import KeyRing
from agent.errors import Refused
from agent.subscriber.holding import Item
from agent.transport import Message

SHARE = 16
"""Fewer messages than this are not worth another thread."""


class Openers:
    """The thread that asks, and one more for each other core."""

    def __init__(self, ring: KeyRing, *, threads: int | None = None) -> None:
        """`threads`: with the one that asks; as many as this process may use cores, unless told."""
        self._ring = ring
        self._threads = threads or len(os.sched_getaffinity(0))
        self._others = ThreadPoolExecutor(max(1, self._threads - 1), "verify")

    def open(self, messages: Sequence[Message]) -> list[Item | Refused]:
        """Each as an item for the store, or why it is none."""
        share = max(SHARE, -(-len(messages) // self._threads))
        shares = [messages[begin : begin + share] for begin in range(0, len(messages), share)]
        others = [self._others.submit(self._open_all, one) for one in shares[1:]]
        opened = self._open_all(shares[0]) if shares else []
        return opened + [one for other in others for one in other.result()]

    def _open_all(self, messages: Sequence[Message]) -> list[Item | Refused]:
        return [self._open(message) for message in messages]

    def _open(self, message: Message) -> Item | Refused:
        try:
            return Item(open_envelope(message.payload, self._ring, topic=message.topic), message.payload.decode())
        except Refused as refused:
            return refused
