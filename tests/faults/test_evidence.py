"""Rows F1 (its half of sense), F2, F3, F15 and F20 of the fault matrix: a slice each time, a larger one among the slow tests.

`make faults` runs the whole of each.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from agent.contract.topics import Class
from agent.errors import OutboxBroken
from agent.uplink.sure import Word
from tests.faults import f01_kill_sense, f02_power_cut, f03_disk_errors, f03_keeper_errors, f15_tampering, f20_camera
from tests.faults.row import line

ROWS = [
    (f01_kill_sense, "F1 kill -9 of sense", 20, 400),
    (f02_power_cut, "F2 power cut", 60, 2_000),
    (f03_disk_errors, "F3 disk errors", 200, 20_000),
    (f03_keeper_errors, "F3 disk errors under store and witness", 40, 1_200),
    (f15_tampering, "F15 tampering", 28, 2_000),
    (f20_camera, "F20 camera faults", 2, 20),
]


class Failing(f03_disk_errors.Writer):
    """A writer on a disk whose next so many syncs fail, and that has no other fault."""

    failing = 0

    def __post_init__(self) -> None:
        (self.folder / "inbox").mkdir()
        super().__post_init__()

    def _fault(self, what: str) -> int:
        fails = what == "sync" and self.failing > 0
        self.failing -= fails
        return sqlite3.SQLITE_IOERR_FSYNC if fails else 0


class Forgetful(random.Random):
    """A power cut after which nothing is there that was not synced."""

    def random(self) -> float:
        return 1.0


def counted(row: ModuleType, name: str, count: int) -> dict[str, int]:
    """The row's counts that must be zero, after printing all of them."""
    counts = row.run(count=count, seed=1)
    print(f"\n{line(name, counts)} (seed 1)")
    return {bad: counts[bad] for bad in row.BAD if counts[bad]}


@pytest.mark.parametrize(("row", "name", "slice_", "larger"), ROWS, ids=[name for _, name, *_ in ROWS])
def test_a_slice_of_the_row_holds(row: ModuleType, name: str, slice_: int, larger: int) -> None:
    assert counted(row, name, slice_) == {}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("row", "name", "slice_", "larger"), ROWS, ids=[name for _, name, *_ in ROWS])
def test_a_larger_slice_holds(row: ModuleType, name: str, slice_: int, larger: int) -> None:
    assert counted(row, name, larger) == {}


def test_the_power_cut_finds_the_loss_of_an_outbox_that_does_not_sync() -> None:
    """The control: without the outbox's care the same cuts do lose committed events."""
    counts = f02_power_cut.run(count=40, seed=1, synchronous="NORMAL")
    assert counts["lost"] > 0


def test_what_is_committed_behind_a_sync_that_failed_before_a_kill_outlives_a_power_cut(tmp_path: Path) -> None:
    """The new process sees what the kernel has, not what the disk has, and must not build on it."""
    writer = Failing(tmp_path, random.Random(1), Counter())
    for _ in range(3):
        writer.work()
    killed_with_an_unsure_commit(writer)
    for _ in range(3):
        writer.work()
    found = f02_power_cut.held(writer.outbox)
    assert "unsure" in [token for _, token in found.rows]
    assert f03_disk_errors.after_power_cut(writer.disk.log, Forgetful()) == found
    writer.close()


def test_a_log_with_a_hole_is_never_written_into_the_database(tmp_path: Path) -> None:
    """Its pages would fit the older log no more that a power cut brings back, and rows would come twice or not at all."""
    writer = Failing(tmp_path, random.Random(1), Counter())
    for _ in range(100):
        writer.work()
    writer.outbox.close()
    writer.outbox = writer._started()  # with an empty log, so that most pages are in the database alone
    writer.work()
    sure = tuple(enumerate(writer.stored, start=1))
    writer.outbox.received(cum=0, ranges=((len(sure) - 20, len(sure)),))
    for _ in range(20):  # into the pages that the others had
        writer.outbox.put(Class.EVT, "t", lambda seq, _: (f"{seq}" * 200, "0" * 64), 0.0)
    killed_at = killed_with_an_unsure_commit(writer)
    kept = f02_power_cut.held(writer.outbox).rows
    writer.outbox.close()
    log = writer.disk.log
    for seed in range(50):
        cut = random.Random(seed).randrange(killed_at, len(log) + 1)
        assert f03_disk_errors.after_power_cut(log[:cut], random.Random(seed)).rows in (sure, kept)
    writer.close()


def killed_with_an_unsure_commit(writer: Failing) -> int:
    """A sync fails, that of the repair too, the process is killed, and a new one starts; how long the log was between."""
    writer.failing = 2
    writer.outbox.put(Class.EVT, "t", lambda *_: ("unsure", "0" * 64), 0.0)
    writer.waiting.append("unsure")
    with pytest.raises(OutboxBroken):
        writer.outbox.flush()
    assert Word(writer.folder / "outbox.sqlite").heard() == len(writer.stored), "link would send what is unsure"
    killed_at = len(writer.disk.log)
    writer._killed()
    return killed_at
