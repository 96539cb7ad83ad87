"""From a record to what the outbox seals: topic, payload and a signature made when the number is known.

The invariant: nothing is signed that did not pass the door.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from agent.clock import Clock
from agent.contract.envelope import source, spell, type_name
from agent.contract.jws import Signer
from agent.contract.times import instant
from agent.contract.topics import EXPIRES_S, ITSELF, Class, NodeName, Topic
from agent.contract.types import Data, HeadData, Payload, ResultData, StateData
from agent.errors import Refused
from agent.records import ClockQuality, Record
from agent.uplink.database import Seal, Tail
from agent.uplink.door import Door, Passed, Vocabulary

DATA_BYTES = 2048
"""The most that one message tells; what stands around it leaves its token within `jws.MAX_BYTES`."""

TRUST_S = 1.0
"""How long an answer about the clock is good."""

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
        lasts_s: Mapping[Class, int] = EXPIRES_S,
    ) -> None:
        """`lasts_s` is after how long a message of a class has had its day, by what was agreed with who receives it."""
        self.name = name
        self._signer = signer
        self._door = Door(name, vocabulary)
        self.clock = clock
        self._boot = boot
        self._digests = digests
        self._trust = trust
        self._lasts_s = lasts_s
        self._quality = ClockQuality.UNSYNCED
        self._asked = -TRUST_S
        self._stated = 0
        self.kid = signer.kid
        self._source = source(name)
        self._topics: dict[tuple[Class, str], str] = {}
        self._encoder = msgspec.json.Encoder()

    def drafts(self, record: Record) -> list[Draft]:
        """What is to be put for a record; Refused when the door keeps it back."""
        return [self._draft(passed) for passed in self._door.let_out(record, clock=self._clock_quality())]

    def state(self, data: StateData) -> tuple[str, str]:
        """Topic and token of the node's own state, or of its will."""
        return self._statement(Class.STATE, data)

    def head(self, tail: Tail) -> tuple[str, str]:
        """Topic and token that sign the end of the chain."""
        return self._statement(Class.HEAD, HeadData(seq=tail.seq, digest=tail.digest))

    def result(self, data: ResultData) -> tuple[str, str]:
        """Topic and token that say what became of a command."""
        return self._statement(Class.RES, data)

    def _draft(self, passed: Passed) -> Draft:
        lasts_s = self._lasts_s.get(passed.klass)
        payload = self._payload(
            passed.klass,
            passed.kind,
            passed.data,
            time=instant(passed.at),
            expirytime=UNSET if lasts_s is None else instant(passed.at + lasts_s),
            severity=passed.severity,
            correlationid=passed.correlation,
            id="",
        )

        def seal(seq: int, prev: str) -> tuple[str, str]:
            return self._signer.seal(spell(msgspec.structs.replace(payload, id=str(seq), seq=seq, prev=prev)))

        return Draft(passed.klass, self._topic(passed.klass, passed.kind), seal, passed.at)

    def _statement(self, klass: Class, data: Data) -> tuple[str, str]:
        self._stated += 1
        number = hashlib.sha256(f"{self._boot} {self.clock.monotonic()} {self._stated}".encode()).hexdigest()[:16]
        payload = self._payload(klass, ITSELF, data, id=number, time=instant(self.clock.now()))
        token, _ = self._signer.seal(spell(payload))
        return self._topic(klass, ITSELF), token

    def _topic(self, klass: Class, kind: str) -> str:
        known = self._topics.get((klass, kind))
        if known is None:
            known = self._topics[klass, kind] = str(Topic(self.name, klass, kind))
        return known

    def knows_the_time(self) -> bool:
        """Whether a time server or a clock that runs without supply vouches for our clock."""
        return self._clock_quality() is not ClockQuality.UNSYNCED

    def _clock_quality(self) -> ClockQuality:
        """What `trust` says, asked again when its answer is old: it looks into several files."""
        now = self.clock.monotonic()
        if now - self._asked >= TRUST_S:
            self._quality, self._asked = self._trust(), now
        return self._quality

    def _payload(self, klass: Class, kind: str, data: Data, **members: Any) -> Payload:
        told = self._encoder.encode(data)
        if len(told) > DATA_BYTES:
            raise Refused("too-big", "more than an envelope holds")
        return Payload(
            specversion="1.0",
            source=self._source,
            type=type_name(klass, kind),
            recordedtime=instant(self.clock.now()),
            boot=self._boot,
            mono=round(self.clock.monotonic(), 3),
            clock=self._clock_quality(),
            cfg=self._digests.cfg,
            model=self._digests.model,
            data=msgspec.Raw(told),
            **members,
        )
