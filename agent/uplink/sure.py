"""How far the outbox is surely on the disk, said to whoever reads it while its writer is dead.

What a commit wrote whose sync failed, or had not come yet when its process was killed, is in the kernel's memory, where
a reader would find it, and may be gone after a power cut; its numbers are then given again. The word lies in the
inbox, in memory on a node: it wears no card, and after a restart of the machine nothing is to be read but the disk.
Link may write there too, so no link is followed and no pipe waited for.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_BYTES = 8
"""As many as the machine copies at once, so that nobody reads a half of it."""
_MODE = 0o640
_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Word:
    """The word about one outbox, as its writer says it and its reader hears it."""

    def __init__(self, outbox: Path) -> None:
        self.file = str(outbox.parent / "inbox" / ".sure")
        self._descriptor: int | None = None
        self._closing: Callable[[], object] = lambda: None

    def say(self, seq: int) -> None:
        """Numbers up to `seq` are on the disk; where this cannot be said nothing is. OSError where an older word stays."""
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | _PLAIN, _MODE)
                self._closing = weakref.finalize(self, os.close, self._descriptor)
            os.pwrite(self._descriptor, seq.to_bytes(_BYTES, "little"), 0)
        except OSError:
            self.close()
            with suppress(IsADirectoryError):  # which is no older word
                Path(self.file).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; the word stays."""
        self._closing()
        self._descriptor = None

    def heard(self) -> int | None:
        """The last word of a writer, None where there is none: then what the outbox holds must do."""
        try:
            descriptor = os.open(self.file, os.O_RDONLY | _PLAIN)
        except OSError:
            return None
        try:
            word = os.read(descriptor, _BYTES)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return int.from_bytes(word, "little") if len(word) == _BYTES else None
