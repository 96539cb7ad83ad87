"""Which judge a rule gets: one line a kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.anomaly.elapsed import Absence, Stuck
from agent.anomaly.happening import Button, Crossing, Rate
from agent.anomaly.level import health, limit, loitering, occupancy, presence, schedule
from agent.anomaly.normal import Normal
from agent.anomaly.series_rule import Strange
from agent.anomaly.settings import (
    AbsenceRule,
    BaselineRule,
    ButtonRule,
    CombinedRule,
    CrossingRule,
    HealthRule,
    LimitRule,
    LoiteringRule,
    NormalityRule,
    OccupancyRule,
    PresenceRule,
    RateRule,
    Rule,
    ScheduleRule,
    SeriesRule,
    StuckRule,
    TogetherRule,
    WeekRule,
)
from agent.anomaly.unusual import Unusual
from agent.anomaly.verdict import Judge
from agent.anomaly.week_rule import Weekly

RULES: dict[type[Rule], Callable[[Any, str], Judge]] = {
    LimitRule: limit,
    PresenceRule: presence,
    AbsenceRule: Absence,
    ScheduleRule: schedule,
    RateRule: Rate,
    BaselineRule: Unusual,
    WeekRule: Weekly,
    SeriesRule: Strange,
    CrossingRule: Crossing,
    LoiteringRule: loitering,
    OccupancyRule: occupancy,
    ButtonRule: Button,
    HealthRule: health,
    NormalityRule: Normal,
    StuckRule: Stuck,
}
"""Settings of a kind -> what makes its judge from (settings, quantity)."""

KINDS: frozenset[type[Rule]] = frozenset({*RULES, CombinedRule, TogetherRule})
"""All kinds; what has quantities of several sources gets its judge in `fusion`."""
