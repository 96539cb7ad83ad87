"""Parties that sign: a node with its chain, a store, and the key ring that knows them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import msgspec

from agent.contract.envelope import Envelope, open_envelope, source, spell, type_name
from agent.contract.jws import GENESIS, Key, KeyRing, Signer
from agent.contract.times import instant
from agent.contract.topics import CHAINED, Class, NodeName
from agent.contract.types import AuditData, Data, EventData, HeadData, Payload, ReasonData
from agent.records import ClockQuality, Phase

NODE = NodeName("romagna-faentina", "brisighella", "n-0017")
STORE = NodeName("romagna-faentina", "centre", "store-1")
ROOM = NodeName("romagna-faentina", "centre", "room")
AT = 1777624200.25


def signer(seed: str) -> Signer:
    """A key that is the same for the same seed."""
    return Signer(hashlib.sha256(seed.encode()).digest())


def ring_of(*parties: tuple[Signer, str, NodeName]) -> KeyRing:
    ring = KeyRing()
    for signer_, role, name in parties:
        ring.add(Key(signer_.kid, signer_.public, role, str(name)))
    return ring


def event(**changed: Any) -> EventData:
    reason = ReasonData(quantity="gate/person/stay_s", test="stay", observed=41.0, expected=30.0)
    given: dict[str, Any] = {
        "rule": "stays",
        "phase": Phase.OPENED,
        "source": "gate-cam",
        "reason": reason,
        "zone": "gate",
    }
    return EventData(**given | changed)


def payload(klass: Class, data: Data, *, name: NodeName = NODE, kind: str = "node", **changed: Any) -> Payload:
    given: dict[str, Any] = {
        "specversion": "1.0",
        "id": "ab",
        "source": source(name),
        "type": type_name(klass, kind),
        "time": instant(AT),
        "recordedtime": instant(AT),
        "boot": "0000beef",
        "mono": 12.5,
        "clock": ClockQuality.NTP,
        "data": msgspec.Raw(msgspec.json.encode(data)),
    }
    return Payload(**given | changed)


@dataclass(slots=True)
class Chain:
    """A node that makes its chain; `make` gives the token, `opened` the envelope."""

    signer: Signer = field(default_factory=lambda: signer("node"))
    name: NodeName = NODE
    seq: int = 0
    prev: str = GENESIS
    mono: float = 0.0

    @property
    def ring(self) -> KeyRing:
        return ring_of((self.signer, "node", self.name))

    def make(self, klass: Class = Class.EVT, data: Data | None = None, *, kind: str = "loitering") -> str:
        self.mono += 1.0
        chained: dict[str, Any] = {}
        if klass in CHAINED:
            self.seq += 1
            chained = {"seq": self.seq, "prev": self.prev, "id": str(self.seq)}
        made = payload(klass, data or event(), name=self.name, kind=kind, mono=self.mono, **chained)
        token, digest = self.signer.seal(spell(made))
        if klass in CHAINED:
            self.prev = digest
        return token

    def opened(self, klass: Class = Class.EVT, data: Data | None = None, *, kind: str = "loitering") -> Envelope:
        return open_envelope(self.make(klass, data, kind=kind), self.ring)

    def several(self, count: int) -> list[Envelope]:
        return [self.opened() for _ in range(count)]

    def head(self) -> Envelope:
        """A head that tells the truth about now."""
        return self.opened(Class.HEAD, HeadData(seq=self.seq, digest=self.prev), kind="node")

    def dropping(self, *ranges: tuple[int, int]) -> Envelope:
        said = AuditData(action="dropped", subject="evt", first=ranges[0][0], last=ranges[-1][1], ranges=ranges)
        return self.opened(Class.AUDIT, said, kind="dropped")
