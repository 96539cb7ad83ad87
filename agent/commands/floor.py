"""The latest time that this node has surely seen, kept over a power cut for a board without a battery.

The invariant: only a time that a server vouched for is kept, so a clock that ran wild for an hour does not hold
the node in the future. Each time is written over the one before it, all of the same length and within one sector, which a
card writes whole or not at all: a new file every time would wear it five times as much.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from agent.records import ClockQuality

FILE = "clock"
DIGITS = 12


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
        _write_over(folder / FILE, f"{at:0{DIGITS}.0f}\n".encode("ascii"))


def _write_over(path: Path, line: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(descriptor, line, 0)
        if os.fstat(descriptor).st_size > len(line):  # not ours: spoiled, or of an older release
            os.ftruncate(descriptor, len(line))
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
