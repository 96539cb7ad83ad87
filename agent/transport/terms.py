"""How a session with a broker is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from agent.transport import Address, Will


class Protocol(IntEnum):
    """The versions of MQTT that we speak, newest first, by the numbers that CONNECT has for them."""

    V5 = 5
    V311 = 4


@dataclass(frozen=True, slots=True)
class Terms:
    """`session_s` is how long the broker keeps the session without us, 0 not at all."""

    address: Address
    client_id: str
    session_s: int
    protocol: Protocol
    will: Will | None
