"""Rules on a level: a value that goes past a threshold and comes back.

An event is over only when the value came back by the hysteresis, so that noise at the threshold is one event; until there is
one, what counts is the threshold alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.anomaly.settings import (
    FAULTS,
    HealthRule,
    LimitRule,
    LoiteringRule,
    OccupancyRule,
    PresenceRule,
    ScheduleRule,
)
from agent.anomaly.verdict import Verdict
from agent.records import Reason


@dataclass(slots=True)
class Level:
    """Holds above `above` or below `below`; with `inclusive` the threshold itself counts too."""

    quantity: str
    test: str
    above: float | None = None
    below: float | None = None
    hysteresis: float = 0.0
    expected: float | None = None
    """What to name as expected; the threshold that was passed where it is left out."""
    inclusive: bool = False
    in_seconds: bool = False
    """The value says itself for how long it has been so."""
    stales: bool = True
    _side: int = 0
    """1 while above, -1 while below, 0 between."""
    _last: float = 0.0

    def observe(self, value: float, at: float) -> Verdict:
        self._last = value
        self._side = self._stays(value) or self._passes(value)
        return self.wait(at)

    def wait(self, at: float) -> Verdict:
        if not self._side:
            return Verdict(holds=False)
        since = at - self._last if self.in_seconds else None
        return Verdict(holds=True, reason=self._reason(), since=since, opens=self._passes(self._last) != 0)

    def restart(self, _at: float) -> None:
        """A level is what it was last read to be."""

    def forget(self, _at: float) -> None:
        self._side = 0

    def _stays(self, value: float) -> int:
        if self._side > 0 and self.above is not None and self._beyond(value - (self.above - self.hysteresis)):
            return 1
        if self._side < 0 and self.below is not None and self._beyond(self.below + self.hysteresis - value):
            return -1
        return 0

    def _passes(self, value: float) -> int:
        if self.above is not None and self._beyond(value - self.above):
            return 1
        return -1 if self.below is not None and self._beyond(self.below - value) else 0

    def _beyond(self, by: float) -> bool:
        return by > 0.0 or (self.inclusive and by == 0.0)

    def _reason(self) -> Reason:
        passed = self.above if self._side > 0 else self.below
        return Reason(
            self.quantity,
            self.test,
            self._last,
            expected=passed if self.expected is None else self.expected,
            spread=self.hysteresis or None,
        )


def limit(rule: LimitRule, quantity: str) -> Level:
    return Level(quantity, "limit", rule.above, rule.below, rule.hysteresis)


def presence(rule: PresenceRule, quantity: str) -> Level:
    return Level(quantity, "presence", above=rule.at_least, expected=0.0, inclusive=True)


def schedule(rule: ScheduleRule, quantity: str) -> Level:
    return Level(quantity, "schedule", above=rule.at_least, expected=0.0, inclusive=True)


def loitering(rule: LoiteringRule, quantity: str) -> Level:
    return Level(quantity, "stay", above=rule.stay_s, in_seconds=True)


def health(rule: HealthRule, quantity: str) -> Level:
    """Of the camera's own quantities only faults can hold; a moved view is judged by how far it moved."""
    measure = quantity.rpartition("/")[2]
    threshold = rule.at_least if measure in set(rule.of) & (set(FAULTS) - {"moved"}) else None
    if measure == "moved_by" and "moved" in rule.of:
        threshold = rule.moved_by
    return Level(quantity, "health", above=threshold, expected=0.0, inclusive=True)


def occupancy(rule: OccupancyRule, quantity: str) -> Level:
    return Level(quantity, "occupancy", above=rule.more_than, hysteresis=rule.margin)
