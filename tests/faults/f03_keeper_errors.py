"""F3: the same errors under a store and a witness: what a receipt or a co-signature says stays true.

    python -m tests.faults.f03_keeper_errors [--count N] [--seed N] [--jobs N] [--json]

One of a hundred writes and syncs of the database fails. Whoever wanted to keep something then tries again, ends in order and
starts anew, or is killed and starts anew. A store says of a batch that it is kept when the commit has returned, and after a
start of all that it finds; a witness gives a note away when it is written down. After some hundred of them everything that was said must be
there, and then the power is cut, where data before a failed sync counts as never synced: what is there must be the same still.

The database is opened as the outbox is, its log written again first; the reader that `connect_surely` holds meanwhile needs
shared memory, which a recorded disk has not, and stands in `tests/subscriber/test_opening.py`.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from agent.contract.envelope import Envelope
from agent.contract.topics import Class, NodeName
from agent.contract.types import HeadData
from agent.errors import PiazzaError, Refused
from agent.files import write_again
from agent.subscriber.holding import Item
from agent.subscriber.opening import Connect, connect
from agent.subscriber.store import Store
from agent.subscriber.witness import Witness
from tests.contract.makers import AT, NODE, Chain, signer
from tests.faults import row
from tests.faults.f03_disk_errors import ERRORS, RATE
from tests.faults.tools.disk import Disk, image

PER_LIFE = 300
"""Enough for SQLite to write its log back now and then."""
TRIES = 50
"""At one error in a hundred steps nobody is unlucky so often."""
FILE = "events.sqlite"
WITNESS = NodeName("romagna-faentina", "faenza", "witness")
BAD = ("missing", "lost_in_power_cut", "untrue")


class Party(Protocol):
    """Whoever keeps something and says so."""

    def keep(self, number: int) -> list[Hashable]:
        """Keep the batch with this number; what was said of it."""

    def found(self) -> list[Hashable]:
        """Everything that is kept, as it would be said."""

    def true(self, count: int) -> bool:
        """Whether it stands by what it kept of so many batches."""

    def close(self) -> None: ...


Open = Callable[[Path, Connect], Party]


@dataclass(frozen=True, slots=True)
class Said:
    """What a node says in one life: an envelope, then its head, then a head that takes back what this one says."""

    envelope: Item
    head: Item
    fork: Item


@cache
def words(count: int) -> list[Said]:
    """The same in each life."""
    chain = Chain()
    return [
        Said(
            *(_item(one) for one in (chain.opened(), chain.head(), chain.opened(Class.HEAD, _lie(chain), kind="node")))
        )
        for _ in range(count)
    ]


def _lie(chain: Chain) -> HeadData:
    return HeadData(seq=chain.seq, digest="f" * 64)


def _item(envelope: Envelope) -> Item:
    return Item(envelope, f"{envelope.topic} {envelope.payload.mono}")


class Keeps:
    """A store that is given up to three envelopes at a time."""

    def __init__(self, path: Path, connect: Connect) -> None:
        self._store = Store(path, connect=connect)

    def keep(self, number: int) -> list[Hashable]:
        self._store.commit(self._batch(number), at=AT)
        return [(item.envelope.seq, item.token) for item in self._batch(number)]

    def found(self) -> list[Hashable]:
        return list(self._store.tokens(str(NODE)))

    def true(self, count: int) -> bool:
        """The rows are what came, and the receipt that would be made names them and no other."""
        came = [(item.envelope.seq, item.token) for number in range(count) for item in self._batch(number)]
        told = [seq for first, last in self._store.held(str(NODE)).span for seq in range(first, last + 1)]
        return self.found() == came and told == [seq for seq, _ in came]

    def close(self) -> None:
        self._store.close()

    @staticmethod
    def _batch(number: int) -> list[Item]:
        """One to three envelopes."""
        return [said.envelope for said in words(3 * PER_LIFE)[3 * number : 3 * number + 1 + number % 3]]


class Cosigns:
    """A witness that sees one head after the other, and signs each."""

    def __init__(self, path: Path, connect: Connect) -> None:
        self._witness = Witness(path, signer("witness"), str(WITNESS), connect=connect)

    def keep(self, number: int) -> list[Hashable]:
        head = words(3 * PER_LIFE)[number].head
        note = self._witness.see_head(head.envelope, head.token, at=AT + number, every_s=0.0)
        return [note] if note else []

    def found(self) -> list[Hashable]:
        return list(self._witness.notes())

    def true(self, count: int) -> bool:
        """A node that takes its last head back is caught."""
        fork = words(3 * PER_LIFE)[count - 1].fork
        try:
            self._witness.see_head(fork.envelope, fork.token, at=AT + count, every_s=0.0)
        except Refused as refused:
            return refused.why == "equivocation"
        return False

    def close(self) -> None:
        self._witness.close()


PARTIES: tuple[tuple[str, Open], ...] = (("store", Keeps), ("witness", Cosigns))


@dataclass
class Life:
    """One database from its beginning, through every start of whoever keeps it."""

    open_: Open
    folder: Path
    randomness: random.Random
    counts: Counter[str]
    said: list[Hashable] = field(default_factory=list)
    ended: list[tuple[Party, Disk]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.disk = Disk(self.folder, fault=self._fault)
        self.party = self._started()

    def keep(self, number: int) -> None:
        """Keep a batch, whatever happens."""
        for _ in range(TRIES):
            try:
                self.said += self.party.keep(number)
            except (PiazzaError, sqlite3.Error):
                self.counts["failures"] += 1
                self.randomness.choice((self._killed, self._ended_in_order, lambda: None))()
            else:
                return
        raise AssertionError(f"batch {number} is not taken, however often it is given")

    def close(self) -> None:
        for party, disk in (*self.ended, (self.party, self.disk)):
            disk.fault = _no_fault
            party.close()
            disk.close()

    def _killed(self) -> None:
        """Nobody closes the files of a killed process: what the kernel has of them moves to a new place."""
        self.counts["kills"] += 1
        self.ended.append((self.party, self.disk))
        place = self.folder / f"after-{len(self.ended)}"
        place.mkdir()
        for path in self.disk.folder.glob(f"{FILE}*"):
            shutil.copy(path, place / path.name)
        self.disk = Disk(place, fault=self._fault, log=list(self.disk.log))
        self._start_again()

    def _ended_in_order(self) -> None:
        with suppress(sqlite3.Error):
            self.party.close()
        self._start_again()

    def _start_again(self) -> None:
        self.party = self._started()
        self.said = list(dict.fromkeys((*self.said, *self.party.found())))

    def _started(self) -> Party:
        """A new process; starting is tried until it works."""
        for _ in range(TRIES):
            try:
                return self.open_(self.disk.folder / FILE, self._connected)
            except (PiazzaError, sqlite3.Error, OSError):
                self.counts["failures"] += 1
        raise AssertionError("what was left cannot be opened, however often it is tried")

    def _connected(self, path: Path) -> sqlite3.Connection:
        write_again(path.with_name(f"{FILE}-wal"), write=self.disk.pwrite, sync=self.disk.fsync)
        return self.disk.connect(path)

    def _fault(self, what: str) -> int:
        return self.randomness.choice(ERRORS[what]) if self.randomness.random() < RATE else 0


def _no_fault(_: str) -> int:
    return 0


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` batches under faults, half of them a store's; counts of what happened."""
    randomness = random.Random(seed)
    counts = Counter[str](dict.fromkeys(("batches", "store", "witness", "failures", "kills", *BAD), 0))
    counts["batches"] = count
    most = min(PER_LIFE, -(-count // len(PARTIES)))
    for life, first in enumerate(range(0, count, most)):
        name, open_ = PARTIES[life % len(PARTIES)]
        some = min(most, count - first)
        counts[name] += some
        _lived(open_, randomness, counts, some)
    return counts


def _lived(open_: Open, randomness: random.Random, counts: Counter[str], some: int) -> None:
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as folder:
        life = Life(open_, Path(folder), randomness, counts)
        for number in range(some):
            life.keep(number)
        found = life.party.found()
        counts["missing"] += len(set(life.said) - set(found))
        with after_power_cut(life, randomness) as left:
            counts["lost_in_power_cut"] += left.found() != found
            counts["untrue"] += not left.true(some)
        life.close()


@contextmanager
def after_power_cut(life: Life, randomness: random.Random) -> Iterator[Party]:
    """Who starts on what is there when the power goes at the end."""
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as folder:
        for name, content in image(life.disk.log, randomness, torn=True).items():
            (Path(folder) / name).write_bytes(content)
        with closing(life.open_(Path(folder) / FILE, connect)) as party:
            yield party


if __name__ == "__main__":
    raise SystemExit(
        row.main("F3 disk errors under store and witness", run, count=6_000, long=60_000, part=600, targets=BAD)
    )
