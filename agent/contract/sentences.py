"""What an event says, as a sentence for a person.

Made from the members of the contract alone, so a subscriber says the same as the node that saw it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agent.contract.italian import ITALIAN
from agent.contract.scene_words import PHRASES, unusual
from agent.contract.tongue import Tongue
from agent.records import Phase

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86400.0

_UNITS = (
    ("_ug_m3", "µg/m³"), ("_hpa", "hPa"), ("_ppm", "ppm"), ("_ohm", "Ω"), ("_pct", "%"), ("_lx", "lx"),
    ("_mb", "MB"), ("_db", "dB(A)"), ("_ms", "ms"), ("_c", "°C"), ("_m", "m"), ("_s", "s"),
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
    "help_told": "somebody needs help",
    "crowd_told": "a crowd that is too dense",
    "noise_told": "noise",
    "damage_told": "something is damaged",
    "dark_told": "a lamp is out",
    "water_told": "water where none should be",
    "smoke_told": "smoke or fire",
    "obstacle_told": "the way is blocked",
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
    "normality": "{unusual}{learned}",
    "together": "{seen} does not go with the rest, usually {limit}{learned}",
    "spike": "{seen} for a moment, usually {limit}{learned}",
    "shift": "{seen} all at once, usually {limit}{learned}",
    "drift": "{seen} and slowly farther away, usually {limit}{learned}",
    "rhythm": "{seen}, at this time of day usually {limit}{learned}",
    "noise": "{noun} jumps by {step} from reading to reading, usually by {limit}{learned}",
    "stay": "{label} {stays} {observed_span}, at most {expected_span}",
    "occupancy": "{seen}, at most {limit}",
    "button": "the button was pressed{times}",
    "report": "a person says: {seen}; not verified",
    "trial": "a technician tries whether this is seen; nothing has happened",
    "budget": "{observed} more, not told one by one: at most {expected} an hour are",
}
"""Test of a reason -> what it says."""


_ENDS = {
    "restart": "; closed by a restart, nobody saw when it ended",
    "stale": "; the source has fallen silent",
    "command": "; closed by command",
}
"""What closed an event -> what to add."""


ENGLISH = Tongue(
    tests=_TEMPLATES,
    states=_STATES,
    faults=_FAULTS,
    stays=_STAYS,
    stay="stays",
    ends=_ENDS,
    scene=PHRASES,
    spans=("d", "h", "min", "s"),
    plurals=_PLURALS,
    words={"tracks": "things seen"},
)
TONGUES = {"en": ENGLISH, "it": ITALIAN}
"""What may be asked for, by its language."""


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


def sentence(event: EventLike, tongue: Tongue = ENGLISH) -> str:
    """Where, what, and against what: `gate (gate-cam): a person stays 31 s, at most 30 s`."""
    where = f"{event.zone} ({event.source})" if event.zone else event.source
    also = "".join(f", {_said(reason, _label(reason), event.phase, tongue)}" for reason in event.also)
    said = _said(event.reason, event.label, event.phase, tongue)
    return f"{where}: {_begin(event, tongue)}{said}{also}{tongue.ends.get(event.closed_by, '')}"


def span(seconds: float, tongue: Tongue = ENGLISH) -> str:
    """A duration in the two largest units that it fills: `2 h 5 min`."""
    left = round(seconds)
    words: list[str] = []
    for size, unit in zip((DAY_S, HOUR_S, MINUTE_S), tongue.spans, strict=False):
        if left >= size and len(words) < 2:  # noqa: PLR2004 -- two are fine enough
            words.append(f"{int(left // size)} {unit}")
            left %= int(size)
    if len(words) < 2 and (left or not words):  # noqa: PLR2004
        words.append(f"{left} {tongue.spans[-1]}")
    return " ".join(words)


def _begin(event: EventLike, tongue: Tongue) -> str:
    if event.phase is Phase.CLOSED:
        after = "" if event.duration_s is None else f" {tongue.after} {span(event.duration_s, tongue)}"
        return f"{tongue.over}{after}: "
    return f"{tongue.still}: " if event.phase is Phase.UPDATED else ""


def _label(reason: ReasonLike) -> str:
    """The label in a further reason's quantity."""
    levels = reason.quantity.split("/")
    return levels[1] if len(levels) > 2 and levels[1] != "all" else ""  # noqa: PLR2004 -- zone, label and measure


def _said(reason: ReasonLike, label: str, phase: Phase, tongue: Tongue) -> str:
    """The template of the test, filled in; tests without one say the bare value."""
    expected = 0.0 if reason.expected is None else reason.expected
    noun = _noun(reason.quantity, label, tongue)
    return tongue.tests.get(reason.test, "{seen}").format(
        seen=_value(reason, label, tongue),
        limit=_measured(reason.quantity, expected, tongue),
        step=_measured(reason.quantity, reason.observed, tongue),
        side=_side(phase, reason.observed - expected, tongue),
        fault=_fault(reason, tongue),
        fault_or_seen=_fault(reason, tongue) if _is_fault(reason.quantity) else _value(reason, label, tongue),
        at_most="" if reason.expected is None else f", {tongue.at_most} {span(expected, tongue)}",
        noun=noun,
        missed=tongue.pictures if reason.quantity in _SIGHT else noun,
        label=tongue.one(label or "thing"),
        stays=tongue.stays.get(reason.quantity.rpartition("/")[2], tongue.stay),
        observed=tongue.figure(reason.observed),
        expected=tongue.figure(expected),
        observed_span=span(reason.observed, tongue),
        expected_span=span(expected, tongue),
        unusual=unusual(reason.quantity, tongue, observed=reason.observed, expected=expected),
        learned=_learned(reason, tongue),
        times=f" {tongue.figure(reason.observed)} {tongue.times}" if reason.observed > 1.0 else "",
    )


def _is_fault(quantity: str) -> bool:
    place, _, measure = quantity.rpartition("/")
    return place == "camera" and measure in _FAULTS


def _fault(reason: ReasonLike, tongue: Tongue) -> str:
    said = tongue.faults.get(reason.quantity.rpartition("/")[2], tongue.unwell)
    return said.format(share=f"{reason.observed:.0%}")


def _side(phase: Phase, excess: float, tongue: Tongue) -> str:
    """An update may tell of a value that is back within the limit, but not by the hysteresis."""
    if phase is Phase.UPDATED:
        return tongue.against
    return tongue.above if excess > 0.0 else tongue.below


def _learned(reason: ReasonLike, tongue: Tongue) -> str:
    spread = "" if reason.spread is None else f" ± {tongue.figure(reason.spread, digits=2)}"
    if reason.evidence is None:
        return spread
    unit = tongue.words.get(reason.evidence_unit, reason.evidence_unit)
    known = f"{tongue.figure(reason.evidence)} {unit}"
    if reason.evidence_unit == "hours":
        known = span(reason.evidence * HOUR_S, tongue)
    return f"{spread} ({tongue.learned} {known})"


def _value(reason: ReasonLike, label: str, tongue: Tongue) -> str:
    """What was observed: `2 people`, `2 people out`, `open`, `temperature 41 °C`."""
    measure = reason.quantity.rpartition("/")[2]
    if measure in tongue.states:
        often = "" if reason.observed == 1.0 else f" {tongue.figure(reason.observed)} {tongue.times}"
        return f"{tongue.states[measure]}{often}"
    in_a_place = "/" in reason.quantity.partition("/")[2]
    if not in_a_place or measure in ("speed", "stay_s", "stayed_s"):
        heights = f" {tongue.heights}" if in_a_place and measure == "speed" else ""
        return f"{_noun(reason.quantity, label, tongue)} {_measured(reason.quantity, reason.observed, tongue)}{heights}"
    counted = f"{tongue.figure(reason.observed)} {tongue.counted(label, reason.observed)}"
    return counted if measure in ("count", "occupancy") else f"{counted} {_happens(measure, tongue)}"


def _happens(measure: str, tongue: Tongue) -> str:
    return tongue.words.get(measure, measure.replace("_", " "))


def _measured(quantity: str, value: float, tongue: Tongue) -> str:
    unit = _unit(quantity)
    return f"{tongue.figure(value)} {unit[1]}" if unit else tongue.figure(value)


def _noun(quantity: str, label: str, tongue: Tongue) -> str:
    """What a quantity is about: `temperature`, `person`, `movement`."""
    measure = quantity.rpartition("/")[2]
    if measure in ("count", "occupancy") and "/" in quantity:
        return tongue.labelled(label) if label else tongue.words.get("presence", "presence")
    if measure in tongue.states:
        return tongue.states[measure] if measure == "motion" else f"'{tongue.words.get(measure, measure)}'"
    unit = _unit(quantity)
    bare = measure.removesuffix(unit[0]) if unit else measure
    return tongue.words.get(bare, bare.replace("_", " "))


def _unit(quantity: str) -> tuple[str, str] | None:
    return next((unit for unit in _UNITS if quantity.endswith(unit[0])), None)
