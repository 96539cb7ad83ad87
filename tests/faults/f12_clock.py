"""F12: the clock of a node is wrong, or is set while it runs; nothing is lost, disconnected or out of order.

    python -m tests.faults.f12_clock [--count N] [--seed N] [--json]

The cases in turn: 1970, a day behind, two years ahead, each until a time server comes; live steps both ways, small
and large; both hours of the night when summer time ends; a clock chip that is an hour off. A real spool, outbox,
link, broker in memory and store go through half an hour of each. What must hold: one session, everything kept in
the order of its numbers, no time told that has surely passed, whatever a wrong clock made is marked as
not vouched for, and `Restamp` finds its true time to a second.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from agent.clock import FLOOR, SimulatedClock, SystemClock
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.topics import Class
from agent.records import ClockQuality
from agent.subscriber.keeper import Keeper
from agent.subscriber.receipts import Receipts
from agent.subscriber.restamp import Restamp
from agent.subscriber.store import Store
from agent.transport import Connected, Disconnected, Message
from agent.transport.memory import MemoryBroker
from agent.uplink.envelope import Sealer
from agent.uplink.inbox import Inbox
from agent.uplink.link import Link
from agent.uplink.outbox import Outbox, OutboxReader
from agent.uplink.settings import BrokerSettings, UplinkSettings
from agent.uplink.spool import Spool
from tests.contract.makers import NODE, STORE, signer
from tests.faults import row
from tests.uplink.nodes import WORDS, event, ring

BEGIN = 1_792_889_400.0
"""2026-10-25 00:50 UTC: ten minutes later summer time ends in Europe."""

MINUTES = 30
SYNC_AT = 20
"""The minute in which a time server comes."""

BAD = ("disconnects", "lost", "out_of_order", "impossible_times", "not_flagged", "not_restamped")


@dataclass
class Machine:
    """A wall clock that is wrong by `error_s` at true minute m, and what vouches for it."""

    error_s: Callable[[float], float]
    world: SimulatedClock = field(default_factory=lambda: SimulatedClock(BEGIN))
    synced: bool = False

    def clock(self) -> SystemClock:
        return SystemClock(wall=self.wall, ticks=self.world.monotonic)

    def wall(self) -> float:
        minute = (self.world.now() - BEGIN) / 60.0
        return max(0.0, self.world.now() + (0.0 if self.synced else self.error_s(minute)))


def _steps(randomness: random.Random, size_s: float) -> Callable[[float], float]:
    """Somebody sets the clock every five minutes."""
    errors = [randomness.uniform(-size_s, size_s) for _ in range(MINUTES)]
    return lambda minute: errors[int(minute // 5)]


CASES: tuple[tuple[str, Callable[[random.Random], Callable[[float], float]]], ...] = (
    ("1970", lambda _: lambda _m: -BEGIN),
    ("1970 and running", lambda _: lambda _m: -BEGIN + 3600.0),
    ("a day behind", lambda _: lambda _m: -86_400.0),
    ("two years ahead", lambda _: lambda _m: 2 * 365 * 86_400.0),
    ("live steps of seconds", lambda chance: _steps(chance, 9.0)),
    ("live steps of hours", lambda chance: _steps(chance, 4 * 3600.0)),
    ("live steps of years", lambda chance: _steps(chance, 3e8)),
    ("an hour ahead, as one who keeps local time", lambda _: lambda _m: 3600.0),
    ("an hour back in the middle, as summer time ends", lambda _: lambda m: 3600.0 if m < 10 else 0.0),
    ("an hour ahead in the middle, as it begins", lambda _: lambda m: 0.0 if m < 10 else 3600.0),
    ("a chip that is a minute off", lambda _: lambda _m: 61.0),
    ("right", lambda _: lambda _m: 0.0),
)


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` half hours, the cases in turn."""
    counts: Counter[str] = Counter(dict.fromkeys(("half_hours", "cases", "envelopes", "sessions", *BAD), 0))
    counts["half_hours"], counts["cases"] = count, len(CASES)
    randomness = random.Random(seed)
    for number in range(count):
        _, make = CASES[number % len(CASES)]
        with tempfile.TemporaryDirectory(dir=row.MEMORY) as folder:
            counts.update(lived(Path(folder), Machine(make(randomness)), randomness))
    return counts


def lived(folder: Path, machine: Machine, randomness: random.Random) -> Counter[str]:
    """Half an hour of one node."""
    clock, broker = machine.clock(), MemoryBroker(machine.world)
    settings = UplinkSettings(BrokerSettings("localhost"))
    sealer = Sealer(
        NODE, signer("node"), WORDS, clock=clock, boot="0000beef",
        trust=lambda: ClockQuality.NTP if machine.synced else ClockQuality.UNSYNCED,
    )  # fmt: skip
    outbox = Outbox(folder / "outbox.sqlite", settings.outbox)
    spool = Spool(outbox, sealer, Inbox(folder / "inbox"), ring(), settings)
    link = Link(
        NODE, OutboxReader(folder / "outbox.sqlite"), broker.transport("link"), Inbox(folder / "inbox"), settings,
        clock=clock, randomness=randomness,
    )  # fmt: skip
    store = Store(folder / "events.sqlite")
    receipts = Receipts(STORE, signer("store"), clock=machine.world)
    keeper = Keeper(broker.transport("store"), ring(), store, receipts, union=NODE.union, clock=machine.world)
    keeper.open()
    observer = broker.transport("observer")
    observer.subscribe("#")
    observer.open()
    truly: list[float] = []
    link.open()
    sessions: Counter[str] = Counter()
    got: list[Message] = []
    for second in range(0, MINUTES * 60, 10):
        machine.world.advance_to(BEGIN + second)
        machine.synced = second >= SYNC_AT * 60
        clock.resync()
        if second % 60 == 0:
            spool.put(event(id=f"{second}", at=clock.now()))
            truly.append(BEGIN + second)
        spool.tick(clock.now())
        link.run_once(0.0)
        keeper.run_once(0.0)
        for happening in observer.poll(0.0):
            got += [happening] if isinstance(happening, Message) else []
            sessions.update(disconnects=isinstance(happening, Disconnected), sessions=isinstance(happening, Connected))
    sessions["disconnects"] += link.counts.sessions - 1
    spool.flush()
    outbox.close()
    counts = sessions + judged(got, truly)
    counts["lost"] = len(truly) - store.count()
    store.close()
    return counts


def judged(got: list[Message], truly: list[float]) -> Counter[str]:
    """What a receiver can say of it."""
    restamp, counts = Restamp(), Counter[str]()
    opened = [open_envelope(one.payload, ring(), topic=one.topic) for one in got]
    told: dict[int, Envelope] = {one.seq: one for one in opened if one.klass is Class.EVT}
    for one in opened:
        restamp.see(one)
    counts["envelopes"] = len(told)
    monos = [told[seq].payload.mono for seq in sorted(told)]
    counts["out_of_order"] = sum(after <= before for before, after in pairwise(monos))
    for true, seq in zip(truly, sorted(told), strict=False):
        one = told[seq]
        found = restamp.at(one)
        wrong = abs(one.at - true) > 1.0
        counts["impossible_times"] += one.at < FLOOR
        counts["not_flagged"] += wrong and one.payload.clock is ClockQuality.NTP
        counts["not_restamped"] += found is None or abs(found - true) > 1.0
    return counts


if __name__ == "__main__":
    raise SystemExit(row.main("F12 clock", run, count=12, targets=BAD))
