"""Another release runs: how a process notices, and how it says that it is to be started again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

RENEWED = 75
"""The exit code of a process that is to be started again with another release (EX_TEMPFAIL of sysexits.h)."""


@dataclass(slots=True)
class Renewed:
    """Whether the configuration that a process was started with is still the one that should run."""

    config: Path
    _first: Path = field(init=False)

    def __post_init__(self) -> None:
        self._first = self.config.resolve()

    def __call__(self) -> bool:
        return self.config.resolve() != self._first
