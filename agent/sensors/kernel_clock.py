"""How far the wall clock may be trusted, from what the kernel and systemd know. Sets nothing.

In the sandbox of `piazza-sense` the kernel refuses adjtimex(2) altogether (ProtectClock), so there
systemd-timesyncd's mark is the witness; outside it, any time daemon that steers the kernel's clock.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

from agent.records import ClockQuality

SYNCHRONIZED = "run/systemd/timesync/synchronized"
STA_UNSYNC = 0x0040
EARLIEST_S = 1_767_225_600
"""2026-01-01: a clock chip that says less has lost its battery."""


class _Timex(ctypes.Structure):
    """`struct timex` of 64-bit Linux up to the status, with room for the rest (adjtimex(2))."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def kernel_synced() -> bool:
    """Whether the kernel's clock is being steered; False too where the sandbox keeps that to itself."""
    timex = _Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    return state >= 0 and not timex.status & STA_UNSYNC


def clock_quality(root: Path = Path("/"), *, synced: Callable[[], bool] = kernel_synced) -> ClockQuality:
    """NTP where somebody steers the clock, RTC where it was set from a chip with a live battery."""
    if (root / SYNCHRONIZED).exists() or synced():
        return ClockQuality.NTP
    chips = (root / "sys/class/rtc").glob("rtc*")
    return ClockQuality.RTC if any(_set_the_clock(chip) for chip in chips) else ClockQuality.UNSYNCED


def _set_the_clock(chip: Path) -> bool:
    try:
        used, since = (chip / "hctosys").read_text(), (chip / "since_epoch").read_text()
    except OSError:
        return False
    return used.strip() == "1" and int(since) >= EARLIEST_S
