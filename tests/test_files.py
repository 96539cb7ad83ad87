"""Files that are whole or absent."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from errno import EIO, ENOSPC, EPERM
from pathlib import Path

import pytest

from agent.files import WATCH_S, Watch, if_there_is_room, mark, read_plain, write_again, write_atomic, write_once


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path):
    path = tmp_path / "learned.json"
    write_atomic(path, b"old and rather long")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_has_its_mode_from_the_beginning(tmp_path: Path):
    write_atomic(tmp_path / "key", b"secret", mode=0o600)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_mode_that_is_said_is_not_narrowed_by_the_process(tmp_path: Path):
    """Sense keeps all to itself unless it says otherwise, and the update process must be able to read that it is alive."""
    before = os.umask(0o077)
    try:
        write_atomic(tmp_path / "alive.json", b"{}", mode=0o640)
        write_atomic(tmp_path / "told.json", b"{}")
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("alive.json", "told.json")] == [0o640, 0o600]


def test_whoever_reads_the_old_file_goes_on_reading_the_old_one(tmp_path: Path):
    """The name moves to the new content; what was there is not written over."""
    path = tmp_path / "learned.json"
    write_atomic(path, b"old")
    with path.open("rb") as reader:
        write_atomic(path, b"new")
        assert reader.read() == b"old"


def test_a_write_that_fails_leaves_the_old_content(tmp_path: Path):
    path = tmp_path / "learned.json"
    write_atomic(path, b"old")
    (tmp_path / ".learned.json.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"


def test_what_a_power_cut_left_of_an_earlier_write_is_written_over(tmp_path: Path):
    path = tmp_path / "learned.json"
    (tmp_path / ".learned.json.new").write_bytes(b"half of something that was longer")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"


def no_links(_source: Path, _target: Path) -> None:
    raise PermissionError(EPERM, "a file has one name on this disk")


@pytest.mark.parametrize("link", [os.link, no_links])
def test_what_is_written_once_is_never_replaced(link: Callable[[Path, Path], None], tmp_path: Path):
    path = tmp_path / "key.pem"
    (tmp_path / ".key.pem.new").write_bytes(b"half of one, after a power cut")
    write_once(path, b"first", mode=0o600, link=link)
    with pytest.raises(FileExistsError):
        write_once(path, b"second", mode=0o600, link=link)
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"first", [path])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_can_be_had_again_is_left_undone_on_a_full_disk(tmp_path: Path):
    fresh = tmp_path / "fresh"
    with if_there_is_room(fresh):
        run_out_of_room(fresh)
    assert not fresh.exists()


def run_out_of_room(fresh: Path) -> None:
    fresh.write_bytes(b"half of it")
    raise OSError(ENOSPC, "no space")


def test_another_failure_of_the_disk_is_not_hidden(tmp_path: Path):
    with pytest.raises(OSError, match="worn out"), if_there_is_room(tmp_path / "fresh"):
        raise OSError(EIO, "worn out")


def test_a_file_is_written_again_byte_by_byte_however_little_is_taken_at_once(tmp_path: Path):
    path, written = tmp_path / "log", bytearray()

    def write(descriptor: int, data: bytes, offset: int) -> int:
        written[offset:] = data[:2]
        return os.pwrite(descriptor, data[:2], offset)

    path.write_bytes(b"12345")
    write_again(path, write=write)
    assert (bytes(written), path.read_bytes()) == (b"12345", b"12345")


def test_a_file_that_is_not_there_is_not_made_by_writing_it_again(tmp_path: Path):
    write_again(tmp_path / "log")
    assert not (tmp_path / "log").exists()


def test_a_link_that_somebody_laid_in_the_way_is_not_written_through(tmp_path: Path):
    """Root and sense write into folders of others, who would choose what is overwritten."""
    other = tmp_path / "precious"
    other.write_bytes(b"kept")
    (tmp_path / ".told.json.new").symlink_to(other)
    (tmp_path / "told.json").symlink_to(other)
    write_atomic(tmp_path / "told.json", b"new")
    assert other.read_bytes() == b"kept"
    assert (tmp_path / "told.json").read_bytes() == b"new"
    assert not (tmp_path / "told.json").is_symlink()


def test_a_mark_is_made_anew_and_never_where_a_link_points(tmp_path: Path):
    path, elsewhere = tmp_path / "asked", tmp_path / "elsewhere"
    path.symlink_to(elsewhere)
    mark(path)
    assert path.is_file()
    assert not elsewhere.exists()
    os.utime(path, (0.0, 0.0))
    mark(path)
    assert path.stat().st_mtime > 0.0


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "absent"])
def test_what_is_no_plain_file_is_not_read_and_costs_no_descriptor(tmp_path: Path, kind: str):
    path = tmp_path / "letter"
    lay(path, kind)
    before = descriptors()
    assert [read_plain(path, most=9) for _ in range(3)] == [None] * 3
    assert descriptors() == before


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def lay(path: Path, kind: str) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        (path.parent / "secret").write_bytes(b"secret")
        path.symlink_to(path.parent / "secret")


def test_a_watch_tells_each_change_once_and_looks_no_more_often_than_it_says(tmp_path: Path):
    path = tmp_path / "ring.json"
    watch = Watch(lambda: tmp_path.glob("*.json"))
    assert not watch.changed(0.0)
    write_atomic(path, b"first")
    assert not watch.changed(WATCH_S / 2)
    assert [watch.changed(WATCH_S), watch.changed(2 * WATCH_S)] == [True, False]
    path.unlink()
    assert watch.changed(3 * WATCH_S)


def test_a_watch_takes_files_as_they_are_when_it_is_told_to(tmp_path: Path):
    write_atomic(tmp_path / "ring.json", b"first")
    watch = Watch(lambda: [tmp_path / "ring.json", tmp_path / "absent.json"])
    assert watch.note()
    assert not watch.changed(0.0)
    write_atomic(tmp_path / "ring.json", b"other")
    assert watch.changed(WATCH_S)
