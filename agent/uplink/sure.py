"""How far the outbox is surely on the disk, said to whoever reads it while its writer is dead.

What a commit wrote whose sync failed, or had not come yet when its process was killed, is in the kernel's memory, where
a reader would find it, and may be gone after a power cut; its numbers are then given again. The word lies in the
inbox, in memory on a node: it wears no card, and after a restart of the machine nothing is to be read but the disk.
Link may write there too, so no link is followed and no pipe waited for.
"""

from __future__ import annotations

import os
from pathlib import Path

from agent.files import read_plain

_BYTES = 8
"""As many as the machine copies at once, so that nobody reads a half of it."""
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def mark(outbox: Path) -> Path:
    """The file that holds the word."""
    return outbox.parent / "inbox" / ".sure"


def say(outbox: Path, seq: int, *, mode: int) -> None:
    """Numbers up to `seq` are on the disk; where this cannot be said nothing is. OSError where an older word stays."""
    try:
        descriptor = os.open(mark(outbox), _FLAGS, mode)
        try:
            os.pwrite(descriptor, seq.to_bytes(_BYTES, "little"), 0)
        finally:
            os.close(descriptor)
    except OSError:
        mark(outbox).unlink(missing_ok=True)


def said(outbox: Path) -> int | None:
    """The last word of a writer, None where there is none: then what the outbox holds must do."""
    word = read_plain(mark(outbox), most=_BYTES) or b""
    return int.from_bytes(word, "little") if len(word) == _BYTES else None
