"""A key ring that follows its file: who is added is believed, who is removed is not, without a restart.

The invariant: what stands in the ring was read whole; a file that is missing or no key ring changes nothing.
"""

from __future__ import annotations

import logging
from pathlib import Path

from agent.errors import KeyFileError
from agent.provision.keys import load_ring

log = logging.getLogger(__name__)

EVERY_S = 1.0
"""The file is looked at no more often."""


class RingFile:
    """One file, and in `ring` what it holds; whoever was given `ring` has it anew too."""

    def __init__(self, path: Path) -> None:
        """KeyFileError where there is nothing to begin with."""
        self._path = path
        self._seen = _look(path)
        self._looked = float("-inf")
        self.ring = load_ring(path)

    def look(self, monotonic: float) -> None:
        """Read the file again if it has changed; one that cannot be read is told of once."""
        if monotonic - self._looked < EVERY_S:
            return
        self._looked = monotonic
        now = _look(self._path)
        if now == self._seen:
            return
        self._seen = now
        try:
            self.ring.replace(load_ring(self._path))
        except KeyFileError as error:
            log.error("the key ring cannot be read, the former one stays", extra={"why": str(error)})  # noqa: TRY400 -- no fault of ours to trace
            return
        log.info("the key ring was read again", extra={"keys": sum(1 for _ in self.ring)})


def _look(path: Path) -> tuple[int, ...]:
    """What differs when a file was written or put in another's place; nothing where there is none."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
