"""How the file of a store or a witness is opened."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from errno import EIO
from functools import partial
from pathlib import Path

import pytest

from agent.files import write_again
from agent.subscriber.opening import claim, connect_surely


def fails(_: int) -> None:
    raise OSError(EIO, "the disk fails")


def connecting(path: Path) -> Callable[[], sqlite3.Connection]:
    return partial(sqlite3.connect, path, isolation_level=None)


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What a process left that was killed: a database, and a log that nobody has written back."""
    path = tmp_path / "store.sqlite"
    db = connecting(path)()
    for sql in ("PRAGMA journal_mode = WAL", "CREATE TABLE one(x)", "INSERT INTO one VALUES(1)"):
        db.execute(sql)
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in ("store.sqlite", "store.sqlite-wal"):
        shutil.copy(tmp_path / name, killed / name)
    db.close()
    return killed / path.name


def test_a_log_is_put_onto_the_disk_before_anything_is_built_on_it(left: Path):
    synced: list[str] = []
    log = Path(f"{left}-wal")
    before = log.read_bytes()

    def sync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)

    db = connect_surely(left, connecting(left), again=partial(write_again, sync=sync))
    assert (synced, log.read_bytes()) == ([log.name], before)
    assert db.execute("SELECT x FROM one").fetchall() == [(1,)]
    db.execute("INSERT INTO one VALUES(2)")
    db.close()


def test_a_log_that_the_disk_does_not_take_is_left_as_it_is(left: Path):
    """SQLite would write it into the database when the last who has the file open for writing leaves."""
    files = {file: file.read_bytes() for file in (left, Path(f"{left}-wal"))}
    with pytest.raises(sqlite3.OperationalError, match="the disk fails"):
        connect_surely(left, connecting(left), again=partial(write_again, sync=fails))
    assert {file: file.read_bytes() for file in files} == files


def test_nobody_writes_into_a_log_while_it_is_written_again(left: Path):
    refused: list[str] = []

    def again(_: Path) -> None:
        other = sqlite3.connect(left, isolation_level=None, timeout=0.0)
        try:
            other.execute("INSERT INTO one VALUES(2)")
        except sqlite3.OperationalError as error:
            refused.append(str(error))
        other.close()

    connect_surely(left, connecting(left), again=again).close()
    assert refused == ["database is locked"]


def test_a_file_that_is_new_or_was_left_in_order_is_only_opened(tmp_path: Path):
    path = tmp_path / "new.sqlite"
    connect_surely(path, connecting(path), again=lambda _: os.abort()).close()


def test_tables_that_could_not_all_be_made_are_made_by_the_next_who_comes(tmp_path: Path):
    """Some of them alone would look like a database of something else, for ever."""
    path = tmp_path / "store.sqlite"
    db = connecting(path)()
    with pytest.raises(sqlite3.OperationalError, match="incomplete"):
        claim(db, path, table="two", version=1, tables=("CREATE TABLE one(x)", "CREATE TABLE two("))
    db.close()
    again = connecting(path)()
    claim(again, path, table="two", version=1, tables=("CREATE TABLE one(x)", "CREATE TABLE two(x)"))
    assert [row for (row,) in again.execute("SELECT count(*) FROM sqlite_master")] == [2]
    again.close()


def test_the_journal_of_the_first_pages_is_surely_gone(tmp_path: Path):
    """Under FULL a power cut may bring it back, and it undoes those pages under what the log has added since."""
    db = connecting(tmp_path / "store.sqlite")()
    claim(db, tmp_path / "store.sqlite", table="one", version=1, tables=("CREATE TABLE one(x)",))
    assert db.execute("PRAGMA synchronous").fetchone() == (3,), "EXTRA"
    db.close()
