"""Files that are whole or absent: written beside, synced, renamed, and the folder synced."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC, ENOTSUP, EPERM
from pathlib import Path

NO_ROOM = (ENOSPC, EDQUOT)
"""What the system says when a disk, or our share of it, is full."""

WATCH_S = 1.0
"""A `Watch` looks no more often."""


def write_atomic(path: Path, content: bytes, *, mode: int | None = None, keep_owner: bool = False) -> None:
    """Replace `path` by `content` so that a power cut leaves the old or the new; OSError as it comes.

    `mode` holds as it is said, whatever the process's umask would take from it: who is named may read. Without it the
    umask decides.
    `keep_owner`: root gives the new one to whom the old one belongs, who then never finds a file that it cannot read.

    The folder may belong to somebody with fewer rights than ours: a link that lies in the way is not written through.
    """
    fresh = path.with_name(f".{path.name}.new")
    descriptor = _fresh(fresh, 0o644 if mode is None else mode)
    if mode is not None:
        os.fchmod(descriptor, mode)
    if keep_owner and path.exists() and os.geteuid() == 0:
        os.fchown(descriptor, path.stat().st_uid, path.stat().st_gid)
    _put(descriptor, content)
    fresh.replace(path)
    sync_folder(path.parent)


def write_once(path: Path, content: bytes, *, mode: int, link: Callable[[Path, Path], None] = os.link) -> None:
    """Make `path`, which a power cut leaves away or whole; FileExistsError where it is there already.

    For what could never be made again under that name if half of it were there. After any error nothing is.
    Where files have one name each, as on a stick with FAT, two that do this at the same instant are not told apart.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        _put(_fresh(fresh, mode), content)
        _name_once(fresh, path, link)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def _name_once(fresh: Path, path: Path, link: Callable[[Path, Path], None]) -> None:
    try:
        link(fresh, path)
    except OSError as error:
        if error.errno not in (EPERM, ENOTSUP):
            raise
        if path.exists():
            raise FileExistsError(f"{path} is there already") from error
        fresh.rename(path)


def _put(descriptor: int, content: bytes) -> None:
    """Write, sync and close."""
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def mark(path: Path) -> None:
    """An empty file that is as old as this moment, in a folder that others may write to; OSError as it comes.

    `touch` would follow a link that they put there, and make a file wherever we may.
    """
    os.close(_fresh(path, 0o644))


def _fresh(path: Path, mode: int) -> int:
    """A descriptor of an empty file that did not exist before."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)


def replace_whole(path: Path, content: bytes) -> None:
    """Replace `path` so that a reader finds the old or the new; not synced, for what means nothing after a restart."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)


def replace_if_room(path: Path, content: bytes, *, mode: int) -> None:
    """The same; on a full disk the old one stays."""
    fresh = path.with_name(f"{path.name}.new")
    with if_there_is_room(fresh):
        fresh.write_bytes(content)
        fresh.chmod(mode)
        fresh.replace(path)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_again(
    path: Path,
    *,
    write: Callable[[int, bytes, int], int] = os.pwrite,
    sync: Callable[[int], None] = os.fsync,
) -> None:
    """Put onto the disk what the kernel shows of a file, if there is one; OSError as it comes, and nothing was promised.

    After a failed fsync the kernel calls its pages clean though the disk may not have them, so a further fsync writes
    nothing, and a program that starts now cannot know. Bytes that are written anew are written.
    """
    if not path.exists():
        return
    with path.open("r+b", buffering=0) as file:
        content, done = file.readall(), 0
        while done < len(content):
            done += write(file.fileno(), content[done:], done)
        sync(file.fileno())


def read_plain(path: Path | str, *, most: int) -> bytes | None:
    """At most `most` bytes of a plain file; None for anything else, since others may put links and pipes there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)  # `open` would refuse a folder, and leave its descriptor open
        return None
    with open(descriptor, "rb") as file:  # noqa: PTH123 -- a descriptor that is known to be no link
        return file.read(most)


@contextmanager
def if_there_is_room(fresh: Path | str) -> Iterator[None]:
    """A block that writes `fresh` and moves it into place; on a full disk all of it is left undone.

    For what can be had again: the caller looks for itself whether it succeeded. Other errors rise.
    """
    try:
        yield
    except OSError as error:
        Path(fresh).unlink(missing_ok=True)
        if error.errno not in NO_ROOM:
            raise


class Watch:
    """Files that somebody may write, add or take away while we run; `files` names those to look at."""

    def __init__(self, files: Callable[[], Iterable[Path]]) -> None:
        self._files = files
        self._seen: tuple[tuple[str | int, ...], ...] = ()
        self._looked = float("-inf")

    def changed(self, monotonic: float) -> bool:
        """Whether they differ from when they were noted last; looked at no more often than every WATCH_S."""
        if monotonic - self._looked < WATCH_S:
            return False
        self._looked = monotonic
        return self.note()

    def note(self) -> bool:
        """Take them as they are now; whether that is another state than before, which at first is that there are none."""
        before, self._seen = self._seen, tuple(_signs(self._files()))
        return self._seen != before


def _signs(files: Iterable[Path]) -> Iterator[tuple[str | int, ...]]:
    """What differs when a file was written or put in another's place; nothing where there is none."""
    for path in files:
        try:
            found = path.stat()
        except OSError:
            continue
        yield str(path), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
