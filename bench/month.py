"""A month of a node that nobody looks after: what grows, what it logs, whether it keeps its certificate, its time and its events.

    python bench/month.py [--days N] [--events N] [--json]

Time is simulated, everything else is a node's: outbox, link, learning, saved clock, enrolment and a weekly look for a renewal against the
authority's desk; a broker in memory and a store. Each day has `--events` events (opened, closed half a minute later), health each minute, counts each
quarter of an hour, four sessions lost, spoiled letters, and one brown-out: the process ends without a word, what lay in memory
is gone, and the machine comes up in 1970, without a clock of its own, for two minutes, until a server tells it the time.

It ends with 1 when something was lost, time went back, the certificate ran out, descriptors stay open, memory grows by more than
MOST_KB a day, or a day's log does not fit into half of what journald is given.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import random
import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import msgspec

from agent.anomaly.engine import Engine, ids
from agent.anomaly.settings import BaselineRule
from agent.clock import SimulatedClock, SystemClock
from agent.commands import floor
from agent.commands.node import SAVE_S
from agent.contract.envelope import open_envelope
from agent.contract.topics import NodeName
from agent.files import write_atomic
from agent.logs import JsonFormatter
from agent.provision.bench import Bench
from agent.provision.ca import ends_at
from agent.provision.enrol_desk import DAYS, Desk
from agent.provision.enrol_node import Place, enrol, renew
from agent.provision.identity import Ticket
from agent.records import ClockQuality, Observation, Phase
from agent.subscriber.keeper import Keeper
from agent.subscriber.receipts import Receipts
from agent.subscriber.store import Store
from agent.transport.memory import MemoryBroker
from agent.uplink.envelope import Sealer
from agent.uplink.inbox import Inbox, Letter
from agent.uplink.link import Link
from agent.uplink.outbox import Outbox, OutboxReader
from agent.uplink.settings import BrokerSettings, OutboxSettings, UplinkSettings
from agent.uplink.spool import Every, Spool
from bench.machine import show
from tests.contract.makers import AT, NODE, STORE, signer
from tests.faults.f16_soak import Look, descriptors, growth, held_kb, resident_kb
from tests.uplink.nodes import STATE, WORDS, event, health, ring, stat

DAY_S, WEEK_S, STEP_S = 86_400, 7 * 86_400, 30
SYNCED_AFTER_S, SESSIONS = 120.0, 4
MOST_KB = 16.0
"""Of memory that a day may add: half a megabyte in a month."""

LINE_BYTES = 1024
"""What journald keeps of a line beside its text, generously: two dozen fields and their index."""

SETTINGS = UplinkSettings(BrokerSettings("localhost"), outbox=OutboxSettings(max_mb=64))
JOURNALD = Path(__file__).parents[1] / "firmware_config/root/usr/lib/systemd/journald.conf.d/80-piazza.conf"


def journal_mb() -> int:
    """What the configuration of the card gives to the log."""
    return int(re.findall(r"^RuntimeMaxUse=(\d+)M$", JOURNALD.read_text(encoding="ascii"), re.MULTILINE)[0])


class Counted(logging.Handler):
    """Counts what a node's processes would have written to standard error."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.lines = self.bytes = 0
        self.texts = Counter[str]()

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("agent.subscriber"):
            self.lines += 1
            self.bytes += len(self.format(record).encode())
            self.texts[record.getMessage()] += 1


class Machine:
    """A board: a monotonic clock from its start, and a wall clock of 1970 until a server tells the time."""

    def __init__(self, world: SimulatedClock) -> None:
        self.world, self.began = world, world.now()
        self.clock = SystemClock(wall=self.wall, ticks=lambda: world.now() - self.began)

    @property
    def synced(self) -> bool:
        return self.world.now() - self.began >= SYNCED_AFTER_S

    def wall(self) -> float:
        return self.world.now() if self.synced else self.world.now() - self.began

    def trust(self) -> ClockQuality:
        return ClockQuality.NTP if self.synced and not self.clock.impossible else ClockQuality.UNSYNCED


class Run:
    """From one start of the machine to its end without a word."""

    def __init__(self, folder: Path, world: SimulatedClock, broker: MemoryBroker, number: int) -> None:
        self.folder, self.machine = folder, Machine(world)
        self.clock = self.machine.clock
        self.clock.not_before(floor.read(folder))
        shutil.rmtree(folder / "inbox", ignore_errors=True)
        self.inbox = Inbox(folder / "inbox")
        sealer = Sealer(NODE, signer("node"), WORDS, clock=self.clock, boot=f"{number:08x}", trust=self.machine.trust)
        self.outbox, self.reader = (
            Outbox(folder / "outbox.sqlite", SETTINGS.outbox),
            OutboxReader(folder / "outbox.sqlite"),
        )
        self.spool = Spool(self.outbox, sealer, self.inbox, ring(), SETTINGS)
        chance = random.Random(number)
        self.link = Link(
            NODE, self.reader, broker.transport("link"), self.inbox, SETTINGS, clock=self.clock, randomness=chance
        )
        self.rules = [BaselineRule(id=f"usual-{one}", quantity=f"zone-{one}/person/count") for one in range(4)]
        self.engine = Engine(self.rules, new_id=ids(str(number)))
        learned = folder / "learned.json"
        if learned.exists():
            self.engine.restore(msgspec.json.decode(learned.read_bytes()))
        self.save = Every(SAVE_S)
        self.link.open()
        self.spool.birth(STATE)

    def step(self, second: int, *, every_s: float) -> None:
        """Half a minute of work."""
        self.clock.resync()
        at = self.clock.now()
        for earlier, phase in ((0, Phase.OPENED), (STEP_S, Phase.CLOSED)):
            began = second - earlier
            for turn in range(int(began // every_s), int((began + STEP_S) // every_s)):
                self.spool.put(event(id=f"event {turn}", at=at, phase=phase, closed_by="rule" if earlier else ""))
                self.spool.flush()
        if second % 60 == 0:
            self.spool.put(health(at))
        if second % 900 == 0:
            self.spool.put(stat(at))
            self.spool.flush()
        if second % 3600 == 0:
            self.inbox.put(Letter(f"piazza/v1/{NODE}/cmd/node", random.Random(second).randbytes(60)))
        for zone in range(4):
            self.engine.update(Observation("gate-cam", f"zone-{zone}/person/count", float(second % 7), at))
        self.spool.tick(at)
        self.link.run_once(0.0)
        if self.save.due(self.clock.monotonic()):
            floor.keep(self.folder, at, self.machine.trust())
            write_atomic(self.folder / "learned.json", msgspec.json.encode(self.engine.state()))

    def cut(self) -> None:
        """What was committed stays; nobody says good-bye."""
        self.reader.close()
        del self.outbox, self.spool  # and with them what waited for a commit


class Certified:
    """The node's certificates at its authority; the first were given when the older half of their days had gone by."""

    def __init__(self, folder: Path, at: float) -> None:
        self.desk, self.place, self.times = (
            Desk(Bench.make(folder / "authority", at=at - DAYS * DAY_S)),
            Place(folder / "etc"),
            0,
        )
        for part in ("keys", "tls"):
            (self.place.root / part).mkdir(parents=True)
        before, name = at - DAYS / 2 * DAY_S, NodeName(NODE.union, NODE.comune, NODE.node)
        ticket = Ticket.new(name, "localhost:1", at=before)
        self.place.ticket.write_bytes(msgspec.json.encode(ticket))
        self.desk.expect(ticket, approved=True)
        enrol(
            self.place, lambda asked: self.desk.take(asked, at=before), clock=SimulatedClock(before), say=lambda _: None
        )

    def week(self, at: float) -> None:
        self.times += renew(self.place, lambda asked: self.desk.renew(asked, at=at))

    def days_left(self, at: float) -> float:
        return (ends_at(self.place.certificate("tls").read_text(encoding="ascii")) - at) / DAY_S


def lived(folder: Path, *, days: int, events: int) -> dict[str, float]:
    """So many days; what there is to say of them."""
    world, counted = SimulatedClock(AT), Counted()
    logging.getLogger().addHandler(counted)
    logging.getLogger().setLevel(logging.INFO)
    broker = MemoryBroker(world, randomness=random.Random(1))
    store = Store(folder / "events.sqlite")
    keeper = Keeper(
        broker.transport("store"),
        ring(),
        store,
        Receipts(STORE, signer("store"), clock=world),
        union=NODE.union,
        clock=world,
    )
    keeper.open()
    certified = Certified(folder, AT)
    run, looks, held, files, least = (
        Run(folder, world, broker, 0),
        list[Look](),
        list[Look](),
        0,
        certified.days_left(AT),
    )
    for second in range(0, days * DAY_S, STEP_S):
        world.advance_to(AT + second)
        if second % DAY_S == DAY_S // 2:
            run.cut()
            run = Run(folder, world, broker, second)
        if second % (DAY_S // SESSIONS) == 0 and second:
            broker.cut("link")
        if second % WEEK_S == 0:
            certified.week(world.now())
        run.step(second, every_s=DAY_S / events)
        keeper.run_once(0.0)
        broker.log.clear()
        if second % (DAY_S // 4) == 0 and second >= 2 * DAY_S:
            gc.collect()
            looks.append((second, resident_kb()))
            held.append((second, held_kb()))
            files = files or descriptors()
            least = min(least, certified.days_left(world.now()))
    for _ in range(20):
        world.sleep(STEP_S)
        run.spool.tick(run.clock.now())
        run.link.run_once(0.0)
        keeper.run_once(0.0)
    logging.getLogger().removeHandler(counted)
    found = {
        "envelopes": store.count(),
        "lost": run.outbox.tail.seq - store.count(),
        **_times(store),
        "memory_kb_per_day": growth(looks) * DAY_S,
        "held_kb_per_day": growth(held) * DAY_S,
        "descriptors_left": max(0, descriptors() - files) if files else 0,
        "log_lines_per_day": counted.lines / days,
        "log_kb_per_day": (counted.bytes + counted.lines * LINE_BYTES) / 1024 / days,
        "renewals": certified.times,
        "certificate_days_least": least,
        "outbox_kb": (folder / "outbox.sqlite").stat().st_size / 1024,
    }
    run.cut()
    store.close()
    return found


def _times(store: Store) -> dict[str, float]:
    """What the chain says of time: whether it went back, and how much of it is marked as not to be trusted."""
    known = ring()
    latest, back, untrusted = 0.0, 0, 0
    for _, token in store.tokens(str(NODE)):
        envelope = open_envelope(token, known)
        back += envelope.at < latest - 1.0 and envelope.payload.clock is ClockQuality.NTP
        untrusted += envelope.payload.clock is not ClockQuality.NTP
        latest = max(latest, envelope.at)
    return {"times_back": back, "of_a_clock_not_set": untrusted}


def measured(*, days: int, events: int) -> tuple[dict[str, str], list[str]]:
    """The figures, and what of them is out of bounds."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as made:
        found = lived(Path(made), days=days, events=events)
    journal_kb = journal_mb() * 1024
    bounds = {
        "envelopes lost": found["lost"] != 0,
        "time went back": found["times_back"] != 0,
        "descriptors stay open": found["descriptors_left"] != 0,
        "memory grows": days >= 7 and found["memory_kb_per_day"] > MOST_KB,
        "a day's log fills the journal": found["log_kb_per_day"] > journal_kb / 2,
        "the certificate ran out": found["certificate_days_least"] <= 0,
    }
    figures = {
        "lived": f"{days} days, {events} events each, {days} brown-outs, {SESSIONS * days} sessions lost",
        "envelopes kept by the store": f"{found['envelopes']:,.0f}, {found['lost']:.0f} lost",
        "made before the clock was set": f"{found['of_a_clock_not_set']:,.0f}, each marked; time went back {found['times_back']:.0f} times",
        "resident memory": f"{found['memory_kb_per_day']:+.1f} kB a day (bound: {MOST_KB:g}); given out by malloc {found['held_kb_per_day']:+.1f}",
        "descriptors": f"{found['descriptors_left']:.0f} more than on the third day",
        "log": f"{found['log_lines_per_day']:.0f} lines, {found['log_kb_per_day']:.0f} kB in the journal a day: {journal_kb / found['log_kb_per_day']:,.0f} days fit into {journal_mb()} MB",
        "certificate": f"renewed {found['renewals']:.0f} times, never fewer than {found['certificate_days_least']:.0f} days left",
        "outbox in the end": f"{found['outbox_kb']:.0f} kB",
    }
    return figures, [name for name, bad in bounds.items() if bad]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures, broken = measured(days=options.days, events=options.events)
    show(figures, as_json=options.json)
    for name in broken:
        print(json.dumps({"out of bounds": name}))
    raise SystemExit(bool(broken))
