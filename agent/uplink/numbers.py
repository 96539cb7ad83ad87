"""What link tells sense about itself: a small file of numbers under fixed names, for the node's health.

Link is not trusted, so sense takes nothing from the file but finite numbers under names of this table.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from agent.contract.topics import Class
from agent.files import read_plain, replace_if_room

FILE = ".link.json"
"""Its name in the inbox, the one folder that link may write to."""

MAX_BYTES = 4096
STALE_S = 180.0
"""Three times as long as link waits between two words."""

BUDGETED = (Class.EVT, Class.STAT, Class.HEALTH, Class.AUDIT, Class.STATE, Class.HEAD, Class.RES, Class.CSR)
NAMES = frozenset(
    {"link_connected", "link_sessions", "link_resent", "link_refused", *(f"link_{klass}_kb_h" for klass in BUDGETED)}
)
AT = "at"


def write(folder: Path, numbers: Mapping[str, float], *, at: float) -> None:
    """Put the numbers in place, whole or not at all, as on a full disk; `at` is when they were true."""
    replace_if_room(folder / FILE, json.dumps({AT: round(at, 1), **numbers}).encode("ascii"), mode=0o640)


def vitals(folder: Path, *, at: float) -> tuple[tuple[str, float], ...]:
    """What belongs into the node's health at `at`; numbers that have grown old say that link is not there."""
    found = read(folder)
    if not found:
        return ()
    fresh = abs(at - found.pop(AT, 0.0)) <= STALE_S
    return tuple(sorted(found.items())) if fresh else (("link_connected", 0.0),)


def read(folder: Path) -> dict[str, float]:
    """The numbers that lie there; none where there is no such file or it is not ours."""
    try:
        found = json.loads(read_plain(folder / FILE, most=MAX_BYTES) or b"")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: float(value) for name, value in found.items() if name in NAMES | {AT} and _is_number(value)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 and math.isfinite(value)  # noqa: PLR2004 -- beyond any count
