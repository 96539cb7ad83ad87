"""What may be measured, and how finely it may be told.

The invariant: a number leaves the node only under a name of this table, with the decimals that its
purpose needs and never more than four significant digits, so no number is wide enough to hide in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

from agent.contract.types import Reported
from agent.errors import Refused
from agent.uplink.numbers import BUDGETED

SIGNIFICANT = 4
LARGEST = 1e12
"""No purpose needs more, and a wide exponent would be room to hide in too."""

_STATES = (
    "open", "tampered", "pressed", "stuck", "chatter", "fault", "implausible", "undervoltage",
    "undervoltage_since_boot", "throttled", "throttled_since_boot", "clock_synced", "clock_rtc", "xnnpack",
)  # fmt: skip
_COUNTS = (
    "count", "entered", "left", "in", "out", "occupancy", "count_mean", "count_max", "occupancy_mean", "occupancy_max",
    "wrong_way",
)  # fmt: skip

_TOLD = tuple(f"{what}_told" for what in get_args(Reported))

DECIMALS: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys((*_STATES, *_TOLD), 0),
        **dict.fromkeys(_COUNTS, 1),  # a mean over an interval has a fraction
        **dict.fromkeys(("stay_s", "stayed_s", "fallen_s", "stopped_s", "left_s", "removed_s", "uptime_s"), 0),
        "speed": 1,
        **dict.fromkeys(("unusual", "unusual_size", "unusual_place", "unusual_way", "unusual_stay"), 1),
        **dict.fromkeys(("likeness", "progress"), 2),
        **dict.fromkeys(("size", "place_pct", "way_pct"), 1),
        "stage": 0,
        "speed_class": 0,
        "fps": 1,
        "inference_ms": 0,
        "observed": 2,
        "motion": 2,
        **dict.fromkeys(("blocked", "defocus", "moved", "moved_by", "dark", "bright", "frozen", "noise"), 2),
        "unjudged": 0,
        "sound_db": 0,
        **dict.fromkeys(("glass", "gunshot", "explosion", "scream", "siren"), 2),
        "temperature_c": 1,
        "cpu_temp_c": 0,
        "humidity_pct": 0,
        "pressure_hpa": 0,
        "light_lx": 0,
        "gas_ohm": 0,
        "co2_ppm": 0,
        "voc_ppm": 1,
        "pm1_ug_m3": 0,
        "pm2p5_ug_m3": 0,
        "pm10_ug_m3": 0,
        "distance_m": 1,
        "load_1m": 1,
        "disk_free_mb": 0,
        "disk_free_pct": 0,
        "disk_written_mb": 0,
        "memory_available_mb": 0,
        "rss_mb": 0,
        **dict.fromkeys(("link_connected", "link_sessions", "link_resent", "link_refused"), 0),
        **dict.fromkeys((f"link_{klass}_kb_h" for klass in BUDGETED), 0),
        "value": 2,
    }
)
"""Measure -> decimals; docs/reference/contract.md says the same with the purposes."""

_SHARES = (
    "observed", "motion", "blocked", "defocus", "moved", "moved_by", "dark", "bright", "frozen", "noise", "likeness",
    "progress", "glass", "gunshot", "explosion", "scream", "siren",
)  # fmt: skip

RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        **dict.fromkeys((*_STATES, *_SHARES), (0.0, 1.0)),
        **dict.fromkeys(("disk_free_pct", "place_pct", "way_pct"), (0.0, 100.0)),
        "speed_class": (0.0, 3.0),
        "humidity_pct": (0.0, 105.0),
        "temperature_c": (-60.0, 100.0),
        "cpu_temp_c": (-60.0, 150.0),
        "pressure_hpa": (300.0, 1200.0),
        "light_lx": (0.0, 200_000.0),
        "co2_ppm": (100.0, 100_000.0),
        "distance_m": (0.0, 100.0),
        "sound_db": (0.0, 200.0),
    }
)
"""Measure -> the least and the most that it can ever be, where that is known: a limit beyond has another unit."""


def rounded(value: float, *, decimals: int) -> float:
    """`value` as it may be told; Refused('not-a-number') for what is not finite or beyond all measure."""
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise Refused("not-a-number", "a number that is not finite or too large for any purpose")
    coarse = float(f"{value:.{SIGNIFICANT}g}")
    return round(coarse, decimals) + 0.0  # no negative zero
