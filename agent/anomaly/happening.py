"""Rules on things that happen: each crossing, each press, too many within a while."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from agent.anomaly.settings import ButtonRule, CrossingRule, RateRule
from agent.anomaly.verdict import NEVER, Verdict
from agent.records import Reason

BUCKETS = 900
"""A window remembers at most this many moments; nearer ones are counted together."""


@dataclass(slots=True)
class Crossing:
    """Holds for the moment of each crossing; those within `clear_s` are counted together."""

    rule: CrossingRule
    quantity: str
    stales: bool = False
    _count: float = 0.0
    _last: float = 0.0

    def observe(self, value: float, at: float) -> Verdict:
        if value <= 0.0:
            return Verdict(holds=False)
        together = self._count and at <= self._last + self.rule.clear_s
        self._count, self._last = (self._count if together else 0.0) + value, at
        return Verdict(holds=True, reason=Reason(self.quantity, "crossing", self._count), due=at)

    def wait(self, _at: float) -> Verdict:
        return Verdict(holds=False)

    def restart(self, _at: float) -> None:
        self._count = 0.0

    def forget(self, _at: float) -> None:
        self._count = 0.0


@dataclass(slots=True)
class Button:
    """Holds while the button is down, and counts the presses that come within `clear_s`."""

    rule: ButtonRule
    quantity: str
    stales: bool = True
    _down: bool = False
    _presses: int = 0
    _last: float = 0.0

    def observe(self, value: float, at: float) -> Verdict:
        if value > 0.0:
            self._press(at)
        self._down = value > 0.0
        return self.wait(at)

    def wait(self, _at: float) -> Verdict:
        if not self._down:
            return Verdict(holds=False)
        return Verdict(holds=True, reason=Reason(self.quantity, "button", float(self._presses), expected=0.0))

    def restart(self, _at: float) -> None:
        """A button that is held down goes on being so."""

    def forget(self, _at: float) -> None:
        self._down, self._presses = False, 0

    def _press(self, at: float) -> None:
        if not self._down:
            apart = at > self._last + self.rule.clear_s
            self._presses = 1 if apart else self._presses + 1
        self._last = at


@dataclass(slots=True)
class Rate:
    """Holds while more than `more_than` happened within the last `window_s`."""

    rule: RateRule
    quantity: str
    stales: bool = False
    _moments: deque[tuple[float, float]] = field(default_factory=deque)
    """(instant of the last one, how many) of each bucket, oldest first."""
    _total: float = 0.0
    _high: bool = False

    def observe(self, value: float, at: float) -> Verdict:
        self._expire(at)
        count = self._counted(value)
        if count > 0.0:
            self._add(count, at)
        return self._verdict()

    def wait(self, at: float) -> Verdict:
        self._expire(at)
        return self._verdict()

    def restart(self, _at: float) -> None:
        """What happened within the window did happen, whatever the hours."""

    def forget(self, _at: float) -> None:
        self._high = False

    def _counted(self, value: float) -> float:
        if self.rule.of == "happenings":
            return max(0.0, value)
        rises, self._high = value > 0.0 and not self._high, value > 0.0
        return float(rises)

    def _add(self, count: float, at: float) -> None:
        width_s = self.rule.window_s / BUCKETS
        self._total += count
        if self._moments and at // width_s == self._moments[-1][0] // width_s:
            count += self._moments.pop()[1]
        self._moments.append((at, count))

    def _expire(self, at: float) -> None:
        while self._moments and self._moments[0][0] + self.rule.window_s <= at:
            self._total -= self._moments.popleft()[1]

    def _verdict(self) -> Verdict:
        due = self._moments[0][0] + self.rule.window_s if self._moments else NEVER
        if self._total <= self.rule.more_than:
            return Verdict(holds=False, due=due)
        reason = Reason(self.quantity, "rate", self._total, expected=self.rule.more_than)
        return Verdict(holds=True, reason=reason, due=due)
