"""A rollout rehearsed: the real engine, a broker in a list, and nodes that take in the real release on a clock of their own.

Nothing of it leaves this process, and nothing real changes. Each node runs the same code as in the field
(`Updates` for link, `Update` for the update process); only its health is made up.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent import __version__
from agent.clock import Clock, SimulatedClock
from agent.contract.jws import Key, KeyRing, Signer
from agent.contract.topics import NodeName, Topic
from agent.contract.types import StateData, UpdateData
from agent.errors import Refused
from agent.ota import drafts, metadata
from agent.ota.authority import Authority
from agent.ota.ledger import Attempt, Ledger, State
from agent.ota.offer import Instant, Offers
from agent.ota.releases import RealDisk, Releases
from agent.ota.rollout import Progress
from agent.ota.source import Shelf
from agent.ota.update import Update, Verdict
from agent.records import ClockQuality
from agent.transport import Message
from agent.transport.memory import MemoryBroker, MemoryTransport
from agent.uplink.door import Vocabulary
from agent.uplink.envelope import Sealer
from agent.uplink.updates import SHELF, Updates

PROVES_S = 30.0
"""How long a healthy node takes to be content."""
SHORT = 12
STEP_S = 9.0
"""What passes between two turns, beside the second for which the engine listens."""


@dataclass
class Gate:
    """Health made up: content after a while, or never."""

    clock: Clock
    well: bool
    began: float = 0.0

    def begin(self, attempt: Attempt) -> None:
        del attempt
        self.began = self.clock.now()

    def judge(self, attempt: Attempt) -> Verdict:
        """Good in time, or nothing that could be judged."""
        del attempt
        return Verdict(True if self.well and self.clock.now() - self.began >= PROVES_S else None, "no-frames")


@dataclass
class Node:
    """One simulated node with a folder of its own."""

    name: NodeName
    folder: Path
    transport: MemoryTransport
    sealer: Sealer
    clock: Clock
    gate: Gate
    updates: Updates = field(init=False)
    update: Update = field(init=False)
    resting: bool = False
    told: tuple[str, str] = ("", "")

    def begin(self, config: bytes, root: bytes) -> None:
        """Put it up with a configuration and the union's first root."""
        ota = self.folder / "ota"
        (self.folder / "inbox").mkdir(parents=True)
        ota.mkdir()
        releases, ledger = Releases(ota, RealDisk()), Ledger(ota / "ota.sqlite")
        releases.switch(releases.stage(0, {"node.yaml": config}))
        self.updates = Updates(self.name, self.transport, self.folder / "inbox")
        self.update = Update(
            Offers(self.name, ota, root, ledger),
            Shelf(self.folder / SHELF),
            releases,
            ledger,
            self.gate,
            lambda: Instant(self.clock.now(), sure=True),
            self.clock.monotonic,
            "rehearsal",
            self._wish,
        )
        self.updates.begin()
        self.transport.open()

    def _wish(self, names: Sequence[str]) -> None:
        (self.folder / "ota" / "wishes").write_text("\n".join(names), encoding="ascii")

    def turn(self) -> None:
        """What link and the update process do in a moment."""
        self.updates.look(self.clock.monotonic())
        heard = [happening for happening in self.transport.poll(0.0) if isinstance(happening, Message)]
        for message in heard:
            self._hear(message)
        if not heard and self.resting:
            return
        before, attempt = None, self.update.step()
        while attempt != before and not attempt.resting:
            before, attempt = attempt, self.update.step()
        self.resting = attempt.resting
        self._tell(attempt)

    def _hear(self, message: Message) -> None:
        try:
            self.updates.receive(Topic.parse(message.topic), message.payload)
        except Refused:
            return

    def _tell(self, attempt: Attempt) -> None:
        """Sign a state where it is another than before."""
        runs = self.update.releases.running().partition("-")[2][:SHORT]
        if not attempt.seq or self.told == (runs, attempt.state):
            return
        self.told = (runs, attempt.state)
        topic, token = self.sealer.state(
            StateData(
                status="up",
                agent=__version__,
                cfg=runs,
                model="0" * SHORT,
                contract="0" * SHORT,
                clock=ClockQuality.NTP,
                delete_on="receipt",
                update=UpdateData(seq=attempt.seq, phase=attempt.state.value),
            )
        )
        self.transport.publish(topic, token.encode(), retain=True)


@dataclass
class Rehearsal:
    """All nodes of a rollout; `bad` are those on which the release does not work."""

    authority: Authority
    folder: Path
    clock: SimulatedClock
    bad: Collection[str] = ()
    nodes: list[Node] = field(default_factory=list)
    ring: KeyRing = field(default_factory=KeyRing)

    def __post_init__(self) -> None:
        self.broker = MemoryBroker(self.clock)

    def put_up(self, progress: Progress) -> None:
        """Make every node of a rollout, each with what was released to it before, or else with what is ordered now."""
        root = self.authority.signed("root", 1) or b""
        for member in progress.members:
            name, signer = NodeName.parse(member.name), Signer(os.urandom(32))
            self.ring.add(Key(signer.kid, signer.public, "node", member.name))
            node = Node(
                name,
                self.folder / name.comune / name.node,
                self.broker.transport(member.name),
                Sealer(name, signer, Vocabulary(), clock=self.clock, boot="0000beef"),
                self.clock,
                Gate(self.clock, member.name not in self.bad),
            )
            node.begin(self._before(name), root)
            self.nodes.append(node)

    def turn(self) -> bool:
        """Let every node do its part; always False, so that it can stand where one asks to stop."""
        for node in self.nodes:
            node.turn()
        self.clock.sleep(STEP_S)
        return False

    def ends(self) -> dict[State, int]:
        """How the update ended, and on how many nodes."""
        found: dict[State, int] = {}
        for node in self.nodes:
            attempt = node.update.ledger.attempt()
            state = attempt.state if attempt else State.IDLE
            found[state] = found.get(state, 0) + 1
        return found

    def _before(self, name: NodeName) -> bytes:
        for version in range(self.authority.version(name.comune) - 1, 0, -1):
            signed = self.authority.signed(name.comune, version)
            target = metadata.offered(signed).get(drafts.config_path(name)) if signed else None
            if target:
                return self.authority.content(target)
        return drafts.released(self.authority, name) or b""
