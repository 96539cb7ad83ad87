"""What a transaction of the outbox is made of, before it is tried: envelopes without a number, statements, changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.contract.topics import Class
from agent.uplink.database import Seal, Tail

SAY = """INSERT INTO statement(topic, token, version) VALUES(?1, ?2, 1)
    ON CONFLICT(topic) DO UPDATE SET token = ?2, version = version + 1"""

SealTail = Callable[[Tail], tuple[str, str]]
"""The end of the chain -> topic and token of what is said of it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An envelope without its number."""

    klass: Class
    topic: str
    at: float
    seal: Seal


@dataclass(frozen=True, slots=True)
class Closing:
    """A statement about everything that is stored before it."""

    seal: SealTail


@dataclass(frozen=True, slots=True)
class Change:
    """A statement of SQL that belongs to the next transaction."""

    sql: str
    values: tuple[Any, ...]


Step = Draft | Closing | Change
