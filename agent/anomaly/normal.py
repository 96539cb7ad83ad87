"""The rule on what does not fit a scene: the camera gives a score with its reasons, the rule says from where it counts."""

from __future__ import annotations

from dataclasses import dataclass

from agent.anomaly.settings import NormalityRule
from agent.anomaly.verdict import Verdict
from agent.records import Reason

TOLD = 1.0
"""A camera tells no score below this but 0, when it is over."""


@dataclass(slots=True)
class Normal:
    """Holds from `score` on until it is below `score - hysteresis` or told to be over; the reason is that of the highest score.

    The dwell counts from when a score was told at all: what rises in steps has been odd before it is so beyond doubt,
    while what is high in one picture and was not told in the one before may be a flicker.
    """

    rule: NormalityRule
    quantity: str
    stales: bool = True
    reasons: tuple[Reason, ...] = ()
    """Of the reading that comes next; told aside, since a reading is one number."""
    also: tuple[Reason, ...] = ()
    _told: float | None = None
    _since: float | None = None
    _highest: float = 0.0
    _reason: Reason | None = None

    def observe(self, value: float, at: float) -> Verdict:
        self._told = None if value < TOLD else at if self._told is None else self._told
        if self._told is None or value < self.rule.score - (self.rule.hysteresis if self._reason else 0.0):
            self._end()
        elif value > self._highest:
            self._since, self._highest = at if self._since is None else self._since, value
            self._reason, *others = self.reasons or (Reason(self.quantity, "normality", value, self.rule.score),)
            self.also = tuple(others)
        return self.wait(at)

    def wait(self, _at: float) -> Verdict:
        return Verdict(holds=self._reason is not None, reason=self._reason, since=self._since, held=self._told)

    def restart(self, at: float) -> None:
        """What is unusual is so at every hour, but counts for no longer than these last."""
        self._told = None if self._told is None else at
        self._since = None if self._since is None else at

    def forget(self, _at: float) -> None:
        self._told = None
        self._end()

    def _end(self) -> None:
        self._since, self._highest, self._reason, self.also = None, 0.0, None, ()

    def tune(self, rule: NormalityRule) -> None:
        """Judge by another score."""
        self.rule = rule
