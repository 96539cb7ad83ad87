"""A node that publishes to a broker in a list, and messages made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.clock import SimulatedClock
from agent.contract.jws import KeyRing
from agent.contract.topics import Class, NodeName, Topic
from agent.contract.types import AckData, AuditData, HeadData, Verdict
from agent.provision.keys import new_signing_key, save_ring
from agent.subscriber.speaker import Speaker
from agent.transport import Happening, Message
from agent.transport.memory import MemoryBroker, MemoryTransport
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


def looking(folder: Path, ring: KeyRing, role: str, name: NodeName) -> list[str]:
    """Options of a command that looks into a store as a party, whose key is made in `folder` and let into the ring there."""
    if not (folder / f"{role}.pem").exists():
        ring.add(new_signing_key(folder / f"{role}.pem", role=role, subject=str(name)))
    save_ring(folder / "ring.json", ring)
    given = {"keys": folder / "ring.json", "signer": folder / f"{role}.pem", "access": folder / "access"}
    return [word for option, path in given.items() for word in (f"--{option}", str(path))]


class Told(MemoryTransport):
    """A client to whom nothing happens but what is given, one in a poll."""

    def __init__(self, clock: SimulatedClock, *happenings: Happening) -> None:
        super().__init__(MemoryBroker(clock), "store", session_s=0.0, will=None)
        self._told = list(happenings)

    def poll(self, timeout_s: float, *, owing: int = 0) -> list[Happening]:
        return [self._told.pop(0)] if self._told else []
