"""What travels between the rooms of a node.

Frozen, slotted, without behaviour and without imports from outside the standard library. Nothing
here can hold a picture, a box or a track: those live in `agent.pixels`, which only `camera/` and
`vision/` may import. Instants (`at`, `since`) are seconds since 1970-01-01 UTC as float.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where an event stands in its life."""

    OPENED = "opened"
    UPDATED = "updated"
    CLOSED = "closed"


class Severity(StrEnum):
    """How much it matters, least first."""

    INFO = "info"
    NOTICE = "notice"
    WARNING = "warning"
    ALARM = "alarm"


class ClockQuality(StrEnum):
    """How far the wall clock of the node may be trusted."""

    NTP = "ntp"
    RTC = "rtc"
    UNSYNCED = "unsynced"


@dataclass(frozen=True, slots=True)
class Observation:
    """One named number, from one source, at one time: `gate/person/count = 2`.

    `source` is the id of a camera or sensor; `quantity` is `zone/label/measure` for what a camera
    counts and a bare measure with its unit (`temperature_c`) for a sensor. `reasons` say what a score
    rests on, the weightiest first; plain readings have none.
    """

    source: str
    quantity: str
    value: float
    at: float
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an event was raised, in numbers: what was seen against what was expected.

    `test` is the kind of comparison (limit, presence, baseline, ...); `evidence` is how much normal
    life the expectation rests on, counted in `evidence_unit` (weeks, tracks, samples).
    """

    quantity: str
    test: str
    observed: float
    expected: float | None = None
    spread: float | None = None
    evidence: float | None = None
    evidence_unit: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling; `id` binds opened, updated and closed of the same happening.

    `kind` is the last topic level (`anomaly`, `loitering`, `sensor`, ...). `also` holds the further
    reasons of a rule that combines several quantities. `duration_s` is set when it closes.
    """

    id: str
    rule: str
    kind: str
    phase: Phase
    severity: Severity
    at: float
    source: str
    reason: Reason
    zone: str = ""
    label: str = ""
    duration_s: float | None = None
    also: tuple[Reason, ...] = ()
    closed_by: str = ""


@dataclass(frozen=True, slots=True)
class Stat:
    """Counts of one source over one interval, with the share of it that was really observed."""

    source: str
    since: float
    at: float
    coverage: float
    values: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Health:
    """How the node itself is doing: named numbers, all about the machine."""

    at: float
    values: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """An act that somebody may have to answer for: configuration applied, command rejected.

    `action` and `subject` come from fixed vocabularies; `digest` names the content concerned.
    `first` and `last` are the ends of a `dropped` record, `ranges` the numbers themselves.
    """

    at: float
    action: str
    subject: str = ""
    outcome: str = ""
    digest: str = ""
    first: int | None = None
    last: int | None = None
    ranges: tuple[tuple[int, int], ...] = ()


Record = Event | Stat | Health | Audit
"""Everything that the chain carries."""
