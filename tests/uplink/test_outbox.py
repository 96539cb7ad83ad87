"""The outbox keeps what it committed, gives each number once and can be read by another user."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from errno import EIO, ENOSPC
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.contract.jws import GENESIS
from agent.contract.topics import Class
from agent.errors import OutboxBroken, OutboxFull, OutboxNewer
from agent.files import write_again
from agent.uplink.database import VERSION
from agent.uplink.outbox import Outbox, OutboxReader, Row, Statement
from agent.uplink.settings import OutboxSettings
from agent.uplink.sure import Word

NOBODY = 65534
READ_AS_NOBODY = """
import os
from pathlib import Path
from typing import Any
from agent.uplink.outbox import OutboxReader
os.setgroups([]); os.setgid({gid}); os.setuid({gid})
reader = OutboxReader(Path({path!r}))
print([row.seq for row in reader.after(0, limit=100)], reader.last())
try:
    open({path!r}, "ab")
    print("could write")
except PermissionError:
    pass
"""


def seal(seq: int, prev: str) -> tuple[str, str]:
    """A token that names its place; its digest is as long as a real one."""
    return f"token-{seq}-{prev[:4]}", f"{seq:064x}"


def put(outbox: Outbox, *classes: Class) -> None:
    for klass in classes:
        outbox.put(klass, f"t/{klass}/x", seal, at=1.0)


def numbers(reader: OutboxReader) -> list[int]:
    return [row.seq for row in reader.after(0, limit=10_000)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.sqlite"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    outbox = Outbox(path, OutboxSettings(max_mb=1))
    yield outbox
    outbox.close()


def test_what_is_put_is_seen_only_after_flush(outbox: Outbox, path: Path) -> None:
    put(outbox, Class.EVT)
    assert OutboxReader(path).after(0, limit=10) == []
    outbox.flush()
    assert OutboxReader(path).after(0, limit=10) == [Row(1, "evt", "t/evt/x", f"token-1-{GENESIS[:4]}")]


def test_each_envelope_names_the_digest_of_the_one_before(outbox: Outbox) -> None:
    given: list[tuple[int, str]] = []

    def remember(seq: int, prev: str) -> tuple[str, str]:
        given.append((seq, prev))
        return "token", f"{seq:064x}"

    for _ in range(3):
        outbox.put(Class.EVT, "t", remember, at=0.0)
        outbox.flush()
    assert given == [(1, GENESIS), (2, f"{1:064x}"), (3, f"{2:064x}")]


def test_a_number_is_not_given_again_after_everything_was_deleted(path: Path) -> None:
    outbox = Outbox(path, OutboxSettings())
    put(outbox, Class.EVT, Class.EVT)
    outbox.flush()
    outbox.received(cum=2)
    outbox.close()
    again = Outbox(path, OutboxSettings())
    put(again, Class.EVT)
    assert again.flush().seq == 3
    assert numbers(OutboxReader(path)) == [3]
    again.close()


def test_a_receipt_lets_go_of_what_it_names_and_nothing_else(outbox: Outbox, path: Path) -> None:
    put(outbox, *[Class.EVT] * 8)
    outbox.flush()
    outbox.received(cum=2, ranges=((4, 5), (7, 7)))
    outbox.flush()
    assert numbers(OutboxReader(path)) == [3, 6, 8]
    assert OutboxReader(path).last() == 8


def test_a_receipt_for_numbers_not_yet_given_does_not_touch_them(outbox: Outbox, path: Path) -> None:
    put(outbox, Class.EVT)
    outbox.flush()
    outbox.received(cum=100, ranges=((1, 50),))
    put(outbox, Class.EVT)
    outbox.flush()
    assert numbers(OutboxReader(path)) == [2]


def test_a_statement_is_replaced_and_its_version_grows(outbox: Outbox, path: Path) -> None:
    outbox.state("t/head", "one")
    outbox.flush()
    outbox.state("t/head", "two")
    outbox.state("will", "gone")
    outbox.flush()
    assert OutboxReader(path).statements() == [Statement("t/head", "two", 2), Statement("will", "gone", 1)]


def test_open_events_outlive_the_process(path: Path) -> None:
    outbox = Outbox(path, OutboxSettings())
    outbox.opened("a", "first")
    outbox.opened("b", "second")
    outbox.closed("a")
    outbox.close()
    again = Outbox(path, OutboxSettings())
    assert again.open_events() == ["second"]
    again.close()


def test_the_least_class_is_given_up_first_and_the_oldest_of_it(outbox: Outbox, path: Path) -> None:
    put(outbox, Class.EVT, Class.HEALTH, Class.HEALTH, Class.STAT, Class.HEALTH, Class.AUDIT)
    outbox.flush()
    given_up = []
    while (dropped := outbox.give_up()) is not None:
        given_up.append(dropped)
        outbox.flush()
    assert given_up == [
        (Class.HEALTH, ((2, 3), (5, 5))),
        (Class.STAT, ((4, 4),)),
        (Class.EVT, ((1, 1), (6, 6))),
    ]
    assert numbers(OutboxReader(path)) == []


def test_giving_up_twice_before_a_flush_names_each_record_once(outbox: Outbox) -> None:
    put(outbox, *[Class.HEALTH, Class.EVT] * 40)
    outbox.flush()
    first, second = outbox.give_up(), outbox.give_up()
    assert first
    assert second
    assert (len(first[1]), len(second[1])) == (32, 8)
    assert not set(first[1]) & set(second[1])


def test_records_of_what_was_dropped_are_never_given_up(outbox: Outbox) -> None:
    outbox.put(Class.AUDIT, "piazza/v1/u/c/n/audit/dropped", seal, at=0.0)
    outbox.flush()
    assert outbox.give_up() is None


def test_a_full_outbox_says_so_keeps_what_was_put_and_stores_it_when_there_is_room(path: Path) -> None:
    outbox = Outbox(path, OutboxSettings(max_mb=1))
    with pytest.raises(OutboxFull):
        _fill(outbox)
    assert outbox.crowded()
    full_at = outbox.tail.seq
    outbox.give_up()
    assert outbox.flush().seq == full_at + 1
    assert not outbox.crowded()
    outbox.close()


def _fill(outbox: Outbox) -> None:
    for _ in range(400):
        outbox.put(Class.HEALTH, "t", lambda seq, _: ("x" * 3500, f"{seq:064x}"), at=0.0)
        outbox.flush()


def test_a_file_that_is_no_database_is_said_in_one_message(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    path.write_bytes(b"not a database, for certain" * 400)
    with pytest.raises(OutboxBroken, match=r"outbox\.sqlite"):
        Outbox(path, OutboxSettings())


def test_a_reader_waits_for_an_outbox_that_is_not_there_yet(path: Path) -> None:
    reader = OutboxReader(path)
    assert reader.after(0, limit=5) == []
    assert (reader.statements(), reader.last()) == ([], 0)
    outbox = Outbox(path, OutboxSettings())
    put(outbox, Class.EVT)
    outbox.flush()
    assert reader.last() == 1
    outbox.close()
    assert numbers(reader) == [1]


def test_a_reader_follows_a_writer_that_ends_and_begins_again(path: Path) -> None:
    reader = OutboxReader(path)
    for count in range(1, 5):
        outbox = Outbox(path, OutboxSettings())
        put(outbox, Class.EVT)
        outbox.flush()
        assert numbers(reader) == list(range(1, count + 1))
        outbox.close()
        assert reader.last() == count


def test_the_reader_cannot_write(outbox: Outbox, path: Path) -> None:
    put(outbox, Class.EVT)
    outbox.flush()
    reader = OutboxReader(path)
    reader.last()
    assert reader._db is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._db.execute("DELETE FROM envelope")


def test_the_group_may_read_and_others_may_not(outbox: Outbox, path: Path) -> None:
    put(outbox, Class.EVT)
    outbox.flush()
    for suffix in ("", "-wal", "-shm"):
        assert stat.S_IMODE(Path(f"{path}{suffix}").stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("writer", ["alive", "ended", "killed"])
def test_another_user_of_the_group_reads_whatever_became_of_the_writer(writer: str) -> None:
    """The link's user has the group's right to read and nothing else."""
    # Not below pytest's own folder: another run of pytest closes that to everybody else at any time.
    with tempfile.TemporaryDirectory() as open_folder:
        Path(open_folder).chmod(0o755)
        folder = Path(open_folder) / "state"
        folder.mkdir()
        os.chown(folder, 0, NOBODY)
        folder.chmod(0o2750)
        path = folder / "outbox.sqlite"
        outbox = _written_by_one_who(path, writer)
        script = READ_AS_NOBODY.format(gid=NOBODY, path=str(path))
        read = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert (read.stdout, read.stderr) == ("[1, 2] 2\n", "")
        if outbox:
            outbox.close()


def _written_by_one_who(path: Path, fate: str) -> Outbox | None:
    if fate == "killed":
        write = f"""
import os
from pathlib import Path
from typing import Any
from tests.uplink.test_outbox import *
outbox = Outbox(Path({str(path)!r}), OutboxSettings()); put(outbox, Class.EVT, Class.EVT); outbox.flush()
os.kill(os.getpid(), 9)
"""
        subprocess.run([sys.executable, "-c", write], check=False)
        assert Path(f"{path}-wal").stat().st_size > 0
        return None
    outbox = Outbox(path, OutboxSettings())
    put(outbox, Class.EVT, Class.EVT)
    outbox.flush()
    if fate == "ended":
        outbox.close()
        return None
    return outbox


def test_an_outbox_that_cannot_be_opened_anew_on_a_full_disk_says_that_it_is_full_and_goes_on_later(path: Path) -> None:
    """A commit fails, and then so does opening the file: whoever asks next must not find a closed one."""
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    there_is_room = [True]

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql == "COMMIT" and not there_is_room[0]:
                raise full
            return super().execute(sql, *values)

    def opened(where: Path) -> sqlite3.Connection:
        if not there_is_room[0]:
            raise full
        return sqlite3.connect(where, isolation_level=None, factory=Connection)

    outbox = Outbox(path, OutboxSettings(), connect=opened)
    there_is_room[0] = False
    outbox.keep("a", "b")
    for ask in (outbox.flush, outbox.crowded, outbox.flush):
        with pytest.raises(OutboxFull):
            ask()
    there_is_room[0] = True
    assert not outbox.crowded()
    outbox.flush()
    assert outbox.kept("a") == "b"


def test_a_log_that_the_disk_does_not_take_is_left_as_it_is(path: Path) -> None:
    """Whoever was killed may have left a log that only the kernel has; nothing is built on it before the disk has it."""
    _written_by_one_who(path, "killed")
    left = {file: file.read_bytes() for file in (path, Path(f"{path}-wal"))}
    for number, error in ((ENOSPC, OutboxFull), (EIO, OutboxBroken)):

        def fails(_: int, number: int = number) -> None:
            raise OSError(number, "the disk fails")

        with pytest.raises(error):
            Outbox(path, OutboxSettings(), again=partial(write_again, sync=fails))
        assert {file: file.read_bytes() for file in left} == left
    outbox = Outbox(path, OutboxSettings())
    assert outbox.tail.seq == 2
    outbox.close()


def test_an_outbox_of_an_unknown_version_is_refused_and_left_as_it_is(path: Path) -> None:
    """Somebody put an older release onto a node by hand: writer and reader say in one sentence what to do."""
    with closing(Outbox(path, OutboxSettings())) as outbox:
        put(outbox, Class.EVT)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 999")
    before = path.read_bytes()
    for opening in (lambda: Outbox(path, OutboxSettings()), lambda: OutboxReader(path).last()):
        with pytest.raises(OutboxNewer, match="version 999 of the outbox is unknown here") as told:
            opening()
        assert "install the newer release again" in told.value.hint
    assert path.read_bytes() == before


def test_a_release_that_is_put_back_finds_its_outbox_as_the_newer_one_left_it(path: Path) -> None:
    """The newer one added a table and columns with defaults, which is what it may do without a new version."""
    with closing(Outbox(path, OutboxSettings())) as outbox:
        put(outbox, Class.EVT)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("CREATE TABLE later(x)")
        for table in ("envelope", "statement", "open_event", "meta"):
            newer.execute(f"ALTER TABLE {table} ADD COLUMN later TEXT NOT NULL DEFAULT 'x'")
    with closing(Outbox(path, OutboxSettings())) as outbox:
        put(outbox, Class.EVT)
        outbox.state("t/head", "one")
        outbox.opened("a", "an event")
        outbox.keep("a", "b")
        outbox.flush()
        assert (outbox.kept("a"), outbox.open_events()) == ("b", ["an event"])
        reader = OutboxReader(path)
        assert (numbers(reader), reader.statements()) == ([1, 2], [Statement("t/head", "one", 1)])
        reader.close()


def test_an_outbox_from_before_there_were_versions_is_taken_over(path: Path) -> None:
    with closing(Outbox(path, OutboxSettings())) as outbox:
        put(outbox, Class.EVT)
    with closing(sqlite3.connect(path)) as older:
        older.execute("PRAGMA user_version = 0")
    with closing(Outbox(path, OutboxSettings())) as outbox:
        assert (outbox.tail.seq, outbox._db.execute("PRAGMA user_version").fetchone()) == (1, (VERSION,))


def test_a_reader_is_told_nothing_that_a_power_cut_could_still_take(path: Path) -> None:
    """What a commit left whose sync failed is there to be read until the power goes; then its number is given again."""
    (path.parent / "inbox").mkdir(parents=True)
    outbox = Outbox(path, OutboxSettings())
    put(outbox, Class.EVT)
    outbox.state("t/head", "one")
    outbox.flush()
    reader = OutboxReader(path)
    assert reader.statements() == [Statement("t/head", "one", 1)]
    put(outbox, Class.EVT)
    outbox.state("t/head", "two")
    outbox.flush()
    Word(path).say(1)  # as if the process had been killed before its commit returned
    assert (numbers(reader), reader.statements()) == ([1], [Statement("t/head", "one", 1)])
    outbox.close()
    Outbox(path, OutboxSettings()).close()
    assert (numbers(reader), reader.statements()) == ([1, 2], [Statement("t/head", "two", 2)])
    reader.close()


def test_a_reader_takes_all_there_is_where_no_word_was_left(path: Path) -> None:
    """The machine was started anew, there was no room for a word, or the outbox is one of an older release."""
    (path.parent / "inbox").mkdir(parents=True)
    with closing(Outbox(path, OutboxSettings())) as outbox:
        put(outbox, Class.EVT)
    for word in (None, b"short"):
        Path(Word(path).file).unlink() if word is None else Path(Word(path).file).write_bytes(word)
        assert numbers(OutboxReader(path)) == [1]


@pytest.mark.parametrize("what", ["link", "pipe"])
def test_a_word_is_written_into_nothing_that_somebody_else_laid_there(path: Path, what: str) -> None:
    """Link can write to the folder, and link is not trusted."""
    mark, precious = Path(Word(path).file), path.parent / "precious"
    mark.parent.mkdir(parents=True)
    precious.write_bytes(b"as it was")
    mark.symlink_to(precious) if what == "link" else os.mkfifo(mark)
    word = Word(path)
    word.say(7)
    assert (precious.read_bytes(), Word(path).heard()) == (b"as it was", None)
    word.say(8)
    assert Word(path).heard() == 8
