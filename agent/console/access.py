"""What was erased: an append-only log whose lines are bound to each other by their digests.

The invariant: a line is on the disk before its answer leaves, and taking one out breaks the next.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from agent.contract.times import instant
from agent.errors import UserError

FIRST = "0" * 64


@dataclass(slots=True)
class AccessLog:
    """One file, one writer."""

    path: Path
    _last: str = field(default="")

    def write(self, *, at: float, who: str, what: str, outcome: str) -> None:
        """Keep one access; OSError when the disk refuses, and then nothing is shown."""
        line = json.dumps({"at": instant(at), "who": who, "what": what, "outcome": outcome, "prev": self._previous()})
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, f"{line}\n".encode())
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        self._last = _digest(line)

    def _previous(self) -> str:
        if not self._last:
            lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
            self._last = _digest(lines[-1]) if lines else FIRST
        return self._last


def check(path: Path) -> int:
    """How many lines of the log hold together; UserError names the first that does not."""
    previous = FIRST
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        if json.loads(line)["prev"] != previous:
            raise UserError(
                f"{path}:{number}: a line before this one was changed or taken out", hint="ask who had access"
            )
        previous = _digest(line)
    return len(lines)


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()
