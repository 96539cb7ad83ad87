"""F1, the half of sense: killed at any moment, it loses nothing that it committed and gives no number twice.

    python -m tests.faults.f01_kill_sense [--count N] [--seed N] [--json]

A process puts records, commits, signs heads and takes receipts as sense does, and says through a pipe
how far it has committed. It is killed after a random time, again and again over one outbox. The
parent plays link and store: it reads beside the running process, opens and checks everything it sees,
and hands back signed receipts, so that rows are deleted under the killed process too.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import struct
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from time import sleep

from agent.clock import SimulatedClock
from agent.contract.chain import BAD as BAD_WORDS
from agent.contract.chain import ChainCheck, Word
from agent.contract.envelope import open_envelope
from agent.contract.topics import Class
from agent.contract.types import ReceiptData
from agent.uplink.inbox import Inbox
from agent.uplink.outbox import OutboxReader
from tests.contract.makers import AT, NODE
from tests.faults import row
from tests.uplink.nodes import Node, event, health, letter, ring

LONGEST_S = 0.03
BAD = ("lost", "altered", "corrupt")
_NUMBER = struct.Struct("<q")


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` kills; counts of what was seen."""
    randomness = random.Random(seed)
    counts: Counter[str] = Counter(kills=count, events=0, lost=0, altered=0, corrupt=0)
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as folder:
        receiver = Receiver(Path(folder), counts)
        for number in range(count):
            committed = _killed(Path(folder), number, after_s=randomness.uniform(0, LONGEST_S), receiver=receiver)
            receiver.look()
            counts["lost"] += max(0, committed - receiver.check.last) + len(receiver.check.missing())
            if randomness.random() < 0.5:
                receiver.give_receipt()
        counts["corrupt"] += not _whole(Path(folder) / "outbox.sqlite")
        counts["events"] = receiver.check.last
    return counts


class Receiver:
    """Link and store in one: sees what is committed, checks it and says so."""

    def __init__(self, folder: Path, counts: Counter[str]) -> None:
        self.check = ChainCheck(whole=True)
        self._reader = OutboxReader(folder / "outbox.sqlite")
        self._inbox = Inbox(folder / "inbox")
        self._ring = ring()
        self._counts = counts
        self._seen: dict[int, str] = {}

    def look(self) -> None:
        """Open what waits; a number seen before must come with the very same token."""
        for seen in self._reader.after(0, limit=100_000):
            if seen.seq in self._seen:
                self._counts["altered"] += self._seen[seen.seq] != seen.token
                continue
            self._seen[seen.seq] = seen.token
            findings = self.check.feed(open_envelope(seen.token, self._ring, topic=seen.topic))
            self._counts["altered"] += any(
                finding.word in BAD_WORDS or finding.word is Word.GAP for finding in findings
            )

    def let_go(self) -> None:
        """SQLite must not be open across a fork."""
        self._reader.close()

    def give_receipt(self) -> None:
        """Everything up to the newest number is kept; old ones are forgotten here too."""
        self._inbox.put_latest(letter(Class.RCPT, ReceiptData(node=str(NODE), cum=self.check.last)))
        self.check.forget(up_to=self.check.last - 100)


def _killed(folder: Path, number: int, *, after_s: float, receiver: Receiver) -> int:
    """Let a process work for so long; the newest number that it said was committed."""
    receiver.let_go()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _work(folder, number, write)
        finally:
            os._exit(1)
    os.close(write)
    sleep(after_s / 2)
    receiver.look()
    sleep(after_s / 2)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with closing(os.fdopen(read, "rb")) as said:
        numbers = said.read()
    return max((value for (value,) in _NUMBER.iter_unpack(numbers[: len(numbers) // 8 * 8])), default=0)


def _work(folder: Path, number: int, pipe: int) -> None:
    """What sense does, until it is killed; the machine's clock goes on from one process to the next."""
    clock = SimulatedClock(AT)
    clock.advance_to(AT + 1000.0 * number)
    node = Node(folder, clock=clock)
    while True:
        node.spool.put(event())
        node.spool.put(health(clock.now()))
        node.tick(after_s=1.0)
        os.write(pipe, _NUMBER.pack(node.outbox.tail.seq))


def _whole(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as db:
        return bool(db.execute("PRAGMA integrity_check").fetchone() == ("ok",))


if __name__ == "__main__":
    raise SystemExit(row.main("F1 kill -9 of sense", run, count=2_000, long=8_000, targets=BAD))
