"""A union's documents as they change: who looks is given rights by those of now, without a restart.

The invariant: what is followed was read whole; documents that cannot be read change nothing, and those of before end by themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from agent.commands.in_force import Agreed
from agent.errors import UserError
from agent.files import Watch

log = logging.getLogger(__name__)


class Followed:
    """One folder with union.yaml and agreements/; `tell` hears what they say at first and whenever they have changed."""

    def __init__(self, folder: Path, tell: Callable[[Agreed], None]) -> None:
        self._folder, self._tell = folder, tell
        self._watch = Watch(self._documents)

    def look(self, monotonic: float) -> None:
        """Read the documents again if they have changed; what cannot be read is told of once."""
        if not self._watch.changed(monotonic):
            return
        try:
            self._tell(Agreed.load(self._folder))
        except UserError as error:
            log.error("agreements cannot be read, the former ones stay", extra={"why": error.message})  # noqa: TRY400 -- no fault of ours to trace

    def _documents(self) -> Iterable[Path]:
        return (self._folder / "union.yaml", *sorted((self._folder / "agreements").glob("*.yaml")))
