"""The rule on a learned expectation: readings into samples, samples against their past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.anomaly.baseline import Baseline
from agent.anomaly.settings import BaselineRule
from agent.anomaly.windowed import Window, Windowed
from agent.records import Reason

HOUR_S = 3600.0


@dataclass(slots=True)
class Unusual(Windowed[BaselineRule]):
    """Holds from a sample beyond the usual to the next that is within it."""

    quantity: str
    stales: bool = True
    _baseline: Baseline = field(init=False)

    def __post_init__(self) -> None:
        rule = self.rule
        self._baseline = Baseline(rule.model, rule.deviations, rule.least_spread, rule.warm_up, rule.half_life)

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return self._baseline.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what was learned before."""
        self._baseline.restore(state)

    def tune(self, rule: Any) -> None:
        """Judge by another threshold."""
        self.rule = rule
        self._baseline.deviations = rule.deviations

    def _end(self, window: Window) -> None:
        sample = self._sample(window)
        if sample is not None:
            self._reason = self._judged(sample)
            self._baseline.learn(sample)

    def _sample(self, window: Window) -> float | None:
        """One number of a window; None where too little of it was seen."""
        if self.rule.of == "sum":
            return window.total if window.until - window.since >= self.rule.every_s else None
        if window.count == 0:
            return None
        return window.most if self.rule.of == "max" else window.total / window.count

    def _judged(self, sample: float) -> Reason | None:
        usual = self._baseline.usual()
        side = 0 if usual is None else usual.side(sample, self.rule.deviations)
        if usual is None or {"above": 1, "below": -1, "both": side}[self.rule.side] != side or side == 0:
            return None
        return Reason(
            self.quantity,
            "baseline",
            sample,
            expected=usual.expected,
            spread=usual.spread(sample),
            evidence=self._baseline.samples * self.rule.every_s / HOUR_S,
            evidence_unit="hours",
        )
