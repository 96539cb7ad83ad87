"""The rule on a learned expectation: readings into samples, samples against their past."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.anomaly.baseline import Baseline
from agent.anomaly.settings import BaselineRule
from agent.anomaly.verdict import Verdict
from agent.records import Reason

HOUR_S = 3600.0


@dataclass(slots=True)
class Window:
    """The readings of one sample: from `since` to `until`, which is a whole multiple of its length."""

    since: float
    until: float
    total: float = 0.0
    most: float = -math.inf
    count: int = 0

    @classmethod
    def at(cls, at: float, every_s: float) -> Window:
        return cls(at, (math.floor(at / every_s) + 1) * every_s)

    def add(self, value: float) -> None:
        self.total += value
        self.most = max(self.most, value)
        self.count += 1


@dataclass(slots=True)
class Unusual:
    """Holds from a sample beyond the usual to the next that is within it."""

    rule: BaselineRule
    quantity: str
    stales: bool = True
    _baseline: Baseline = field(init=False)
    _window: Window | None = None
    _reason: Reason | None = None
    """Why the latest sample is beyond the usual; None where it is not."""

    def __post_init__(self) -> None:
        rule = self.rule
        self._baseline = Baseline(rule.model, rule.deviations, rule.least_spread, rule.warm_up, rule.half_life)

    def observe(self, value: float, at: float) -> Verdict:
        self._at(at).add(value)
        return self._verdict()

    def wait(self, at: float) -> Verdict:
        self._at(at)
        return self._verdict()

    def restart(self, at: float) -> None:
        """The past does not depend on the hours in which the rule tells of it."""

    def forget(self, _at: float) -> None:
        self._window, self._reason = None, None

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

    def _at(self, at: float) -> Window:
        """The window that `at` is in, after the one before it was judged."""
        if self._window is None:
            self._window = Window.at(at, self.rule.every_s)
        if at >= self._window.until:
            self._end(self._window)
            self._window = Window.at(self._window.until, self.rule.every_s)
        return self._window

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

    def _verdict(self) -> Verdict:
        due = math.inf if self._window is None else self._window.until
        return Verdict(holds=self._reason is not None, reason=self._reason, due=due)
