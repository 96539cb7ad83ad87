"""How bytes reach a broker: one Protocol, a real MQTT client and a broker in a list.

The contract of a Transport:

- `publish` hands over and returns an id at once. What the broker has not acknowledged when the
  session ends is forgotten: after `Disconnected` the caller hands it over again, so a transport is
  never a second queue. Id 0 says that no session stands.
- `poll` gives back what happened since, in order, and never raises for anything a network can do.
  The messages that it gave are acknowledged to the broker when it is called again, so whoever
  polls has dealt with them by then, but for the last `owing` of them; what was not dealt with
  comes again in the next session.
- All work is done inside `poll`, in the thread of the caller: no call-back can fail unseen.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is and how we prove who we are; without TLS files only a loopback broker.

    `mqtt` is `auto` (5, then 3.1.1) or `3.1.1` for a broker that hangs when it hears 5.
    """

    host: str
    port: int = 8883
    ca: str = ""
    certificate: str = ""
    key: str = ""
    keepalive_s: int = 30
    mqtt: str = "auto"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we are gone; MQTT 3.1.1 has no delay and says it at once."""

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
    """The session is gone; `refused` when somebody must act (certificate, role, name, clock).

    `unknown`: no machine has that name. Whoever typed it must act; a network that is away says the same for a while.
    """

    why: str
    refused: bool = False
    hint: str = ""
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker took a subscription; from now on nothing that matches passes by."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker answered a publish: `reason` is the MQTT 5 code, 0 where there is none."""

    mid: int
    reason: int = 0

    @property
    def delivered(self) -> bool:
        """Whether a subscriber can get it: not refused, and not 16 (nobody subscribes)."""
        return self.reason < NOBODY_SUBSCRIBES


@dataclass(frozen=True, slots=True)
class Exchange:
    """Question and answer of MQTT 5: where the answer is awaited (`""` in an answer), and what tells it from others.

    3.1.1 carries neither, so nothing may rest on them.
    """

    topic: str
    correlation: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A message that arrived on a subscription."""

    topic: str
    payload: bytes
    retained: bool = False
    exchange: Exchange | None = None


NOBODY_SUBSCRIBES = 16
"""The MQTT 5 reason code of a PUBACK for a message that no subscription matched."""

Happening = Connected | Disconnected | Subscribed | Acknowledged | Message


class Transport(Protocol):
    """One client of one broker."""

    def open(self) -> None:
        """Start connecting and keep at it, with jittered back-off, until `close`."""

    def set_will(self, will: Will) -> None:
        """Say what is published when we are lost; a session that stands is opened anew for it."""

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        expires_s: int | None = None,
        exchange: Exchange | None = None,
    ) -> int:
        """Hand over at QoS 1; the id comes back in Acknowledged."""

    def together(self) -> AbstractContextManager[None]:
        """What is published in the block may leave at its end, in fewer and larger pieces."""

    def subscribe(self, pattern: str) -> None:
        """Subscribe at QoS 1, now and after every reconnect."""

    def unsubscribe(self, pattern: str) -> None:
        """Take a subscription back, now and after every reconnect; what was on its way may still come."""

    def poll(self, timeout_s: float, *, owing: int = 0) -> list[Happening]:
        """What happened since the last call; waits up to `timeout_s` for the first."""

    def close(self, *, lost: bool = False) -> None:
        """Say good-bye; the broker publishes the will only if we say that we are `lost`."""


class Asking(Transport, Protocol):
    """A client that can also ask once for what is retained."""

    def ask(self, topic: str) -> None:
        """Let the broker send at QoS 0 what it retains; forgotten with the connection, and never told twice."""
