"""Whether sense runs, as the kernel knows it: a lock that dies with its process.

Link looks at it to say, in words that sense signed beforehand, that the node is lost; kill -9 leaves
nobody else to say so. Who may look at a lock may also hold it, so another, which link cannot open,
says that there is one sense only: a link that was taken over keeps none from starting.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from agent.errors import UserError

FILE = "sense.lock"
ONLY = "sense.only"
_MODE, _OURS = 0o640, 0o600
_TRIES = 1000
"""Some milliseconds: a link that looks holds its lock for some microseconds."""


class Life:
    """Held by sense from its start to its end, however it ends."""

    def __init__(self, folder: Path) -> None:
        """UserError when another sense works in this folder."""
        self._only = _opened(folder / ONLY, _OURS)
        if not _locks(self._only, fcntl.LOCK_EX):
            os.close(self._only)
            raise UserError(
                f"{folder}: another 'piazza sense' works here", hint="end it first, or give each its own state_dir"
            )
        self._shown = _opened(folder / FILE, _MODE)
        any(
            _locks(self._shown, fcntl.LOCK_EX) for _ in range(_TRIES)
        )  # held by link it would say only that we are lost

    def close(self) -> None:
        os.close(self._shown)
        os.close(self._only)


def runs(folder: Path) -> bool:
    """Whether a sense works in this folder now; it need not be ours to write."""
    try:
        descriptor = os.open(folder / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _locks(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _opened(path: Path, mode: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
    os.fchmod(descriptor, mode)
    return descriptor


def _locks(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
