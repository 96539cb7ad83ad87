"""The rule on readings that belong together: readings of several sensors into rows, rows into what does not go along."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from agent.anomaly.calendar import HOUR_S
from agent.anomaly.settings import TogetherRule
from agent.anomaly.together import Oddity, Together
from agent.anomaly.verdict import Verdict
from agent.records import Reason

MOST = 3
"""Further members that are named."""


@dataclass(slots=True)
class Belonging:
    """Holds from a row that does not go together to the next that does; a row needs a reading of every member."""

    rule: TogetherRule
    stales: bool = False
    also: tuple[Reason, ...] = ()
    set: Together = field(init=False)
    _until: float = math.inf
    _seen: list[list[float]] = field(init=False)
    _reason: Reason | None = None

    def __post_init__(self) -> None:
        self.set = Together(len(self.rule.of), self.rule.warm_up, self.rule.strictness)
        self._seen = [[] for _ in self.rule.of]

    def take(self, source: str, quantity: str, value: float, at: float) -> None:
        """A reading of a member."""
        self.wait(at)
        if self._until == math.inf:
            self._until = (math.floor(at / self.rule.every_s) + 1) * self.rule.every_s
        for member, seen in zip(self.rule.of, self._seen, strict=True):
            if (member.source, member.quantity) == (source, quantity):
                seen.append(value)

    def observe(self, _value: float, at: float) -> Verdict:
        return self.wait(at)

    def wait(self, at: float) -> Verdict:
        while at >= self._until:
            self._end()
        return Verdict(holds=self._reason is not None, reason=self._reason, due=self._until)

    def restart(self, _at: float) -> None:
        """The past does not depend on the hours in which the rule tells of it."""

    def forget(self, _at: float) -> None:
        """Each row needs all members, so a silence forgets by itself."""

    def tune(self, rule: Any) -> None:
        """Judge by another threshold."""
        self.rule = rule
        self.set.strictness = rule.strictness

    def _end(self) -> None:
        """Judge the row; after one that nobody told of, wait for the next reading."""
        if not all(self._seen):
            self.set.pause()
            self._reason = None
        else:
            odd = self.set.update([math.fsum(seen) / len(seen) for seen in self._seen])
            self._reason, self.also = self._told(odd) if odd else (None, self.also)
        self._until = self._until + self.rule.every_s if any(self._seen) else math.inf
        self._seen = [[] for _ in self.rule.of]

    def _told(self, odd: Oddity) -> tuple[Reason, tuple[Reason, ...]]:
        """The member with the largest part in it, with what that rests on; the next ones beside what is usual of them."""
        first, *others = (self._reason_of(number, odd.row[number]) for number in odd.order[: 1 + MOST])
        hours = self.set.rows * self.rule.every_s / HOUR_S
        return replace(first, test="together", evidence=hours, evidence_unit="hours"), tuple(others)

    def _reason_of(self, number: int, value: float) -> Reason:
        fit = self.set.fit
        expected, spread = (fit.means[number], fit.spreads[number]) if fit else (None, None)
        return Reason(self.rule.of[number].quantity, "baseline", value, expected, spread)
