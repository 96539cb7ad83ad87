"""What people say of events moves what is taken for unusual, within bounds.

A verdict `false` makes the rule ask for a tenth more deviation, `useful` for a thirtieth less, `unclear` for nothing; together
never below 0.8 of what the configuration says, nor beyond twice that. It holds for the source of the event alone: what is a
false alarm at one camera may be the one worth telling at another. Limits that a person declared (a temperature, a
count, a time) are never moved: what is wrong with those is for the configuration. Each event is judged once.

Whoever gets verdicts calls `Feedback(engine).learn(event, verdict, at)` and puts what it gives on the record.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from agent.anomaly.engine import Engine
from agent.anomaly.tuning import bounded
from agent.records import Audit, Event, Record

STEPS = {"false": 1.1, "useful": 1.0 / 1.03}
"""Verdict -> what it does to the factor; any other does nothing."""
REMEMBERED = 1000
"""Events that are known to have been judged."""


def moved(factor: float, verdict: str) -> float:
    """The factor after one more verdict."""
    return bounded(factor * STEPS.get(verdict, 1.0))


@dataclass(slots=True)
class Feedback:
    """Verdicts in, moved thresholds and the record of it out."""

    engine: Engine
    _judged: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def learn(self, event: Event, verdict: str, at: float) -> list[Record]:
        """Take in what somebody says of an event; `threshold-moved` where that changed anything."""
        if event.id in self._judged or verdict == "received":
            return []
        self._judged[event.id] = verdict
        while len(self._judged) > REMEMBERED:
            self._judged.popitem(last=False)
        before = self.engine.factor(event.rule, event.source)
        after = moved(before, verdict)
        if after == before or not self.engine.tune(event.rule, after, event.source):
            return []
        outcome = "stricter" if after > before else "looser"
        return [Audit(at, "threshold-moved", subject=event.rule, outcome=outcome)]
