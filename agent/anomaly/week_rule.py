"""The rule on the hour of the week: readings into local hours, hours against the same hour of other weeks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.anomaly.baseline import Usual
from agent.anomaly.calendar import Wall
from agent.anomaly.settings import WeekRule
from agent.anomaly.verdict import Verdict
from agent.anomaly.week import Week, surges
from agent.records import Reason

HOUR_S = 3600.0


@dataclass(slots=True)
class Hour:
    """What was seen of one local hour."""

    kind: str
    number: int
    until: float
    seen_s: float = 0.0
    total: float = 0.0
    most: float = -math.inf
    count: int = 0

    def add(self, value: float) -> None:
        self.total += value
        self.most = max(self.most, value)
        self.count += 1


@dataclass(slots=True)
class Weekly:
    """Holds from an hour beyond the usual to the next that is within it.

    A sum or maximum that is too high is told as soon as it is; everything else when the hour is over.
    """

    rule: WeekRule
    quantity: str
    wall: Wall = field(default_factory=Wall)
    """Whose local time and calendar count."""
    stales: bool = True
    _week: Week = field(init=False)
    _hour: Hour | None = None
    _usual: Usual | None = None
    """Of the present hour, seen in full."""
    _told_at: float | None = None
    """Up to when it is known what was seen."""
    _shares: bool = False
    """Whether the source says itself what share it sees."""
    _reason: Reason | None = None

    def __post_init__(self) -> None:
        rule = self.rule
        self._week = Week(
            rule.model, rule.of == "sum", rule.deviations, rule.least_spread, rule.warm_up, rule.half_life
        )

    def observe(self, value: float, at: float) -> Verdict:
        hour = self._at(at)
        hour.add(value)
        if self.rule.of != "mean" and self._usual is not None:
            self._reason = self._judged(hour, self._usual, early=True) or self._reason
        return self._verdict()

    def wait(self, at: float) -> Verdict:
        self._at(at)
        return self._verdict()

    def cover(self, share: float, at: float) -> None:
        """The source says what share it saw since it last said so."""
        if self._shares:
            hour = self._hour
            if hour is not None and self._told_at is not None:
                hour.seen_s += min(1.0, max(0.0, share)) * max(0.0, min(at, hour.until) - self._told_at)
        self._shares, self._told_at = True, at
        self._at(at)

    def restart(self, at: float) -> None:
        """The past does not depend on the hours in which the rule tells of it."""

    def forget(self, at: float) -> None:
        """Nothing was seen since the last that is known to have been."""
        self._told_at, self._reason = at, None
        if self._hour is not None and at >= self._hour.until:
            self._end(self._hour)
            self._hour = self._reason = None

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return self._week.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what was learned before."""
        self._week.restore(state)

    def tune(self, rule: Any) -> None:
        """Judge by another threshold."""
        self.rule = rule
        self._week.deviations = rule.deviations

    def _at(self, at: float) -> Hour:
        """The hour that `at` is in, after the one before it was judged."""
        if self._hour is not None and at >= self._hour.until:
            self._see(self._hour.until)
            self._end(self._hour)
            self._hour = None
        if self._hour is None:
            kind, number, left_s = self.wall.hour(at)
            self._hour = Hour(kind, number, at + left_s)
            self._usual = self._week.usual(kind, number)
            self._told_at = at if self._told_at is None else self._told_at
        self._see(at)
        return self._hour

    def _see(self, until: float) -> None:
        """A source that tells no share sees all, for as long as it is not silent."""
        if self._hour is not None and self._told_at is not None and not self._shares:
            self._hour.seen_s += max(0.0, until - self._told_at)
            self._told_at = max(self._told_at, until)

    def _end(self, hour: Hour) -> None:
        coverage = min(1.0, hour.seen_s / HOUR_S)
        if self.rule.of != "sum" and hour.count == 0:
            coverage = 0.0
        usual = self._week.usual(hour.kind, hour.number, coverage)
        self._reason = None if usual is None else self._judged(hour, usual)
        self._week.learn(hour.kind, hour.number, self._value(hour), coverage)

    def _value(self, hour: Hour) -> float:
        if self.rule.of == "sum" or hour.count == 0:
            return hour.total
        return hour.most if self.rule.of == "max" else hour.total / hour.count

    def _judged(self, hour: Hour, usual: Usual, *, early: bool = False) -> Reason | None:
        value = self._value(hour)
        found = surges(usual, value, self.rule.deviations, gap=self.rule.least_gap)
        wanted = {"above": 1, "below": -1, "both": found}[self.rule.side]
        if found == 0 or found != wanted or (early and found < 0) or self._is_slight(value, usual):
            return None
        return Reason(
            self.quantity,
            "baseline",
            value,
            expected=usual.expected,
            spread=usual.spread(value),
            evidence=self._week.evidence(hour.kind, hour.number),
            evidence_unit="weeks",
        )

    def _is_slight(self, value: float, usual: Usual) -> bool:
        """Whether so few more or fewer are nothing, however rare."""
        return self.rule.model == "counts" and abs(value - usual.expected) < self.rule.least_gap

    def _verdict(self) -> Verdict:
        due = math.inf if self._hour is None else self._hour.until
        return Verdict(holds=self._reason is not None, reason=self._reason, due=due)
