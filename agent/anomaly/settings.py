"""What a configuration may say of rules: a tagged union on `kind`.

Every rule watches one quantity (or several, by a `*` for one level) and says when it is worth an
event; docs/reference/rules.md has an example of each.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.anomaly.options import Condition, EventKind, Hours, Id, Member, Pattern, Seconds, Some
from agent.records import Severity

Fault = Literal["frozen", "noise", "dark", "bright", "moved", "blocked", "defocus"]
FAULTS: tuple[Fault, ...] = ("frozen", "noise", "dark", "bright", "moved", "blocked", "defocus")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all kinds share.

    `dwell_s` is how long it must hold before an event opens, `clear_s` how long it must be over
    before it closes, `update_s` the least time between two tellings of a changed value, `per_hour`
    the most events opened for one source in any hour. A source that says nothing at all for
    `stale_s` is unknown, and its open events end as `stale`. `during` are the hours in which the
    rule looks at all.
    """

    id: Id
    quantity: Pattern
    source: Id | Literal[""] = ""
    event: EventKind = "anomaly"
    severity: Severity = Severity.NOTICE
    dwell_s: Seconds = 0.0
    clear_s: Seconds = 0.0
    update_s: Seconds = 300.0
    stale_s: Some = 900.0
    per_hour: Annotated[int, Meta(ge=1, le=3600)] = 12
    during: tuple[Hours, ...] = ()


class LimitRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="limit"):
    """A value above or below a limit; it is over when it came back by the hysteresis."""

    event: EventKind = "sensor"
    above: float | None = None
    below: float | None = None
    hysteresis: Annotated[float, Meta(ge=0.0)] = 0.0

    def __post_init__(self) -> None:
        if self.above is None and self.below is None:
            raise ValueError("a limit needs `above` or `below`")
        if self.above is not None and self.below is not None and self.below >= self.above:
            raise ValueError("`below` must be less than `above`")


class PresenceRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="presence"):
    """Something is there (the value reaches `at_least`): an open door, a person, movement."""

    at_least: Annotated[float, Meta(gt=0.0)] = 1.0


class AbsenceRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="absence"):
    """Nothing for longer than `longer_s`: no reading at all, or readings of zero only."""

    event: EventKind = "sensor"
    severity: Severity = Severity.WARNING
    update_s: Seconds = 3600.0
    longer_s: Some
    of: Literal["readings", "presence"] = "readings"


class ScheduleRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="schedule"):
    """Something is there outside the hours in which it may be."""

    allowed: Annotated[tuple[Hours, ...], Meta(min_length=1)]
    at_least: Annotated[float, Meta(gt=0.0)] = 1.0


class RateRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="rate"):
    """More happenings within the last `window_s` than `more_than`.

    `of` says what one is: every observation that is not zero (a crossing), or every `rises` of a
    level that is told again and again (a movement sensor, a door).
    """

    of: Literal["happenings", "rises"] = "happenings"
    more_than: Annotated[float, Meta(ge=0.0)]
    window_s: Some


class BaselineRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="baseline"):
    """A value unlike what this source showed before.

    Readings are taken together over `every_s` into one sample (`of` their mean, largest or sum).
    `model` is `level` (median and spread) or `counts` (how rare so many are); `deviations` are
    standard deviations of a normal distribution, or the tail of the counts that is as rare. Silent
    for the first `warm_up` samples; a sample weighs half after `half_life` more.
    """

    of: Literal["mean", "max", "sum"] = "mean"
    model: Literal["level", "counts"] = "level"
    every_s: Annotated[float, Meta(ge=1.0, le=86400.0)] = 60.0
    side: Literal["above", "below", "both"] = "above"
    deviations: Annotated[float, Meta(ge=2.0, le=20.0)] = 5.0
    least_spread: Annotated[float, Meta(gt=0.0)] = 0.1
    warm_up: Annotated[int, Meta(ge=10, le=1000)] = 60
    half_life: Annotated[float, Meta(ge=10.0, le=250.0)] = 240.0
    stale_s: Some = 300.0

    def __post_init__(self) -> None:
        if self.warm_up > 4 * self.half_life:
            raise ValueError("`warm_up` must be at most four times `half_life`: older samples are forgotten")


class WeekRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="week"):
    """A local hour unlike the same hour of other weeks.

    The readings of an hour are taken together (`of` their sum, largest or mean). Silent for the first
    `warm_up` weeks of an hour, and the first day of a special kind; one weighs half after `half_life` more.
    A count is told only where it is at least `least_gap` off the usual, however rare that is. One that is
    too high must speak for a surge (two and a half times, twice the gap more at least) as much as
    `deviations` of a normal distribution would.
    """

    of: Literal["sum", "max", "mean"] = "sum"
    model: Literal["level", "counts"] = "counts"
    side: Literal["above", "below", "both"] = "above"
    deviations: Annotated[float, Meta(ge=2.0, le=20.0)] = 2.45
    least_gap: Annotated[float, Meta(ge=0.0)] = 5.0
    least_spread: Annotated[float, Meta(gt=0.0)] = 0.1
    warm_up: Annotated[int, Meta(ge=2, le=8)] = 2
    half_life: Annotated[float, Meta(ge=2.0, le=52.0)] = 6.0

    def __post_init__(self) -> None:
        if self.of == "mean" and self.model == "counts":
            raise ValueError("a mean is no whole number: it needs `model: level`")


class SeriesRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="series"):
    """A sensor that behaves unlike itself: a spike, a shift, a drift, a broken rhythm, more or less noise.

    Readings are taken together over `every_s` into their mean. Silent for the first `warm_up` of these;
    `strictness` is how much stranger than usual it must be than the built-in limit asks.
    """

    event: EventKind = "sensor"
    every_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 300.0
    strictness: Annotated[float, Meta(ge=0.5, le=4.0)] = 1.0
    warm_up: Annotated[int, Meta(ge=50, le=5000)] = 600
    stale_s: Some = 3600.0


class CombinedRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="combined"):
    """Several sources at once: `all` of some conditions, `any` of others, `none` of the rest.

    What was so within the last `within_s` counts as being so; of `none`, nothing may have been so for that
    long. A source that says nothing for `stale_s` is unknown, and neither confirms nor excludes.
    """

    quantity: Pattern = "*"
    all: Annotated[tuple[Condition, ...], Meta(max_length=5)] = ()
    any: Annotated[tuple[Condition, ...], Meta(max_length=5)] = ()
    none: Annotated[tuple[Condition, ...], Meta(max_length=4)] = ()
    within_s: Some = 30.0
    stale_s: Some = 300.0

    def __post_init__(self) -> None:
        if not self.all and not self.any:
            raise ValueError("a combination needs `all` or `any`: nothing can be told of what is not there alone")
        if self.quantity != "*" or self.source:
            raise ValueError("a combination has its sources and quantities in its conditions")

    def conditions(self) -> tuple[Condition, ...]:
        """All of them; the first gives the event its source, zone and label."""
        return (*self.all, *self.any, *self.none)


class TogetherRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="together"):
    """Readings `of` several sensors that do not go along as usual; a row is their means over `every_s`.

    Silent for the first `warm_up` rows; `strictness` is how much farther off than the built-in limit one must be.
    """

    event: EventKind = "sensor"
    quantity: Pattern = "*"
    of: Annotated[tuple[Member, ...], Meta(min_length=2, max_length=12)]
    every_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 60.0
    warm_up: Annotated[int, Meta(ge=50, le=2000)] = 400
    strictness: Annotated[float, Meta(ge=0.5, le=4.0)] = 1.0

    def __post_init__(self) -> None:
        if self.quantity != "*" or self.source:
            raise ValueError("a set has its sources and quantities in `of`")

    def conditions(self) -> tuple[Member, ...]:
        """All of them; the first gives the event its source, zone and label."""
        return self.of


class CrossingRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="crossing"):
    """Every crossing of a line; the direction is the last level: `kerb/person/out`."""

    event: EventKind = "crossing"
    per_hour: Annotated[int, Meta(ge=1, le=3600)] = 120


class LoiteringRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="loitering"):
    """Somebody stays in a zone for longer than `stay_s`."""

    quantity: Pattern = "*/person/stay_s"
    event: EventKind = "loitering"
    stay_s: Some


class OccupancyRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="occupancy"):
    """More in a zone than it should hold; over when it is back by `margin` below that."""

    quantity: Pattern = "*/all/occupancy"
    event: EventKind = "occupancy"
    more_than: Annotated[float, Meta(ge=0.0)]
    margin: Annotated[float, Meta(ge=0.0)] = 0.0


class ButtonRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="button"):
    """Somebody presses a button; presses within `clear_s` of one another are one event."""

    quantity: Pattern = "pressed"
    event: EventKind = "report"
    severity: Severity = Severity.ALARM
    clear_s: Seconds = 30.0
    update_s: Seconds = 5.0
    per_hour: Annotated[int, Meta(ge=1, le=3600)] = 60


class HealthRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="health"):
    """A camera that cannot see what it should: one of the faults `of`, at least `at_least`.

    `moved_by` is the share of the picture by which a view must have moved to be told.
    """

    quantity: Pattern = "camera/*"
    event: EventKind = "tamper"
    severity: Severity = Severity.WARNING
    dwell_s: Seconds = 0.5
    clear_s: Seconds = 5.0
    of: Annotated[tuple[Fault, ...], Meta(min_length=1)] = FAULTS
    at_least: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.5
    moved_by: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.02


class NormalityRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="normality"):
    """Something that does not fit what the camera has learned of its scene.

    `score` is -log10 of the share of usual things that ever are so unusual: 3 is one in a thousand. The dwell counts from
    the first score that was told, 1 or more.
    """

    quantity: Pattern = "scene/unusual"
    dwell_s: Seconds = 0.2
    clear_s: Seconds = 5.0
    score: Annotated[float, Meta(ge=1.0, le=12.0)] = 3.0
    hysteresis: Annotated[float, Meta(ge=0.0)] = 1.0


class StuckRule(Rule, frozen=True, kw_only=True, tag_field="kind", tag="stuck"):
    """Readings that do not change by more than `band` for longer than `longer_s`.

    `value` limits this to one value: a movement sensor that is 0 all night is well.
    """

    event: EventKind = "sensor"
    severity: Severity = Severity.WARNING
    update_s: Seconds = 3600.0
    longer_s: Some
    band: Annotated[float, Meta(ge=0.0)] = 0.0
    value: float | None = None


RuleSettings = (
    LimitRule
    | PresenceRule
    | AbsenceRule
    | ScheduleRule
    | RateRule
    | BaselineRule
    | WeekRule
    | SeriesRule
    | CrossingRule
    | LoiteringRule
    | OccupancyRule
    | ButtonRule
    | HealthRule
    | NormalityRule
    | StuckRule
    | CombinedRule
    | TogetherRule
)
