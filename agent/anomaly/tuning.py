"""How far a rule's learned threshold may be moved, and what a rule is with it moved."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from agent.anomaly.settings import Rule

Kind = TypeVar("Kind", bound=Rule)
LEAST, MOST = 0.8, 2.0
"""Bounds of the factor on a learned threshold."""
ASKED = ("deviations", "strictness", "score")
"""Options of rules that say how unusual something must be."""


def bounded(factor: float) -> float:
    """The nearest factor that is allowed."""
    return min(MOST, max(LEAST, float(factor)))


def tuned(rule: Kind, factor: float) -> Kind | None:
    """The rule as it is judged by with this factor; None where it has nothing learned to be moved."""
    option = next((name for name in ASKED if hasattr(rule, name)), None)
    return None if option is None else msgspec.structs.replace(rule, **{option: getattr(rule, option) * factor})
