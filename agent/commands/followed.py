"""A union's documents as they change: who looks is given rights by those of now, without a restart.

The invariant: what is followed was read whole; documents that cannot be read change nothing, and those of before end by themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from agent.commands.in_force import Agreed
from agent.errors import UserError

log = logging.getLogger(__name__)

EVERY_S = 1.0
"""The folder is looked at no more often."""


class Followed:
    """One folder with union.yaml and agreements/; `tell` hears what they say at first and whenever they have changed."""

    def __init__(self, folder: Path, tell: Callable[[Agreed], None]) -> None:
        self._folder, self._tell = folder, tell
        self._seen: tuple[tuple[str, int, int, int], ...] = ()
        self._looked = float("-inf")

    def look(self, monotonic: float) -> None:
        """Read the documents again if they have changed; what cannot be read is told of once."""
        if monotonic - self._looked < EVERY_S:
            return
        self._looked = monotonic
        now = self._signs()
        if now == self._seen:
            return
        self._seen = now
        try:
            self._tell(Agreed.load(self._folder))
        except UserError as error:
            log.error("agreements cannot be read, the former ones stay", extra={"why": error.message})  # noqa: TRY400 -- no fault of ours to trace

    def _signs(self) -> tuple[tuple[str, int, int, int], ...]:
        """What differs when a document was written, added or taken away."""
        files = (self._folder / "union.yaml", *sorted((self._folder / "agreements").glob("*.yaml")))
        found = ((path.name, path.stat()) for path in files if path.exists())
        return tuple((name, of.st_ino, of.st_size, of.st_mtime_ns) for name, of in found)
