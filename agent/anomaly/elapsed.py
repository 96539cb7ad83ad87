"""Rules on time that passes: nothing for too long, or the same for too long.

What was observed and what was expected are seconds in both.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.anomaly.settings import AbsenceRule, StuckRule
from agent.anomaly.verdict import Verdict
from agent.records import Reason


@dataclass(slots=True)
class Absence:
    """Holds when the last reading (of something, where presence is asked for) is too long ago."""

    rule: AbsenceRule
    quantity: str
    _last: float | None = None

    @property
    def stales(self) -> bool:
        return self.rule.of == "presence"

    def observe(self, value: float, at: float) -> Verdict:
        if value <= 0.0 and self.rule.of == "presence":
            return self.wait(at)
        last, self._last = self._last, at
        missed_s = 0.0 if last is None else at - last
        return Verdict(holds=False, reason=self._reason(missed_s), due=at + self.rule.longer_s)

    def wait(self, at: float) -> Verdict:
        if self._last is None:
            self._last = at
        due = self._last + self.rule.longer_s
        if at < due:
            return Verdict(holds=False, due=due)
        return Verdict(holds=True, reason=self._reason(at - self._last), since=self._last)

    def restart(self, at: float) -> None:
        self._last = at

    def forget(self, at: float) -> None:
        self._last = at

    def _reason(self, missed_s: float) -> Reason:
        return Reason(self.quantity, "absence", missed_s, expected=self.rule.longer_s)


@dataclass(slots=True)
class Stuck:
    """Holds when readings kept within `band` of one value for too long; silence is not sameness."""

    rule: StuckRule
    quantity: str
    stales: bool = True
    _anchor: float | None = None
    _since: float = 0.0
    _same_s: float = 0.0

    def observe(self, value: float, at: float) -> Verdict:
        self._same_s = at - self._since
        last_word = self.wait(at).reason
        if self._anchor is None or abs(value - self._anchor) > self.rule.band:
            self._anchor, self._since, self._same_s = value, at, 0.0
            return Verdict(holds=False, reason=last_word)
        return self.wait(at)

    def wait(self, _at: float) -> Verdict:
        if self._anchor is None or self._same_s < self.rule.longer_s or not self._suspect(self._anchor):
            return Verdict(holds=False)
        reason = Reason(self.quantity, "stuck", self._same_s, expected=self.rule.longer_s)
        return Verdict(holds=True, reason=reason, since=self._since)

    def restart(self, at: float) -> None:
        self._since, self._same_s = at, 0.0

    def forget(self, _at: float) -> None:
        self._anchor = None

    def _suspect(self, value: float) -> bool:
        return self.rule.value is None or abs(value - self.rule.value) <= self.rule.band
