"""F16: a node lives through many events at once; its memory does not grow and no file stays open.

    python -m tests.faults.f16_soak [--count N] [--seed N] [--json]

`count` events on a simulated clock, ten a minute, with heads, receipts, health, refused letters, an event each hour that stays
open, and a session lost now and then: spool, outbox, link, broker in memory, store and a reader that judges everything.
After half of them, when all caches are filled, the resident memory and the open descriptors are looked at again and again.
`growth_kb_per_100k` is the slope of the memory, the median of the slopes between any two looks (Theil and Sen), because the
allocator takes and gives back by the megabyte, and one such step in the window is no slope. More than 1024 is `grows`, and so
is a window that ends more than two megabytes above its beginning. `held_growth_kb_per_100k` is the same slope of what malloc has
given out and not got back (on glibc; else 0), `blocks_growth_per_100k` that of Python's own small blocks. `outbox_kb` is what the
node's database takes in the end.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import random
import statistics
import sys
import tempfile
from collections import Counter
from itertools import combinations
from pathlib import Path

from agent.contract.topics import CHAINED, pattern
from agent.records import Phase
from agent.subscriber.keeper import Keeper
from agent.subscriber.reader import Mark, Reader
from agent.subscriber.receipts import Receipts
from agent.subscriber.store import Store
from agent.transport import Message
from agent.transport.memory import MemoryBroker, Weather
from agent.uplink.inbox import Letter
from agent.uplink.link import Link
from tests.contract.makers import NODE, STORE, signer
from tests.faults import row
from tests.uplink.nodes import STATE, Node, event, health, ring

LOOKS = 40
MOST_KB = 1024
MOST_STEPS_KB = 2048
SHORTEST = 20_000
"""With fewer events caches are still being filled when the first look is taken: then growth is printed and not judged."""
BAD = ("lost", "grows", "descriptors_left")
Look = tuple[int, float]
"""How much after how many events."""


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` events through everything."""
    logging.disable(logging.CRITICAL)
    try:
        with tempfile.TemporaryDirectory(dir=row.MEMORY) as folder:
            return lived(Path(folder), count, random.Random(seed))
    finally:
        logging.disable(logging.NOTSET)


class Life:
    """A node, a broker, a store and somebody who watches, on one clock."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.node = Node(folder, max_mb=64)
        clock = self.node.clock
        self.chance = chance
        self.broker = MemoryBroker(clock, randomness=chance, weather=Weather(twice=0.01))
        self.link = Link(
            NODE, self.node.reader, self.broker.transport("link"), self.node.inbox, self.node.settings,
            clock=clock, randomness=chance,
        )  # fmt: skip
        self.store = Store(folder / "events.sqlite")
        receipts = Receipts(STORE, signer("store"), clock=clock)
        transport = self.broker.transport("store")
        self.keeper = Keeper(transport, ring(), self.store, receipts, union=NODE.union, clock=clock)
        self.watcher, self.reader = self.broker.transport("watcher"), Reader(ring())
        for klass in CHAINED:
            self.watcher.subscribe(pattern(klass=klass))
        for one in (self.link, self.keeper, self.watcher):
            one.open()
        self.node.spool.birth(STATE)
        self.marks = Counter[Mark]()

    def minute(self, number: int) -> None:
        """Ten events, and what goes with them."""
        for pair in range(5):
            self.node.spool.put(event(id=f"{number} {pair}", at=self.node.clock.now()))
            stays = number % 600 == 0 and pair == 0
            end = event(id=f"{number} {pair}", at=self.node.clock.now(), phase=Phase.CLOSED, closed_by="rule")
            self.node.spool.put(
                event(id=f"{number} {pair}", at=self.node.clock.now(), phase=Phase.UPDATED) if stays else end
            )
        if number % 100 == 0:
            self.node.spool.put(health(self.node.clock.now()))
            self.node.inbox.put(Letter(f"piazza/v1/{NODE}/rcpt/store", self.chance.randbytes(60)))
        if self.chance.random() < 0.002:
            self.broker.cut("link")
        self.node.spool.flush()
        for _ in range(4):
            self.carry()
        self.broker.log.clear()

    def carry(self) -> None:
        self.node.tick(after_s=15.0)
        self.link.run_once(0.0)
        self.keeper.run_once(0.0)
        for happening in self.watcher.poll(0.0):
            if isinstance(happening, Message):
                self.marks[self.reader.read(happening).mark] += 1

    def close(self) -> None:
        self.store.close()
        self.node.reader.close()
        self.node.outbox.close()


def lived(folder: Path, count: int, chance: random.Random) -> Counter[str]:
    """One long life; looks at itself in even distances."""
    life, files = Life(folder, chance), 0
    memory, held, blocks = list[Look](), list[Look](), list[Look]()
    every = max(10, count // 2 // LOOKS // 10 * 10)
    for number in range(0, count, 10):
        life.minute(number)
        if number * 2 >= count and number % every == 0:
            gc.collect()
            memory.append((number, resident_kb()))
            held.append((number, held_kb()))
            blocks.append((number, sys.getallocatedblocks()))
            files = files or descriptors()
    for _ in range(20):
        life.carry()
    slope, grew = growth(memory), memory[-1][1] - memory[0][1]
    counts = Counter(
        events=count,
        kept=life.store.count(),
        lost=life.node.outbox.tail.seq - life.store.count(),
        looks=len(memory),
        resident_mb=round(memory[-1][1] / 1024),
        growth_kb_per_100k=round(slope * 100_000),
        grew_kb=round(grew),
        held_growth_kb_per_100k=round(growth(held) * 100_000),
        blocks_growth_per_100k=round(growth(blocks) * 100_000),
        too_short_to_judge=int(count < SHORTEST),
        grows=int(count >= SHORTEST and (slope * 100_000 > MOST_KB or grew > MOST_STEPS_KB)),
        outbox_kb=(folder / "outbox.sqlite").stat().st_size // 1024,
        descriptors_left=max(0, descriptors() - files),
    )
    life.close()
    return counts


def growth(memory: list[Look]) -> float:
    """How much more with each event: the median of the slopes between any two looks."""
    slopes = [(later[1] - earlier[1]) / (later[0] - earlier[0]) for earlier, later in combinations(memory, 2)]
    return statistics.median(slopes) if slopes else 0.0


def resident_kb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


class _MallInfo(ctypes.Structure):
    """What mallinfo2(3) gives back."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


def held_kb() -> float:
    """What malloc has given out and not got back; 0 where the C library does not tell."""
    tell = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if tell is None:
        return 0.0
    tell.restype = _MallInfo
    told = tell()
    return float(told.uordblks + told.hblkhd) / 1024


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


if __name__ == "__main__":
    raise SystemExit(row.main("F16 soak", run, count=100_000, targets=BAD))
