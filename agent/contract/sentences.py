"""What an event says, as a sentence for a person.

Made from the members of the contract alone, so a subscriber says the same as the node that saw it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agent.records import Phase

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86400.0
_SPANS = ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min"))

_UNITS = (
    ("_ug_m3", "µg/m³"), ("_hpa", "hPa"), ("_ppm", "ppm"), ("_ohm", "Ω"), ("_pct", "%"), ("_lx", "lx"),
    ("_mb", "MB"), ("_ms", "ms"), ("_c", "°C"), ("_m", "m"), ("_s", "s"),
)  # fmt: skip
"""Ending of a measure's name -> its unit; the longest first."""

_STATES = {
    "open": "open",
    "motion": "movement",
    "tampered": "tampered with",
    "pressed": "pressed",
    "stuck": "stuck",
    "chatter": "a chattering contact",
    "fault": "at fault",
    "implausible": "an implausible value",
}
"""Measures that are 1 or 0 -> what 1 means."""

_SIGHT = ("camera/fps", "camera/observed")
"""Without these a camera gives no pictures."""

_PLURALS = {"person": "people", "bus": "buses"}


_FAULTS = {
    "frozen": "the picture is frozen",
    "noise": "the picture is full of noise",
    "dark": "the picture is too dark",
    "bright": "the picture is too bright",
    "moved_by": "the camera was moved, by {share} of the picture",
    "blocked": "the view is blocked, {share} of it",
    "defocus": "the picture is out of focus",
}
"""Measures of a camera's health -> what is wrong."""

_STAYS = {
    "fallen_s": "has been lying for",
    "stopped_s": "has been standing still for",
    "left_s": "has been left behind for",
    "removed_s": "has been missing for",
}
"""Measures of how long something is so -> what it is; anything else stays."""

_TEMPLATES = {
    "health": "{fault}",
    "limit": "{seen}, {side} the limit of {limit}",
    "schedule": "{seen} outside the allowed hours",
    "absence": "no {missed} for {observed_span}{at_most}",
    "combined": "{fault_or_seen}",
    "stuck": "{noun} unchanged for {observed_span}, at most {expected_span}",
    "rate": "{seen}, at most {expected} within the window",
    "baseline": "{seen}, usually {limit}{learned}",
    "spike": "{seen} for a moment, usually {limit}{learned}",
    "shift": "{seen} all at once, usually {limit}{learned}",
    "drift": "{seen} and slowly farther away, usually {limit}{learned}",
    "rhythm": "{seen}, at this time of day usually {limit}{learned}",
    "noise": "{noun} jumps by {step} from reading to reading, usually by {limit}{learned}",
    "stay": "{label} {stays} {observed_span}, at most {expected_span}",
    "occupancy": "{seen}, at most {limit}",
    "button": "the button was pressed{times}",
    "budget": "{observed} more not told one by one, at most {expected} an hour are",
}
"""Test of a reason -> what it says."""


_ENDS = {
    "restart": "; closed by a restart, nobody saw when it ended",
    "stale": "; the source has fallen silent",
    "command": "; closed by command",
}
"""What closed an event -> what to add."""


class ReasonLike(Protocol):
    """What was seen against what was expected: `records.Reason` or `types.ReasonData`."""

    @property
    def quantity(self) -> str: ...
    @property
    def test(self) -> str: ...
    @property
    def observed(self) -> float: ...
    @property
    def expected(self) -> float | None: ...
    @property
    def spread(self) -> float | None: ...
    @property
    def evidence(self) -> float | None: ...
    @property
    def evidence_unit(self) -> str: ...


class EventLike(Protocol):
    """`records.Event` or `types.EventData`."""

    @property
    def phase(self) -> Phase: ...
    @property
    def source(self) -> str: ...
    @property
    def zone(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def duration_s(self) -> float | None: ...
    @property
    def closed_by(self) -> str: ...
    @property
    def reason(self) -> ReasonLike: ...
    @property
    def also(self) -> Sequence[ReasonLike]: ...


def sentence(event: EventLike) -> str:
    """Where, what, and against what: `gate (gate-cam): a person stays 31 s, at most 30 s`."""
    where = f"{event.zone} ({event.source})" if event.zone else event.source
    also = "".join(f", {_said(reason, _label(reason), event.phase)}" for reason in event.also)
    said = _said(event.reason, event.label, event.phase)
    return f"{where}: {_begin(event)}{said}{also}{_ENDS.get(event.closed_by, '')}"


def span(seconds: float) -> str:
    """A duration in the two largest units that it fills: `2 h 5 min`."""
    left = round(seconds)
    words: list[str] = []
    for size, unit in _SPANS:
        if left >= size and len(words) < 2:  # noqa: PLR2004 -- two are fine enough
            words.append(f"{int(left // size)} {unit}")
            left %= int(size)
    if len(words) < 2 and (left or not words):  # noqa: PLR2004
        words.append(f"{left} s")
    return " ".join(words)


def _begin(event: EventLike) -> str:
    if event.phase is Phase.CLOSED:
        return "over: " if event.duration_s is None else f"over after {span(event.duration_s)}: "
    return "still: " if event.phase is Phase.UPDATED else ""


def _label(reason: ReasonLike) -> str:
    """The label in a further reason's quantity."""
    levels = reason.quantity.split("/")
    return levels[1] if len(levels) > 2 and levels[1] != "all" else ""  # noqa: PLR2004 -- zone, label and measure


def _said(reason: ReasonLike, label: str, phase: Phase) -> str:
    """The template of the test, filled in; tests without one say the bare value."""
    expected = 0.0 if reason.expected is None else reason.expected
    return _TEMPLATES.get(reason.test, "{seen}").format(
        seen=_value(reason, label),
        limit=_measured(reason.quantity, expected),
        step=_measured(reason.quantity, reason.observed),
        side=_side(phase, reason.observed - expected),
        fault=_fault(reason),
        fault_or_seen=_fault(reason) if _is_fault(reason.quantity) else _value(reason, label),
        at_most="" if reason.expected is None else f", at most {span(expected)}",
        noun=_noun(reason.quantity, label),
        missed="pictures" if reason.quantity in _SIGHT else _noun(reason.quantity, label),
        label=_one(label or "thing"),
        stays=_STAYS.get(reason.quantity.rpartition("/")[2], "stays"),
        observed=_figure(reason.observed),
        expected=_figure(expected),
        observed_span=span(reason.observed),
        expected_span=span(expected),
        learned=_learned(reason),
        times=f" {_figure(reason.observed)} times" if reason.observed > 1.0 else "",
    )


def _is_fault(quantity: str) -> bool:
    place, _, measure = quantity.rpartition("/")
    return place == "camera" and measure in _FAULTS


def _fault(reason: ReasonLike) -> str:
    said = _FAULTS.get(reason.quantity.rpartition("/")[2], "the camera is not well")
    return said.format(share=f"{reason.observed:.0%}")


def _side(phase: Phase, excess: float) -> str:
    """An update may tell of a value that is back within the limit, but not by the hysteresis."""
    if phase is Phase.UPDATED:
        return "against"
    return "over" if excess > 0.0 else "under"


def _learned(reason: ReasonLike) -> str:
    spread = "" if reason.spread is None else f" ± {_figure(reason.spread)}"
    if reason.evidence is None:
        return spread
    return f"{spread} (learned from {_figure(reason.evidence)} {reason.evidence_unit})"


def _value(reason: ReasonLike, label: str) -> str:
    """What was observed: `2 people`, `2 people out`, `open`, `temperature 41 °C`."""
    measure = reason.quantity.rpartition("/")[2]
    if measure in _STATES:
        return _STATES[measure] if reason.observed == 1.0 else f"{_STATES[measure]} {_figure(reason.observed)} times"
    in_a_place = "/" in reason.quantity.partition("/")[2]
    if not in_a_place or measure in ("speed", "stay_s", "stayed_s"):
        return f"{_noun(reason.quantity, label)} {_measured(reason.quantity, reason.observed)}"
    counted = f"{_figure(reason.observed)} {_plural(label, reason.observed)}"
    return counted if measure in ("count", "occupancy") else f"{counted} {measure.replace('_', ' ')}"


def _measured(quantity: str, value: float) -> str:
    unit = _unit(quantity)
    return f"{_figure(value)} {unit[1]}" if unit else _figure(value)


def _one(label: str) -> str:
    return f"{'an' if label[0] in 'aeiou' else 'a'} {label}"


def _noun(quantity: str, label: str) -> str:
    """What a quantity is about: `temperature`, `person`, `movement`."""
    measure = quantity.rpartition("/")[2]
    if measure in ("count", "occupancy") and "/" in quantity:
        return label or "presence"
    if measure in _STATES:
        return "movement" if measure == "motion" else f"'{measure}'"
    unit = _unit(quantity)
    return (measure.removesuffix(unit[0]) if unit else measure).replace("_", " ")


def _unit(quantity: str) -> tuple[str, str] | None:
    return next((unit for unit in _UNITS if quantity.endswith(unit[0])), None)


def _plural(label: str, count: float) -> str:
    if not label:
        return "present"
    return label if count == 1.0 else _PLURALS.get(label, f"{label}s")


def _figure(value: float) -> str:
    """Four significant digits, without an exponent where a person would write none."""
    return f"{float(f'{value:.4g}'):g}"
