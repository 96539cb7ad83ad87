"""The rule on what does not fit a scene: the camera gives a score with its reasons, the rule says from where it counts."""

from __future__ import annotations

from dataclasses import dataclass

from agent.anomaly.settings import NormalityRule
from agent.anomaly.verdict import Verdict
from agent.records import Reason


@dataclass(slots=True)
class Normal:
    """Holds from `score` on until it is below `score - hysteresis`; the reason is that of the highest score."""

    rule: NormalityRule
    quantity: str
    stales: bool = True
    reasons: tuple[Reason, ...] = ()
    """Of the reading that comes next; told aside, since a reading is one number."""
    also: tuple[Reason, ...] = ()
    _highest: float = 0.0
    _reason: Reason | None = None

    def observe(self, value: float, at: float) -> Verdict:
        if value < self.rule.score - (self.rule.hysteresis if self._reason else 0.0):
            self.forget(at)
        elif value > self._highest:
            self._highest = value
            self._reason, *others = self.reasons or (Reason(self.quantity, "normality", value, self.rule.score),)
            self.also = tuple(others)
        return self.wait(at)

    def wait(self, _at: float) -> Verdict:
        return Verdict(holds=self._reason is not None, reason=self._reason)

    def restart(self, _at: float) -> None:
        """What is unusual is so at every hour."""

    def forget(self, _at: float) -> None:
        self._highest, self._reason, self.also = 0.0, None, ()

    def tune(self, rule: NormalityRule) -> None:
        """Judge by another score."""
        self.rule = rule
