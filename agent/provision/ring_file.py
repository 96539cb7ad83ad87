"""A key ring that follows its file: who is added is believed, who is removed is not, without a restart.

The invariant: what stands in the ring was read whole; a file that is missing or no key ring changes nothing.
"""

from __future__ import annotations

import logging
from pathlib import Path

from agent.errors import KeyFileError
from agent.files import Watch
from agent.provision.keys import load_ring

log = logging.getLogger(__name__)


class RingFile:
    """One file, and in `ring` what it holds; whoever was given `ring` has it anew too."""

    def __init__(self, path: Path) -> None:
        """KeyFileError where there is nothing to begin with."""
        self._path = path
        self._watch = Watch(lambda: (path,))
        self._watch.note()
        self.ring = load_ring(path)

    def look(self, monotonic: float) -> None:
        """Read the file again if it has changed; one that cannot be read is told of once."""
        if not self._watch.changed(monotonic):
            return
        try:
            self.ring.replace(load_ring(self._path))
        except KeyFileError as error:
            log.error("the key ring cannot be read, the former one stays", extra={"why": str(error)})  # noqa: TRY400 -- no fault of ours to trace
            return
        log.info("the key ring was read again", extra={"keys": sum(1 for _ in self.ring)})
