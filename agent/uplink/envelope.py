"""From a record to what the outbox seals: topic, payload and a signature made when the number is known.

The invariant: nothing is signed that did not pass the door.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from agent.clock import Clock
from agent.contract.envelope import source, spell, type_name
from agent.contract.jws import GENESIS, Signer
from agent.contract.times import instant
from agent.contract.topics import EXPIRES_S, ITSELF, Class, NodeName, Topic
from agent.contract.types import MAX_SEQ, Data, HeadData, Payload, StateData
from agent.errors import Refused
from agent.records import ClockQuality, Record
from agent.uplink.database import Seal, Tail
from agent.uplink.door import Door, Passed, Vocabulary

PAYLOAD_BYTES = 2880
"""The largest payload whose token stays within `jws.MAX_BYTES`."""

Trust = Callable[[], ClockQuality]


class Draft(NamedTuple):
    """An envelope before it has its number, as `Outbox.put` takes it."""

    klass: Class
    topic: str
    seal: Seal
    at: float


@dataclass(frozen=True, slots=True)
class Digests:
    """First 12 digits of the SHA-256 of the configuration and of the models that a node runs."""

    cfg: str = "0" * 12
    model: str = "0" * 12


class Sealer:
    """Signs for one node.

    `boot` is eight hex digits that change with every boot of the machine, because the clock's
    monotonic time begins anew there; `trust` says how good the wall clock is at the moment.
    """

    def __init__(
        self,
        name: NodeName,
        signer: Signer,
        vocabulary: Vocabulary,
        *,
        clock: Clock,
        boot: str,
        digests: Digests = Digests(),
        trust: Trust = lambda: ClockQuality.UNSYNCED,
    ) -> None:
        self.name = name
        self._signer = signer
        self._door = Door(name, vocabulary)
        self.clock = clock
        self._boot = boot
        self._digests = digests
        self._trust = trust
        self._stated = 0

    def drafts(self, record: Record) -> list[Draft]:
        """What is to be put for a record; Refused when the door keeps it back."""
        return [self._draft(passed) for passed in self._door.let_out(record, clock=self._trust())]

    def state(self, data: StateData) -> tuple[str, str]:
        """Topic and token of the node's own state, or of its will."""
        return self._statement(Class.STATE, data)

    def head(self, tail: Tail) -> tuple[str, str]:
        """Topic and token that sign the end of the chain."""
        return self._statement(Class.HEAD, HeadData(seq=tail.seq, digest=tail.digest))

    def _draft(self, passed: Passed) -> Draft:
        lasts_s = EXPIRES_S.get(passed.klass)
        payload = self._payload(
            passed.klass,
            passed.kind,
            passed.data,
            time=instant(passed.at),
            expirytime=UNSET if lasts_s is None else instant(passed.at + lasts_s),
            severity=passed.severity,
            correlationid=passed.correlation,
            id=str(MAX_SEQ),
            seq=MAX_SEQ,
            prev=GENESIS,
        )
        if len(spell(payload)) > PAYLOAD_BYTES:
            raise Refused("too-big", "more than an envelope holds")

        def seal(seq: int, prev: str) -> tuple[str, str]:
            return self._signer.seal(spell(msgspec.structs.replace(payload, id=str(seq), seq=seq, prev=prev)))

        return Draft(passed.klass, str(Topic(self.name, passed.klass, passed.kind)), seal, passed.at)

    def _statement(self, klass: Class, data: Data) -> tuple[str, str]:
        self._stated += 1
        number = hashlib.sha256(f"{self._boot} {self.clock.monotonic()} {self._stated}".encode()).hexdigest()[:16]
        payload = self._payload(klass, ITSELF, data, id=number, time=instant(self.clock.now()))
        token, _ = self._signer.seal(spell(payload))
        return str(Topic(self.name, klass, ITSELF)), token

    def _payload(self, klass: Class, kind: str, data: Data, **members: Any) -> Payload:
        return Payload(
            specversion="1.0",
            source=source(self.name),
            type=type_name(klass, kind),
            recordedtime=instant(self.clock.now()),
            boot=self._boot,
            mono=round(self.clock.monotonic(), 3),
            clock=self._trust(),
            cfg=self._digests.cfg,
            model=self._digests.model,
            data=msgspec.Raw(msgspec.json.encode(data)),
            **members,
        )
