"""A node that publishes to a broker in a list, and messages made by hand."""

from __future__ import annotations

from typing import Any

from agent.clock import SimulatedClock
from agent.contract.topics import Class, Topic
from agent.contract.types import AckData, AuditData, HeadData, Verdict
from agent.subscriber.speaker import Speaker
from agent.transport import Message
from tests.contract.makers import AT, NODE, ROOM, Chain, signer


def message(chain: Chain, klass: Class = Class.EVT, data: Any = None, *, kind: str = "loitering") -> Message:
    """The next message of a node."""
    token = chain.make(klass, data, kind=kind)
    return Message(str(Topic(chain.name, klass, kind)), token.encode())


def several(chain: Chain, count: int) -> list[Message]:
    return [message(chain) for _ in range(count)]


def head(chain: Chain) -> Message:
    return message(chain, Class.HEAD, HeadData(seq=chain.seq, digest=chain.prev), kind="node")


def dropping(chain: Chain, *ranges: tuple[int, int]) -> Message:
    said = AuditData(action="dropped", subject="evt", first=ranges[0][0], last=ranges[-1][1], ranges=ranges)
    return message(chain, Class.AUDIT, said, kind="dropped")


def verdict(said: Verdict, *, seconds: int = 0) -> Message:
    """What the control room says of one event of the node."""
    clock = SimulatedClock(AT + seconds)
    word = Speaker(ROOM, signer("room"), clock=clock).say(
        Class.ACK, "verdict", AckData(node=str(NODE), event="0" * 16, verdict=said)
    )
    return Message(str(word.topic), word.token)
