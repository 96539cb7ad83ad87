"""What a day of work writes to a node's card: a real outbox, inbox, link and what was learned, on a real ext4.

    python bench/wear.py [--hours N] [--events N] [--block BYTES] [--commit SECONDS] [--paced] [--json]

Every byte is real: the files lie on an ext4 of their own in a file (needs root, for the loop device), mounted as
`piazza-data.service` mounts it and with the inbox in memory as its unit has it; the sectors that the kernel wrote to that
device are counted, its journal included. As long as it runs, this machine's kernel writes back as a node's does. A day has
500 events (opened, and closed 20 s later), health and a head every minute, and counts every quarter of an hour; what a
camera has learned of its scene is kept as often as by a node.

Time is simulated, and a fast clock would hide what the kernel writes by itself, so the file system is synced as often as it
commits its journal. `--block 4096 --commit 5` is a root as Raspberry Pi OS mounts it: a node without a data partition. `--paced` lets each second last a second, after a warm-up that is fast, and syncs nothing.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import random
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from agent.anomaly.engine import Engine, ids
from agent.anomaly.settings import BaselineRule
from agent.clock import SystemClock
from agent.commands import floor
from agent.commands.node import SAVE_S
from agent.errors import UserError
from agent.files import write_atomic
from agent.records import ClockQuality, Observation, Phase
from agent.subscriber.keeper import Keeper
from agent.subscriber.receipts import Receipts
from agent.subscriber.store import Store
from agent.transport.memory import MemoryBroker
from agent.uplink.link import Link
from agent.uplink.spool import Every
from agent.vision.normality import KEEP_S
from bench.machine import show
from tests.contract.makers import NODE, STORE, signer
from tests.uplink.nodes import STATE, Node, event, health, ring, stat

DAY_S = 86_400
SECTOR_BYTES = 512
DISK_MB = 256
STAYS_S = 20
WARM_S = 14_400
"""Not counted: until then files grow to the size at which they are written over."""

SCENE_BYTES = 2700
"""What a camera keeps of a scene that is known."""

CHECKOUT = Path(__file__).parents[1]
DATA = CHECKOUT / "firmware_config/root/usr/lib/systemd/system/piazza-data.service"
INBOX = CHECKOUT / "systemd/var-lib-piazza-inbox.mount"
KERNEL = CHECKOUT / "firmware_config/root/usr/lib/sysctl.d/80-piazza.conf"
BLOCK_BYTES = 1024
"""What docs/reference/firmware.md gives a data partition."""


def option(file: Path, pattern: str) -> str:
    """What a unit says of how something is mounted."""
    return str(re.findall(pattern, file.read_text(encoding="utf-8"))[0])


def mount(*how: str) -> None:
    subprocess.run(["mount", *how], check=True)


@contextmanager
def patience() -> Iterator[None]:
    """The kernel keeps what nobody synced for as long as a node's does."""
    wanted = re.findall(r"^vm\.(dirty_\w+) = (\d+)$", KERNEL.read_text(encoding="utf-8"), re.MULTILINE)
    before = [(Path("/proc/sys/vm", name), Path("/proc/sys/vm", name).read_text()) for name, _ in wanted]
    try:
        for name, value in wanted:
            Path("/proc/sys/vm", name).write_text(value)
        yield
    finally:
        for path, value in before:
            path.write_text(value)


@contextmanager
def disk(block: int, commit_s: int) -> Iterator[tuple[Path, Path]]:
    """A fresh ext4 and the kernel's count of what was written to it."""
    if os.geteuid():
        raise UserError("a loop device needs root", hint="run it as root")
    with tempfile.TemporaryDirectory() as made:
        image, mounted = Path(made) / "disk.img", Path(made) / "card"
        mounted.mkdir()
        with image.open("wb") as file:
            file.truncate(DISK_MB << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-b", str(block), str(image)], check=True)
        how = re.sub(r"commit=\d+", f"commit={commit_s}", option(DATA, r"ext4 -o (\S+)"))
        mount("-o", f"loop,{how}", str(image), str(mounted))
        inbox = mounted / "inbox"
        inbox.mkdir()
        mount("-t", "tmpfs", "-o", option(INBOX, r"(size=\w+)"), "tmpfs", str(inbox))
        try:
            device = Path("/sys/dev/block") / f"{os.major(mounted.stat().st_dev)}:{os.minor(mounted.stat().st_dev)}"
            yield mounted, device / "stat"
        finally:
            # Lazily: after a failure, and as long as link keeps its ledger open, files of it are in use until we end.
            subprocess.run(["umount", "--lazy", str(inbox), str(mounted)], check=True)


class Life:
    """A node with its link, and a store elsewhere that gives receipts."""

    def __init__(self, card: Path, elsewhere: Path) -> None:
        self.card, self.node = card, Node(card, max_mb=64)
        clock, chance = self.node.clock, random.Random(1)
        broker = MemoryBroker(clock, randomness=chance)
        self.broker = broker
        self.link = Link(
            NODE, self.node.reader, broker.transport("link"), self.node.inbox, self.node.settings,
            clock=clock, randomness=chance,
        )  # fmt: skip
        self.store = Store(elsewhere / "events.sqlite")
        receipts = Receipts(STORE, signer("store"), clock=clock)
        self.keeper = Keeper(broker.transport("store"), ring(), self.store, receipts, union=NODE.union, clock=clock)
        self.engine = Engine(
            [BaselineRule(id=f"usual-{number}", quantity=f"zone-{number}/person/count") for number in range(4)],
            new_id=ids("bench"),
        )
        self.save, self.keep = Every(SAVE_S), Every(KEEP_S)
        for one in (self.link, self.keeper):
            one.open()
        self.node.spool.birth(STATE)

    def second(self, number: int, *, every_s: float) -> None:
        """One second of a node's day."""
        at, spool = self.node.clock.now() + 1.0, self.node.spool
        if number % 60 == 0:
            spool.put(health(at))
        if number % 900 == 0:
            spool.put(stat(at))
            spool.flush()
        for phase, later in ((Phase.OPENED, 0), (Phase.CLOSED, STAYS_S)):
            turn = (number - later) // every_s
            if number >= later and turn != (number - later - 1) // every_s:
                spool.put(event(id=f"event {turn}", at=at, phase=phase, closed_by="rule" if later else ""))
                spool.flush()
        for zone in range(4):
            self.engine.update(Observation("gate-cam", f"zone-{zone}/person/count", float(number % 7), at))
        self.node.tick()
        self.link.run_once(0.0)
        self.keeper.run_once(0.0)
        if self.save.due(at):
            floor.keep(self.card, at, ClockQuality.NTP)
            write_atomic(self.card / "learned.json", msgspec.json.encode(self.engine.state()))
        if self.keep.due(at + KEEP_S / 2):
            write_atomic(self.card / "scene-gate-cam.json", random.Random(number).randbytes(SCENE_BYTES))
        self.broker.log.clear()

    def close(self) -> None:
        self.store.close()
        self.node.reader.close()
        self.node.outbox.close()


def written(stat_file: Path) -> int:
    """Bytes that the kernel has written to the device."""
    return int(stat_file.read_text().split()[6]) * SECTOR_BYTES


def measured(*, hours: float, events: int, block: int, commit_s: int, paced: bool) -> dict[str, str]:
    """Bytes of so many hours, and what that makes in a day."""
    clock = SystemClock()
    logging.disable(logging.CRITICAL)
    libc = ctypes.CDLL(None)
    with (
        patience(),
        disk(block, commit_s) as (card, stat_file),
        tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere,
    ):
        life, descriptor = Life(card, Path(elsewhere)), os.open(card, os.O_RDONLY)
        before, seconds, began = 0, round(hours * 3600), 0.0
        for number in range(WARM_S + seconds):
            if number == WARM_S:
                libc.syncfs(descriptor)
                before, began = written(stat_file), clock.monotonic()
            life.second(number, every_s=DAY_S / events)
            if paced and number > WARM_S:
                clock.sleep(max(0.0, began + number - WARM_S - clock.monotonic()))
            elif number % commit_s == 0:
                libc.syncfs(descriptor)
        libc.syncfs(descriptor)
        megabytes = (written(stat_file) - before) / 1e6 * DAY_S / seconds
        learned = (card / "learned.json").stat().st_size
        kept = life.store.count()
        os.close(descriptor)
        life.close()
    return {
        "written to the card in a day": f"{megabytes:.1f} MB at {events} events, blocks of {block} bytes, a journal every {commit_s} s",
        "real" if paced else "simulated": f"{hours:g} h, {kept} envelopes kept by the store",
        "learned.json": f"{learned:,} bytes, every {SAVE_S:g} s; a scene, {SCENE_BYTES:,} bytes, every {KEEP_S:g} s",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=6.0)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--block", type=int, default=BLOCK_BYTES, help="bytes of the file system's blocks")
    parser.add_argument(
        "--commit",
        type=int,
        default=int(option(DATA, r"commit=(\d+),")),
        metavar="SECONDS",
        help="between two commits of the file system's journal",
    )
    parser.add_argument("--paced", action="store_true", help="let each second last a second")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    show(
        measured(
            hours=options.hours,
            events=options.events,
            block=options.block,
            commit_s=options.commit,
            paced=options.paced,
        ),
        as_json=options.json,
    )
