"""The rule on a series: readings into samples, samples into what is strange about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.anomaly.calendar import HOUR_S, Wall
from agent.anomaly.series import Aspect, Series, Sight
from agent.anomaly.settings import SeriesRule
from agent.anomaly.windowed import Window, Windowed
from agent.records import Reason

TESTS: dict[Aspect, str] = {
    "spike": "spike",
    "shift": "shift",
    "drift": "drift",
    "rhythm": "rhythm",
    "course": "rhythm",
    "noise": "noise",
}
"""The word of the contract for each aspect."""


@dataclass(slots=True)
class Strange(Windowed[SeriesRule]):
    """Holds from a sample that is worth telling to the next that is not strange at all."""

    quantity: str
    wall: Wall = field(default_factory=Wall)
    """Whose time of day counts."""
    stales: bool = True
    _series: Series = field(init=False)

    def __post_init__(self) -> None:
        self._series = Series(self.rule.strictness)

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return self._series.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what was learned before."""
        self._series.restore(state)

    def tune(self, rule: Any) -> None:
        """Judge by another threshold."""
        self.rule = rule
        self._series.strictness = rule.strictness

    def _end(self, window: Window) -> None:
        if window.count == 0:
            return
        _, hour, left_s = self.wall.hour(window.since)
        sight = self._series.update(window.total / window.count, (hour + 1) * HOUR_S - left_s)
        if sight is not None and self._series.readings > self.rule.warm_up:
            self._reason = self._told(sight)
        elif not self._series.strange:
            self._reason = None

    def _told(self, sight: Sight) -> Reason:
        return Reason(
            self.quantity,
            TESTS[sight.aspect],
            sight.observed,
            expected=sight.expected,
            spread=sight.spread,
            evidence=self._series.readings * self.rule.every_s / HOUR_S,
            evidence_unit="hours",
        )
