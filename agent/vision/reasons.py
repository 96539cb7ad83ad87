"""Why a thing is unusual, in numbers that a person understands: what was seen, what is usual, out of how many."""

from __future__ import annotations

import math
from collections.abc import Sequence

from agent.pixels import ACTOR_COLOURS
from agent.records import Reason
from agent.vision.attributes import Sight
from agent.vision.learned import Learned
from agent.vision.scene import JOINT, Rated

MEANT = 1.0
"""An attribute with a score below this is no further reason: one usual thing in ten is so."""
_HALF = 0.5


def reasons(rated: Rated, learned: Learned, classes: Sequence[str], *, first: str = "") -> tuple[Reason, ...]:
    """The reasons of a score: the attribute `first`, or the weightiest of speed and likeness, then what else is rare."""
    weights = {name: JOINT.get(name, 1.0) * score for name, score in rated.evidence.items()}
    first = first or rated.leading
    others = sorted((name for name in weights if name != first and weights[name] >= MEANT), key=lambda n: -weights[n])
    return tuple(_reason(name, rated, learned, classes) for name in (first, *others))


def _reason(name: str, rated: Rated, learned: Learned, classes: Sequence[str]) -> Reason:
    if name == "likeness":
        return _likeness(rated.sight, learned, classes)
    tail, value = learned.tails[name], rated.values[name]
    usual = tail.reached_by(_HALF)
    quantity, observed, expected = {
        "speed": ("scene/speed", value, usual),
        "size": ("scene/size", rated.sight.height / rated.sight.ruler, 1.0),
        "place": ("scene/place_pct", 100.0 * math.exp(-value), 100.0 * math.exp(-usual)),
        "way": ("scene/way_pct", 100.0 * math.exp(-value), 100.0 * math.exp(-usual)),
        "stay": ("scene/stay_s", value, usual),
    }[name]
    tracks = math.floor(tail.total)
    return Reason(quantity, "normality", observed, expected=expected, evidence=tracks, evidence_unit="tracks")


def _likeness(sight: Sight, learned: Learned, classes: Sequence[str]) -> Reason:
    """The class that the thing resembles most beyond what the usual thing nearest to it does."""
    usual, tracks = learned.looks.nearest(sight.looks)
    number = int((sight.looks - usual).argmax())
    label = classes[number] if classes[number] in ACTOR_COLOURS else "object"
    seen, expected = (1.0 / (1.0 + math.exp(-float(one[number]))) for one in (sight.looks, usual))
    return Reason(
        f"scene/{label}/likeness", "normality", seen, expected=expected, evidence=tracks, evidence_unit="tracks"
    )
