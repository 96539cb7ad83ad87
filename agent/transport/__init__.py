"""How bytes reach a broker: one Protocol, a real MQTT client and a broker in a list.

The contract of a Transport: `publish` hands over and returns an id at once; `poll` gives back what
happened since, in order, and never raises for anything a network can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we are gone."""

    topic: str
    payload: bytes
    retain: bool = True
    delay_s: int = 30


@dataclass(frozen=True, slots=True)
class Connected:
    """The session stands; `resumed` is the broker's word that it kept our subscriptions."""

    resumed: bool
    protocol: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The session is gone; `refused` when the broker itself said no (certificate, role, name)."""

    why: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker answered a publish: `reason` is the MQTT 5 code, 0 where there is none."""

    mid: int
    reason: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """A message that arrived on a subscription."""

    topic: str
    payload: bytes
    retained: bool = False


Happening = Connected | Disconnected | Acknowledged | Message


class Transport(Protocol):
    """One client of one broker."""

    def open(self) -> None:
        """Start connecting and keep at it, with jittered back-off, until `close`."""

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, expires_s: int | None = None) -> int:
        """Hand over at QoS 1; the id comes back in Acknowledged."""

    def subscribe(self, pattern: str) -> None:
        """Subscribe at QoS 1, now and after every reconnect."""

    def poll(self, timeout_s: float) -> list[Happening]:
        """What happened since the last call; waits up to `timeout_s` for the first."""

    def close(self) -> None:
        """Say good-bye so that the broker does not publish the will."""
