"""What the broker in a list keeps of a client: what it wants to hear, and the messages on their way to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from agent.transport import Message, Will


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message on its way to one client."""

    message: Message
    due: float
    expires: float


@dataclass(slots=True)
class Kept:
    """What the broker keeps of a client, there or not; instants are of the broker's clock."""

    patterns: list[str] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    in_flight: list[Waiting] = field(default_factory=list)
    connected: bool = False
    will: Will | None = None
    will_due: float | None = None
    gone_at: float | None = None
    session_s: float = 0.0


@lru_cache(maxsize=1 << 17)
def matches(pattern: str, topic: str) -> bool:
    """Whether an MQTT topic filter matches a topic (MQTT 5 section 4.7)."""
    wanted, levels = pattern.split("/"), topic.split("/")
    for number, level in enumerate(wanted):
        if level == "#":
            return True
        if number >= len(levels) or level not in ("+", levels[number]):
            return False
    return len(wanted) == len(levels)
