"""F5: every move of an update is interrupted, before and after each of its operations, in five ways.

    python -m tests.faults.f05_ota_states [--count N] [--seed N] [--json]

The moves are those to fetching, verified, staged, trial, committed and rolled back; an operation is one on
a file, folder or link, or one commit of the ledger. `kill` ends the process there, `power` also forgets what
was not synced, `error` lets the operation fail once, `hang` lets half an hour pass until the process is
ended, `full` leaves no room for three runs. Then the process is started again and again, a minute apart.
The update must come to rest as committed or rolled back, with the release running that this says, whole.
`--count` is how often the table is gone through, each time with other choices of what a power cut keeps.
"""

from __future__ import annotations

import errno
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.ota.ledger import Attempt, Ledger, State
from agent.ota.offer import Instant, Offers
from agent.ota.releases import Releases
from agent.ota.source import Shelf
from agent.ota.update import Update
from tests.faults import row
from tests.faults.tools.imagined import Act, ImaginedDisk, Tree, image
from tests.ota.town import AT, GOOD, NAME, WIDER, Health, Union, config
from tests.ota.town import BAD as NOT_WELL

WAYS = ("kill", "power", "error", "hang", "full")
MOVES = (State.FETCHING, State.VERIFIED, State.STAGED, State.TRIAL, State.COMMITTED, State.ROLLED_BACK)
BAD = ("never_ended", "not_whole", "another_runs")
ROUNDS, MINUTE_S, HUNG_S, FULL_ROUNDS = 40, 60.0, 1800.0, 3
RESTS = (State.COMMITTED, State.ROLLED_BACK)


class Ended(BaseException):
    """The process is gone: nothing of ours may catch it."""


@dataclass
class Trap:
    """Counts operations and springs at one of them, before it is done or after."""

    way: str = ""
    at: int = -1
    after: bool = False
    count: int = 0
    full: bool = False
    sprung: bool = False

    def around(self, operation: Any, *arguments: Any, sql: bool = False) -> Any:
        """Do an operation of a file or of the ledger, or what the trap makes of it."""
        if self.full:
            raise _no_room(sql=sql)
        here = self.count == self.at and not self.sprung
        self.count += 1
        if here and not self.after:
            self._spring(sql=sql)
        done = operation(*arguments)
        if here and self.after:
            self._spring(sql=sql)
        return done

    def _spring(self, *, sql: bool) -> None:
        self.sprung = True
        if self.way in ("kill", "power", "hang"):
            raise Ended
        self.full = self.way == "full"
        raise _no_room(sql=sql) if self.full else _broken(sql=sql)


def _no_room(*, sql: bool) -> Exception:
    return sqlite3.OperationalError("database or disk is full") if sql else OSError(errno.ENOSPC, "no space left")


def _broken(*, sql: bool) -> Exception:
    return sqlite3.OperationalError("disk I/O error") if sql else OSError(errno.EIO, "input/output error")


class TrappedDisk(ImaginedDisk):
    """Every change goes through the trap."""

    trap = Trap()

    def _do(self, act: Act) -> None:
        self.trap.around(super()._do, act)


class TrappedLedger(Ledger):
    """Every commit goes through the trap."""

    trap = Trap()

    def _commit(self, writes: list[tuple[str, tuple[object, ...]]]) -> None:
        self.trap.around(super()._commit, writes, sql=True)


@dataclass
class Machine:
    """A node whose disk is imagined but for its ledger, where SQLite's own care is row F2's and F4's matter."""

    place: Path
    union: Union
    trap: Trap = field(default_factory=Trap)
    at: float = AT
    boot: int = 1

    def __post_init__(self) -> None:
        self.place.mkdir()
        self.disk = TrappedDisk(Tree({Path("/"): None}))
        releases = Releases(Path("/"), self.disk)
        releases.switch(releases.stage(0, {"node.yaml": config()}))
        self.before, self.disk.log = Tree(dict(self.disk.tree.entries)), []
        self.gate = Health(GOOD)

    def copied(self, place: Path) -> Machine:
        """Another that stands where this one does; it costs less than to go there again."""
        shutil.copytree(self.place, place)
        twin = copy(self)
        twin.place, twin.trap, twin.gate = place, Trap(), Health(self.gate.verdict)
        twin.disk = TrappedDisk(Tree(dict(self.disk.tree.entries)), list(self.disk.log))
        return twin

    def step(self) -> Attempt:
        """One process that makes one move."""
        self.disk.trap = self.trap
        ledger = TrappedLedger(self.place / "ota.sqlite")
        ledger.trap = self.trap
        try:
            offers = Offers(NAME, self.place, self.union.authority.signed("root", 1) or b"", ledger)
            now = Instant(self.at, sure=True)
            releases = Releases(Path("/"), self.disk)
            return Update(
                offers, self.shelf, releases, ledger, self.gate, lambda: now, lambda: self.at, str(self.boot)
            ).step()
        finally:
            ledger.close()

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.union.folder / "stick" / "brisighella")

    def cut_power(self, randomness: random.Random) -> None:
        """Forget what was not synced, at random; boot again."""
        tree = image(self.before, self.disk.log, randomness)
        self.disk = TrappedDisk(tree)
        self.before, self.boot = Tree(dict(tree.entries)), self.boot + 1


@dataclass(frozen=True)
class Case:
    """One interruption."""

    move: State
    way: str
    at: int
    after: bool


def run(*, count: int, seed: int) -> Counter[str]:
    """The whole table, `count` times."""
    randomness = random.Random(seed)
    counts: Counter[str] = Counter(cases=0, committed=0, rolled_back=0, **dict.fromkeys(BAD, 0))
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as place:
        union = Union(Path(place) / "union")
        union.release(config(mask=WIDER), files={"model.tflite": bytes(300_000)})
        union.publish(union.folder / "stick")
        ready = {move: just_before(move, Machine(Path(place) / move, union)) for move in MOVES}
        table = list(cases(ready, Path(place)))
        for number in range(count):
            for case in table:
                machine = ready[case.move].copied(Path(place) / f"{number}")
                counts["cases"] += 1
                counts[judged(machine, case, randomness)] += 1
                shutil.rmtree(machine.place)
    return counts


def cases(ready: dict[State, Machine], place: Path) -> Iterator[Case]:
    """Every operation of every move, before and after, in every way; found by making each move once."""
    for move in MOVES:
        machine = ready[move].copied(place / "dry")
        machine.step()
        shutil.rmtree(machine.place)
        for way in WAYS:
            for at in range(machine.trap.count):
                yield from (Case(move, way, at, after) for after in (False, True))


def just_before(move: State, machine: Machine) -> Machine:
    """A machine that makes the move to this state next."""
    before = {State.FETCHING: 0, State.VERIFIED: 1, State.STAGED: 2, State.TRIAL: 3}.get(move, 4)
    for _ in range(before):
        machine.step()
    machine.gate = Health(NOT_WELL if move is State.ROLLED_BACK else GOOD)
    return machine


def judged(machine: Machine, case: Case, randomness: random.Random) -> str:
    """How one interrupted update ended, as a word to be counted."""
    machine.trap = Trap(case.way, case.at, case.after)
    attempt: Attempt | None = None
    for number in range(ROUNDS):
        if number == FULL_ROUNDS:
            machine.trap.full = False
        attempt = _process(machine, case, randomness)
        if attempt is not None and attempt.state in RESTS:
            break
        machine.at += MINUTE_S
    releases = Releases(Path("/"), machine.disk)
    running = releases.running()
    if attempt is None or attempt.state not in RESTS:
        return "never_ended"
    if not releases.whole(running):
        return "not_whole"
    wanted = attempt.release if attempt.state is State.COMMITTED else attempt.before
    return attempt.state.replace("-", "_") if running == wanted else "another_runs"


def _process(machine: Machine, case: Case, randomness: random.Random) -> Attempt | None:
    """One process from its start until it rests, waits or falls; None where it fell."""
    try:
        attempt = machine.step()
        while attempt.state not in RESTS and (after := machine.step()) != attempt:
            attempt = after
    except Ended:
        if case.way == "power":
            machine.cut_power(randomness)
        if case.way == "hang":
            machine.at += HUNG_S
        return None
    except (OSError, sqlite3.Error):
        return None
    return attempt


if __name__ == "__main__":
    raise SystemExit(row.main("F5 OTA states", run, count=1, targets=BAD))
