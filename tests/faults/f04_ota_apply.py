"""F4: the power goes after any operation of taking an update in; the node runs the old release or the new, whole.

    python -m tests.faults.f04_ota_apply [--count N] [--seed N] [--json]

One update is recorded, operation by operation: files, folders and links of its releases, and every write
and sync of the ledger's SQLite file. After each operation the power is cut many times, each time with
another choice of what had not been synced. The link must then lead to a release whose every file has its
SHA-256, and no floor may be lower than it was after the last commit that returned. Every `GOES_ON`th image
is started again, with a gate that is content or not, and must end committed or rolled back.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.ota.ledger import Attempt, Floors, Ledger, State
from agent.ota.releases import Releases
from tests.faults import row
from tests.faults.tools import disk as sqlite_disk
from tests.faults.tools.disk import Step
from tests.faults.tools.imagined import Act, ImaginedDisk, Tree, image
from tests.ota.town import BAD as NOT_WELL
from tests.ota.town import GOOD, WIDER, Health, Node, Union, config

BAD = ("mixed", "floor_went_back", "corrupt", "never_ended")
GOES_ON = 25
MOST_STEPS = 12
MODEL = bytes(range(256)) * 900


@dataclass
class Life:
    """An update as it happened: the log, and the floors that were committed after so many operations."""

    union: Union
    folder: Path
    log: list[Any] = field(default_factory=list)
    """Acts on files and steps of SQLite in one order."""
    before: Tree = field(default_factory=Tree)
    first: int = 0
    """Operations that had happened before the update began: a cut comes later."""
    committed: list[tuple[int, Floors]] = field(default_factory=list)


def run(*, count: int, seed: int, careful: bool = True) -> Counter[str]:
    """`count` power cuts, spread evenly over all operations; not `careful` forgets every sync: the control."""
    randomness = random.Random(seed)
    counts: Counter[str] = Counter(images=count, operations=0, old=0, new=0, goes_on=0, **dict.fromkeys(BAD, 0))
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as place:
        life = lived(Path(place))
        if not careful:
            life.log = [one for one in life.log if one.kind not in ("sync", "sync_folder")]
            life.committed = life.committed[:1]
        counts["operations"] = len(life.log) - life.first
        for number in range(count):
            cut = life.first + number * (len(life.log) - life.first + 1) // count
            for word in judged(life, cut, randomness, goes_on=careful and number % GOES_ON == 0):
                counts[word] += 1
    return counts


def lived(place: Path) -> Life:
    """One update of one node, from an order on a stick to its commit."""
    life = Life(Union(place), place / "node")
    life.union.release(config(mask=WIDER), files={"model.tflite": MODEL})
    shelf = life.union.publish(place / "stick")
    files = ImaginedDisk(Tree({Path("/"): None, Path("/node"): None}))
    life.folder.mkdir()
    recorder = sqlite_disk.Disk(life.folder)
    one = Node(life.folder, life.union.authority.signed("root") or b"", shelf, disk=files, connect=recorder.connect)
    one.releases = Releases(Path("/node"), files)
    one.releases.switch(one.releases.stage(0, {"node.yaml": config()}))
    life.before = Tree(dict(files.tree.entries))
    files.log.clear()
    files.log = recorder.log = life.log
    update = one.update()
    life.first = len(life.log)
    life.committed.append((0, update.ledger.floors()))
    one.gate.verdict = GOOD
    while update.step().state is not State.COMMITTED:
        life.committed.append((len(life.log), update.ledger.floors()))
    update.ledger.close()
    recorder.close()
    return life


def judged(life: Life, cut: int, randomness: random.Random, *, goes_on: bool) -> list[str]:
    """What one power cut left, in words to be counted."""
    happened = life.log[:cut]
    tree = image(life.before, [act for act in happened if isinstance(act, Act)], randomness)
    sql = sqlite_disk.image([step for step in happened if isinstance(step, Step)], randomness, torn=True)
    releases = Releases(Path("/node"), ImaginedDisk(tree))
    running = releases.running()
    if not running or not releases.whole(running):
        return ["mixed"]
    words = ["old" if running.startswith("000000") else "new"]
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as place:
        for name, content in sql.items():
            (Path(place) / name).write_bytes(content)
        floors = _read(Path(place) / "ota.sqlite", lambda ledger: ledger.floors())
        words += ["corrupt"] if floors is None else _lower(life, cut, floors)
        if goes_on and floors is not None:
            words += ["goes_on", *_ended(life, Path(place), tree, well=randomness.random() < 0.5)]
    return words


def _lower(life: Life, cut: int, floors: Floors) -> list[str]:
    least = [known for at, known in life.committed if at <= cut][-1]
    lower = floors.seq < least.seq or any(floors.versions.get(role, 0) < one for role, one in least.versions.items())
    return ["floor_went_back"] if lower else []


def _ended(life: Life, place: Path, tree: Tree, *, well: bool) -> list[str]:
    """Start the update process on what was left, again and again, until it comes to rest."""
    root, shelf = life.union.authority.signed("root") or b"", life.union.publish(life.folder.parent / "stick")
    one = Node(place, root, shelf, disk=ImaginedDisk(tree), gate=Health(GOOD if well else NOT_WELL), boot="boot-2")
    one.releases = Releases(Path("/node"), one.disk)
    attempt: Attempt | None = None
    for _ in range(MOST_STEPS):
        attempt = one.steps(1)
    whole = one.releases.whole(one.releases.running())
    return [] if whole and attempt and attempt.state in (State.COMMITTED, State.ROLLED_BACK) else ["never_ended"]


def _read(path: Path, look: Callable[[Ledger], Floors]) -> Floors | None:
    try:
        with closing(Ledger(path)) as ledger:
            return look(ledger)
    except (sqlite3.DatabaseError, AttributeError, TypeError, ValueError):  # rows of a torn file
        return None


if __name__ == "__main__":
    raise SystemExit(row.main("F4 OTA apply", run, count=17_000, targets=BAD))
