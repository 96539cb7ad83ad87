"""The latest time that this node has surely seen, kept over a power cut for a board without a battery.

The invariant: only a time that a server vouched for is kept, so a clock that ran wild for an hour does not hold
the node in the future.
"""

from __future__ import annotations

import math
from pathlib import Path

from agent.files import write_atomic
from agent.records import ClockQuality

FILE = "clock"


def read(folder: Path) -> float:
    """The time that was kept, 0.0 where there is none that can be read."""
    try:
        at = float((folder / FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0.0
    return at if math.isfinite(at) else 0.0


def keep(folder: Path, at: float, quality: ClockQuality) -> None:
    """Keep `at`, if `quality` says that it is true and it is later than what is kept."""
    if quality is ClockQuality.NTP and at > read(folder):
        write_atomic(folder / FILE, f"{at:.0f}\n".encode("ascii"))
