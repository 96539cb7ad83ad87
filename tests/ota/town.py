"""A union with its authority, the keys of its people, and a node that has a configuration and no process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agent.contract.topics import NodeName
from agent.ota import authority, drafts, keys, publish, request
from agent.ota.approval import understood
from agent.ota.floors import loosened
from agent.ota.ledger import Attempt, Connect, Ledger
from agent.ota.offer import Instant, Offers
from agent.ota.releases import Disk, RealDisk, Releases
from agent.ota.source import Shelf
from agent.ota.update import Update, Verdict

UNION = "romagna"
NAME = NodeName(UNION, "brisighella", "n-0017")
AT = 1_780_000_000.0
MASK = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.4], [0.0, 0.4]]
WIDER = [[0.0, 0.0], [0.6, 0.0], [0.6, 0.4], [0.0, 0.4]]
NARROWER = [[0.0, 0.0], [0.4, 0.0], [0.4, 0.4], [0.0, 0.4]]
PATTO: dict[str, Any] = {
    "version": 1, "id": "police-2026", "comuni": ["brisighella"], "events": ["tamper"], "purpose": "public-security",
    "partner": {"id": "police-faenza", "name": "Police", "role": "police", "contact": "dpo@police.example"},
    "legal_basis": "12/2026", "since": "2026-01-01", "until": "2026-12-31", "retention_days": 5,
}  # fmt: skip


LISTENING = PATTO | {"id": "listening", "sound": True, "retention_days": 6}
LABELS = ["person", "bicycle", "car", "motorcycle", "bus", "truck", "dog"]


def _uplink(**changed: Any) -> dict[str, Any]:
    """The section of the first configuration but for this."""
    return {"uplink": {"broker": {"host": "localhost", "port": 8883}} | changed}


def _patto(**changed: Any) -> dict[str, Any]:
    return {"agreements": [LISTENING, PATTO | changed]}


AGREED: dict[str, Any] = {"agreements": [LISTENING, PATTO], "vision": {"normality": {"k": 50}}}
"""Sections of a configuration under which there is something to loosen."""

FLOORS: dict[str, tuple[str, dict[str, Any]]] = {
    "masks": ("cameras[gate].view.masks", {"mask": NARROWER}),
    "classes": ("vision.labels", {"vision": AGREED["vision"] | {"labels": LABELS}}),
    "sound": ("sound", {"sound": True}),
    "retention": ("uplink.outbox.max_mb", _uplink(outbox={"max_mb": 65})),
    "budget": ("uplink.budget.evt_kb", _uplink(budget={"evt_kb": 9000})),
    "minimum k": ("vision.normality.k", {"vision": {"normality": {"k": 20}}}),
    "receivers": ("uplink.broker.host", _uplink(broker={"host": "127.0.0.1", "port": 8883})),
    "a new partner": ("agreements[radio]", {"agreements": [LISTENING, PATTO, PATTO | {"id": "radio"}]}),
    "leave to listen": ("agreements[police-2026].sound", _patto(sound=True)),
    "more events": ("agreements[police-2026].events", _patto(events=["tamper", "loitering"])),
    "for longer": ("agreements[police-2026].until", _patto(until="2027-12-31")),
    "from earlier": ("agreements[police-2026].since", _patto(since="2025-01-01")),
    "kept for longer": ("agreements[police-2026].retention_days", _patto(retention_days=30)),
    "the strictest gone": ("agreements", {"agreements": [LISTENING]}),
    "another purpose": ("agreements[police-2026].purpose", _patto(purpose="traffic")),
    "another partner": ("agreements[police-2026].partner", _patto(partner=PATTO["partner"] | {"id": "radio"})),
}  # fmt: skip
"""What loosens each floor of a configuration with AGREED: the line that is named, and the sections changed."""


def config(name: NodeName = NAME, *, mask: Any = MASK, **changed: Any) -> bytes:
    """A node's configuration as text; `changed` are whole sections."""
    document = {
        "version": 1,
        "node": {"union": name.union, "comune": name.comune, "id": name.node},
        "uplink": {"broker": {"host": "localhost", "port": 8883}},
        "cameras": [
            {
                "id": "gate",
                "input": {"driver": "synthetic"},
                "view": {"masks": [mask] if mask else [], "zones": [{"id": "yard", "polygon": MASK}]},
            }
        ],
        "rules": [{"id": "stays", "kind": "loitering", "stay_s": 60}],
    } | changed
    return json.dumps(document, indent=1).encode()  # which is YAML too, without anchors


@dataclass
class Union:
    """An authority with one comune, wholly signed, and all private keys at hand."""

    folder: Path
    at: float = AT
    comuni: Sequence[str] = ("brisighella",)
    name: str = UNION

    def __post_init__(self) -> None:
        people = self.folder / "people"
        self.root = [keys.make(people / f"root-{one}.pem") for one in "abc"]
        self.targets = [keys.make(people / f"targets-{one}.pem") for one in "abc"]
        self.authority = authority.found(
            self.folder / "authority", self.name, root=self.root, targets=self.targets, at=self.at
        )
        for comune in self.comuni:
            self.delegate(comune)
        self.sign()

    def key(self, name: str) -> Path:
        """A public key by its person; the private one lies beside it."""
        return self.folder / "people" / f"{name}.pub.pem"

    def pen(self, name: str) -> keys.Pen:
        return keys.pen(self.folder / "people" / f"{name}.pem")

    def delegate(self, comune: str) -> None:
        people = self.folder / "people"
        both = [keys.make(people / f"{comune}-{one}.pem") for one in ("maintainer", "comune")]
        drafts.delegate(
            self.authority, comune, keys=both, second=keys.make(people / f"{comune}-second.pem"), at=self.at
        )

    def sign(self, *names: str) -> int:
        """Let these people sign what waits, or everybody; how many signatures were new."""
        asked = request.request(self.authority)
        people = names or tuple(keys.name(path) for path in sorted((self.folder / "people").glob("*.pub.pem")))
        new = 0
        for name in people:
            pen = self.pen(name)
            if any(pen.id in paper.keys for paper in asked.papers):
                asked, _ = request.sign(asked, pen)
        new = request.receive(self.authority, asked)
        self.authority.promote(self.at)
        return new

    def release(
        self, content: bytes, *, files: dict[str, bytes] | None = None, consent: bool = False, running: bytes = b""
    ) -> None:
        """Order a configuration for the node and let everybody sign, to what loosens the one that is running too."""
        self.draft(content, files=files, consent=consent, running=running)
        self.sign()

    def draft(
        self, content: bytes, *, files: dict[str, bytes] | None = None, consent: bool = False, running: bytes = b""
    ) -> None:
        name = named(content)
        before = running or drafts.released(self.authority, name) or config()
        lines = loosened(understood(before, name="before"), understood(content, name="after")) if consent else []
        order = drafts.Release(name, content, files or {}, tuple(map(str, lines)))
        drafts.release(self.authority, name.comune, [order], at=self.at)

    def publish(self, folder: Path, *, turn: Sequence[str] | None = None) -> Shelf:
        """Lay everything out as on a stick; the shelf of the one comune."""
        publish.to_folder([publish.parcel(self.authority, one, turn=turn) for one in self.comuni], folder)
        return Shelf(folder / "brisighella")


def named(content: bytes) -> NodeName:
    node = json.loads(content)["node"]
    return NodeName(node["union"], node["comune"], node["id"])


@dataclass
class Health:
    """A gate that says what it is told to."""

    verdict: Verdict = field(default_factory=lambda: Verdict(None, "no-frames"))

    def begin(self, attempt: Attempt) -> None:
        pass

    def judge(self, attempt: Attempt) -> Verdict:
        return self.verdict


@dataclass
class Node:
    """A node on whose disk a configuration runs."""

    folder: Path
    bootstrap: bytes
    shelf: Shelf
    name: NodeName = NAME
    at: float = AT
    sure: bool = True
    boot: str = "boot-1"
    gate: Any = field(default_factory=Health)
    disk: Disk = field(default_factory=RealDisk)
    connect: Connect | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.releases = Releases(self.folder, self.disk)
        if not self.releases.running():
            self.releases.switch(self.releases.stage(0, {"node.yaml": config(self.name)}))

    def update(self) -> Update:
        """The process, started anew."""
        path = self.folder / "ota.sqlite"
        ledger = Ledger(path, connect=self.connect) if self.connect else Ledger(path)
        return Update(
            Offers(self.name, self.folder, self.bootstrap, ledger),
            self.shelf,
            self.releases,
            ledger,
            self.gate,
            lambda: Instant(self.at, self.sure),
            lambda: self.at,
            self.boot,
        )

    def steps(self, count: int = 8) -> Attempt:
        """So many moves of one process; what stands then."""
        update = self.update()
        for _ in range(count):
            attempt = update.step()
        update.ledger.close()
        return attempt

    def runs(self) -> bytes:
        return self.releases.file(self.releases.running())


def node(union: Union, folder: Path, **changed: Any) -> Node:
    """A node that was given the union's first root, with a stick before it."""
    root = union.authority.signed("root", 1) or b""
    return Node(folder / "node", root, union.publish(folder / "stick"), **changed)


GOOD = Verdict(True)
BAD = Verdict(False, "no-frames")


def healthy(one: Node) -> Node:
    return replace(one, gate=Health(GOOD))
