"""What does not fit a scene, in words: the measures of a `normality` reason and what is usual of each."""

from __future__ import annotations

import re

from agent.contract.tongue import Tongue

PHRASES = {
    "speed": "something moves at {observed:.2g} body heights a second, usually {expected:.2g}",
    "likeness": "something looks like {label} ({observed:.0%}), usually here {expected:.0%}",
    "size": "something is {observed:.2g} times as tall as a person here, usually {expected:.2g}",
    "place_pct": "something is where {observed:.2g}% of all pass, usually {expected:.2g}%",
    "way_pct": "something goes a way that {observed:.2g}% go here, usually {expected:.2g}%",
    "stay_s": "something stays for {observed:.0f} s, usually {expected:.0f} s",
    "": "something is as unusual as {observed:.2g}, an alarm is {expected:.2g}",
}
"""Measure -> what it says; the last is for any other."""


def unusual(quantity: str, tongue: Tongue, *, observed: float, expected: float) -> str:
    """`something moves at 1.9 body heights a second, usually 0.8`."""
    place, _, measure = quantity.rpartition("/")
    label = tongue.one(place.partition("/")[2] or "thing")
    said = tongue.scene.get(measure, tongue.scene[""]).format(observed=observed, expected=expected, label=label)
    return re.sub(r"(?<=\d)\.(?=\d)", tongue.point, said)
