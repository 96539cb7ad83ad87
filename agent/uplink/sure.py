"""How far the outbox is surely on the disk, said beside it for whoever reads it while its writer is dead.

What a commit wrote whose sync failed is in the kernel's memory, where a reader would find it, and may be gone after a
power cut; its numbers are then given again. The word itself needs no sync: one that is lost or old says less.
"""

from __future__ import annotations

import os
from pathlib import Path

_BYTES = 8
"""As many as the machine copies at once, so that nobody reads a half of it."""


def mark(outbox: Path) -> Path:
    """The file beside `outbox` that holds the word."""
    return outbox.with_name(f"{outbox.name}-sure")


def say(outbox: Path, seq: int, *, mode: int) -> None:
    """Numbers up to `seq` are on the disk; where there is no room to say so nothing is said. OSError as it comes."""
    try:
        descriptor = os.open(mark(outbox), os.O_WRONLY | os.O_CREAT, mode)
        try:
            os.pwrite(descriptor, seq.to_bytes(_BYTES, "little"), 0)
        finally:
            os.close(descriptor)
    except OSError:
        mark(outbox).unlink(missing_ok=True)


def said(outbox: Path) -> int | None:
    """The last word of a writer, None where there is none: then what the outbox holds must do."""
    try:
        word = mark(outbox).read_bytes()
    except OSError:
        return None
    return int.from_bytes(word, "little") if len(word) == _BYTES else None
