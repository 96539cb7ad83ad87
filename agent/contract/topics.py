"""Topic names: `piazza/v1/{union}/{comune}/{node}/{class}/{type}`, always seven levels.

The invariant: a name built here matches `NAME`, so it can hold no wildcard and no separator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from agent.errors import Refused

PREFIX = ("piazza", "v1")
END = r"$(?!\n)"
"""The end of a text: Python's `$` alone would let a line feed stand behind it."""

NAME = rf"^[a-z0-9](?:[a-z0-9-]{{0,30}}[a-z0-9])?{END}"
NAMED = "a-z, 0-9 and '-', 1 to 32 characters"
_NAME = re.compile(NAME)


class Class(StrEnum):
    """The sixth level: what kind of message, which decides retention, readers and writers."""

    STATE = "state"
    EVT = "evt"
    STAT = "stat"
    HEALTH = "health"
    AUDIT = "audit"
    HEAD = "head"
    RCPT = "rcpt"
    CFG = "cfg"
    OTA = "ota"
    CMD = "cmd"
    RES = "res"
    ACK = "ack"
    PUB = "pub"
    CSR = "csr"
    CRT = "crt"


CHAINED = (Class.EVT, Class.STAT, Class.HEALTH, Class.AUDIT)
"""Classes whose messages carry seq and prev; all others stand outside the chain."""

RETAINED = frozenset({Class.STATE, Class.HEALTH, Class.HEAD, Class.RCPT, Class.CFG, Class.OTA, Class.PUB})
EXPIRES_S: dict[Class, int] = {
    Class.EVT: 7 * 86400,
    Class.STAT: 30 * 86400,
    Class.HEALTH: 900,
    Class.CMD: 60,
    Class.RES: 3600,
    Class.ACK: 7 * 86400,
    Class.PUB: 86400,
    Class.CSR: 600,
    Class.CRT: 600,
}
"""MQTT 5 message expiry; a class that is not listed never expires."""

MAKERS: dict[Class, frozenset[str]] = {
    **dict.fromkeys((*CHAINED, Class.STATE, Class.HEAD), frozenset({"node"})),
    Class.AUDIT: frozenset({"node", "store", "operator", "police", "auditor", "publisher", "statistics", "maintainer"}),
    Class.RES: frozenset({"node", "store"}),
    Class.RCPT: frozenset({"store"}),
    Class.CMD: frozenset({"maintainer", "operator"}),
    Class.ACK: frozenset({"operator", "police"}),
    Class.PUB: frozenset({"publisher"}),
}
"""Roles of the keys that may sign what is published under a class; other classes carry no envelope."""

ACCESS: Literal["access"] = "access"
"""Action and seventh level of the records of who looked at what: all that a party which is no node signs under `audit`."""

OF_CERTIFICATES = (Class.CSR, Class.CRT)
"""What a party asks the authority of the union for a certificate that lasts longer, and the answer; neither is an envelope."""

ITSELF = "node"
"""Seventh level of what a node says of itself: `state`, `head`, `health`."""


@dataclass(frozen=True, slots=True)
class NodeName:
    """Who a node is: its union, its comune and its own id; also the subject of its keys."""

    union: str
    comune: str
    node: str

    def __post_init__(self) -> None:
        for level in (self.union, self.comune, self.node):
            if not _NAME.match(level):
                raise Refused("bad-name", f"'{level}' is no name: {NAMED}")

    def __str__(self) -> str:
        return f"{self.union}/{self.comune}/{self.node}"

    @classmethod
    def parse(cls, text: str) -> NodeName:
        levels = text.split("/")
        if len(levels) != 3:  # noqa: PLR2004
            raise Refused("bad-name", f"'{text}' is not union/comune/node")
        return cls(*levels)


@dataclass(frozen=True, slots=True)
class Topic:
    """A full topic of one node."""

    name: NodeName
    klass: Class
    type: str

    def __str__(self) -> str:
        return "/".join((*PREFIX, str(self.name), self.klass, self.type))

    @classmethod
    def parse(cls, text: str) -> Topic:
        """The parts of a topic; Refused('bad-topic') for anything that is not of the contract."""
        levels = text.split("/")
        if len(levels) != 7 or tuple(levels[:2]) != PREFIX or levels[5] not in set(Class):  # noqa: PLR2004
            raise Refused("bad-topic", f"'{text}' is not a topic of the contract")
        if not _NAME.match(levels[6]):
            raise Refused("bad-topic", f"'{levels[6]}' is no type name")
        return cls(NodeName(*levels[2:5]), Class(levels[5]), levels[6])


def pattern(union: str = "+", comune: str = "+", node: str = "+", klass: str = "+", kind: str = "+") -> str:
    """A subscription filter; what is not given matches anything."""
    return "/".join((*PREFIX, union, comune, node, klass, kind))
