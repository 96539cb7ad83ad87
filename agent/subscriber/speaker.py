"""What parties other than nodes say: receipts, commands, verdicts and public counts, signed and outside any chain.

The invariant: every word of one speaker has an id of its own, also after a restart.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec
from msgspec import UNSET

from agent.clock import Clock
from agent.contract.envelope import source, spell, type_name
from agent.contract.jws import Signer
from agent.contract.times import instant
from agent.contract.topics import EXPIRES_S, Class, NodeName, Topic
from agent.contract.types import AckData, CommandData, Payload, PublicData, ReceiptData, ResultData
from agent.records import ClockQuality

Said = ReceiptData | CommandData | AckData | ResultData | PublicData


@dataclass(frozen=True, slots=True)
class Word:
    """One signed message, ready to publish; `id` is how an answer refers to it."""

    id: str
    topic: Topic
    token: bytes


class Speaker:
    """Signs for one party."""

    def __init__(self, name: NodeName, signer: Signer, *, clock: Clock) -> None:
        self._name = name
        self._signer = signer
        self._clock = clock
        self._boot = hashlib.sha256(f"{name} {clock.now()}".encode()).hexdigest()[:8]
        self._said = 0

    def say(self, klass: Class, kind: str, data: Said) -> Word:
        """A word about the node that `data` names, under the class and the last level of a topic."""
        self._said += 1
        at = self._clock.now()
        lasts_s = EXPIRES_S.get(klass)
        payload = Payload(
            specversion="1.0",
            id=f"{self._boot}{self._said:08x}",
            source=source(self._name),
            type=type_name(klass, kind),
            time=instant(at),
            recordedtime=instant(at),
            expirytime=UNSET if lasts_s is None else instant(at + lasts_s),
            boot=self._boot,
            mono=round(self._clock.monotonic(), 3),
            clock=ClockQuality.UNSYNCED,
            data=msgspec.Raw(msgspec.json.encode(data)),
        )
        token, _ = self._signer.seal(spell(payload))
        return Word(payload.id, Topic(NodeName.parse(data.node), klass, kind), token.encode())
