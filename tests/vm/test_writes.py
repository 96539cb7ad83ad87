"""Power cuts out of a log of writes: what was flushed is always there, what was not may be."""

from __future__ import annotations

import random

import pytest

from tests.vm.writes import DISCARD, ENTRY, FLUSH, FUA, MAGIC, MARK, SUPER, Disk, Log, instants

SECTOR = 512


def logged(path, *entries):
    """A log as the kernel writes it; an entry is a sector, a letter to fill it with, and flags, or the text of a mark."""
    whole = SUPER.pack(MAGIC, 1, len(entries), SECTOR).ljust(SECTOR, b"\0")
    for entry in entries:
        first, letter, flags, mark = (0, "", MARK, entry) if isinstance(entry, str) else (*entry, "")
        whole += (ENTRY.pack(first, len(letter), flags, len(mark)) + mark.encode()).ljust(SECTOR, b"\0")
        whole += letter.encode() * SECTOR if not flags & DISCARD else b""
    path.write_bytes(whole)
    return Log.read(path)


def held(disk, seed=0, sectors=4):
    """The letters on the disk after a cut."""
    image = disk.holds(disk.kept(random.Random(seed)))
    return "".join(chr(image[n * SECTOR]) for n in range(sectors))


@pytest.fixture
def log(tmp_path):
    return logged(
        tmp_path / "log", (0, "a", 0), (0, "", FLUSH), "begun", (1, "b", 0), (2, "c", FUA), "told", (3, "d", FLUSH)
    )


def test_what_was_flushed_or_forced_is_kept_and_the_rest_may_be(log):
    disk = Disk(log, b"." * 4 * SECTOR)
    disk.run(6)
    assert {held(disk, seed) for seed in range(50)} == {"a.c.", "abc."}
    assert disk.marks == ["begun", "told"]


def test_a_flush_keeps_all_before_it(log):
    disk = Disk(log, b"." * 4 * SECTOR)
    disk.run(7)
    assert {held(disk, seed) for seed in range(50)} == {"abcd"}


def test_before_the_first_flush_nothing_is_certain(log):
    disk = Disk(log, b"." * 4 * SECTOR)
    disk.run(1)
    assert {held(disk, seed) for seed in range(50)} == {"....", "a..."}


def test_a_discarded_sector_keeps_what_it_held(tmp_path):
    disk = Disk(logged(tmp_path / "log", (0, "a", FUA), (0, "x", DISCARD), (1, "b", FUA)), b"." * 4 * SECTOR)
    disk.run(3)
    assert held(disk) == "ab.."


def test_instants_are_drawn_after_a_mark_and_the_same_seed_draws_the_same(log):
    since = log.after("begun")
    drawn = [instants(log, since=since, count=40, chance=random.Random(7)) for _ in range(2)]
    assert drawn[0] == drawn[1] == sorted(drawn[0])
    assert {min(drawn[0]), max(drawn[0])} == {since, len(log.entries)}


def test_another_file_and_a_mark_that_nobody_made_are_refused(log, tmp_path):
    (tmp_path / "other").write_bytes(bytes(SECTOR))
    with pytest.raises(ValueError, match="no log of writes"):
        Log.read(tmp_path / "other")
    with pytest.raises(ValueError, match="no mark 'gone'"):
        log.after("gone")
