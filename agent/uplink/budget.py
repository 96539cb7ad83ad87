"""How many bytes may leave in any hour, by class of message.

The invariant: no span of an hour, wherever it begins, holds more than the limit. Bytes are those of
MQTT's PUBLISH with topic and payload; TLS and TCP come on top.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from agent.contract.topics import Class

HOUR_S = 3600.0
SLOT_S = 60.0
HEADER_BYTES = 16
"""Fixed header, lengths, packet id and expiry of a PUBLISH, at most."""


class Budget:
    """Counts in slots of a minute, each of which weighs until an hour after its end."""

    def __init__(self, limits: Mapping[Class, int]) -> None:
        """`limits` are bytes an hour; a class without one may send nothing."""
        self._limits = limits
        self._slots: dict[Class, deque[tuple[float, int]]] = {}
        self._sums: dict[Class, int] = {}

    def take(self, klass: Class, size: int, *, at: float) -> bool:
        """Spend `size` bytes, or False when that is too much in this hour."""
        if self.spent(klass, at=at) + size > self._limits.get(klass, 0):
            return False
        self.add(klass, size, at=at)
        return True

    def add(self, klass: Class, size: int, *, at: float) -> None:
        """Count bytes that have left at `at`, allowed or not."""
        slots = self._slots.setdefault(klass, deque())
        self._sums[klass] = self._sums.get(klass, 0) + size
        slot = at // SLOT_S
        if slots and slots[-1][0] == slot:
            size += slots.pop()[1]
        slots.append((slot, size))

    def slots(self, klass: Class) -> list[tuple[float, int]]:
        """When bytes left, to the minute before, and how many; for `add` in another run."""
        return [(slot * SLOT_S, size) for slot, size in self._slots.get(klass, ())]

    def newest(self, klass: Class) -> tuple[float, int]:
        """The last of these."""
        slot, size = self._slots[klass][-1]
        return slot * SLOT_S, size

    def spent(self, klass: Class, *, at: float) -> int:
        """Bytes of the hour before `at`, rounded up to whole slots."""
        slots = self._slots.get(klass)
        while slots and (slots[0][0] + 1) * SLOT_S <= at - HOUR_S:
            self._sums[klass] -= slots.popleft()[1]
        return self._sums.get(klass, 0)


def size_of(topic: str, payload: bytes) -> int:
    """Bytes that a PUBLISH takes, at most."""
    return len(topic) + len(payload) + HEADER_BYTES
