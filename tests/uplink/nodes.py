"""A node's uplink in a folder: clock, outbox, sealer, inbox and spool, and what a receiver would see."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from agent.clock import SimulatedClock
from agent.contract.envelope import Envelope, open_envelope, spell
from agent.contract.jws import KeyRing
from agent.contract.topics import Class, NodeName
from agent.contract.types import Data, ReceiptData
from agent.records import Audit, Event, Health, Phase, Reason, Severity, Stat
from agent.uplink.door import Vocabulary
from agent.uplink.envelope import Sealer
from agent.uplink.inbox import Inbox, Letter
from agent.uplink.outbox import Outbox, OutboxReader
from agent.uplink.settings import BrokerSettings, OutboxSettings, UplinkSettings
from agent.uplink.simulated import BIRTH
from agent.uplink.spool import Spool
from tests.contract.makers import AT, NODE, STORE, payload, ring_of, signer

WORDS = Vocabulary(
    rules=frozenset({"stays"}), sources=frozenset({"gate-cam", "host"}), zones=frozenset({"gate", "kerb"})
)
STATE = BIRTH
OPERATOR = NodeName("romagna-faentina", "brisighella", "operator")
MAINTAINER = NodeName("romagna-faentina", "centre", "maintainer")
PARTIES = {"store": STORE, "operator": OPERATOR, "maintainer": MAINTAINER}


def event(**changed: Any) -> Event:
    reason = Reason("gate/person/stay_s", "stay", 41.0, expected=30.0)
    given: dict[str, Any] = {
        "id": "happening 1", "rule": "stays", "kind": "loitering", "phase": Phase.OPENED, "severity": Severity.NOTICE,
        "at": AT, "source": "gate-cam", "reason": reason, "zone": "gate", "label": "person",
    }  # fmt: skip
    return Event(**given | changed)


def stat(at: float = AT) -> Stat:
    return Stat("gate-cam", at - 900, at, 0.97, (("gate/person/count", 1.26), ("kerb/person/in", 7.0)))


def health(at: float = AT) -> Health:
    return Health(at, (("cpu_temp_c", 61.3), ("gate-cam/fps", 5.02)))


def sealer(clock: SimulatedClock | None = None, **more: Any) -> Sealer:
    return Sealer(NODE, signer("node"), WORDS, clock=clock or SimulatedClock(AT), boot="0000beef", **more)


def letter(
    klass: Class, data: Data, *, role: str = "store", retained: bool = False, node: NodeName = NODE, **changed: Any
) -> Letter:
    """A message signed by a party of the ring, as link would drop it."""
    kind = "store" if klass is Class.RCPT else "node"
    changed.setdefault("id", f"{171:016x}")
    if isinstance(data, ReceiptData) and not data.key:
        data = msgspec.structs.replace(data, key=signer("node").kid)
    token, _ = signer(role).seal(spell(payload(klass, data, name=PARTIES[role], kind=kind, **changed)))
    return Letter(f"piazza/v1/{node}/{klass}/{kind}", token.encode(), retained=retained)


def ring() -> KeyRing:
    """What a node and its receivers trust."""
    return ring_of((signer("node"), "node", NODE), *((signer(role), role, name) for role, name in PARTIES.items()))


@dataclass
class Node:
    """What stands on one node between the records and the link."""

    folder: Path
    max_mb: int = 16
    delete_on: Any = "receipt"
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(AT))

    def __post_init__(self) -> None:
        self.settings = UplinkSettings(
            BrokerSettings("localhost"), outbox=OutboxSettings(max_mb=self.max_mb), delete_on=self.delete_on
        )
        self.ring: KeyRing = ring_of(
            (signer("node"), "node", NODE),
            (signer("store"), "store", STORE),
            (signer("operator"), "operator", OPERATOR),
            (signer("maintainer"), "maintainer", MAINTAINER),
        )
        self.outbox = Outbox(self.folder / "outbox.sqlite", self.settings.outbox)
        self.inbox = Inbox(self.folder / "inbox")
        self.spool = Spool(self.outbox, sealer(self.clock), self.inbox, self.ring, self.settings)
        self.reader = OutboxReader(self.folder / "outbox.sqlite")

    def seen(self, klass: Class | None = None) -> list[Envelope]:
        """What a receiver would open now."""
        rows = self.reader.after(0, limit=100_000)
        opened = [open_envelope(row.token, self.ring, topic=row.topic) for row in rows]
        return [envelope for envelope in opened if klass in (None, envelope.klass)]

    def statement(self, klass: Class) -> Envelope:
        topic = f"piazza/v1/{NODE}/{klass}/node"
        return next(
            open_envelope(one.token, self.ring, topic=topic) for one in self.reader.statements() if one.topic == topic
        )

    def tick(self, *, after_s: float = 1.0) -> list[Envelope]:
        self.clock.sleep(after_s)
        return self.spool.tick(self.clock.now())

    def audits(self) -> list[tuple[str, str, str]]:
        return [(e.data.action, e.data.subject, e.data.outcome) for e in self.seen(Class.AUDIT)]  # type: ignore[union-attr]


def audit(**changed: Any) -> Audit:
    given: dict[str, Any] = {"at": AT, "action": "boot"}
    return Audit(**given | changed)
