"""What is usual for one number in each hour of the week: robust, honest about coverage, bounded.

Here the hours are kept and what is far outside is set aside; what is expected is said by `Counted` for counts
and by `Levelled` for levels. Three of one hour in a row on one side are the new usual.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from agent.anomaly.baseline import BOUND, Counts, Usual
from agent.anomaly.counted import Counted
from agent.anomaly.feasts import FEAST
from agent.anomaly.levelled import Levelled
from agent.anomaly.options import DAYS
from agent.anomaly.slots import HOURS, LEAST_COVERAGE, Sample, Slot, sample_of, slot_of, usable
from agent.errors import Refused

KEPT = 8
"""Samples remembered of each hour of each kind of day."""
ALIKE = 3
"""So many in a row on one side are no accident."""
SURGE = 2.5
"""How many times the usual it is that is looked for."""
RARE = 1
"""Samples of an hour of a special day that are enough: the next may be months away."""
SUNDAY = DAYS[-1]
_MAX_KINDS = 32
_CLEARLY = 0.5
"""Nearer than this share of the deviations no tail needs to be added up."""


@dataclass(slots=True)
class Week:
    """The past weeks of one number; `usual` is None until `warm_up` samples of that hour were learned."""

    model: Literal["level", "counts"] = "counts"
    adds_up: bool = True
    """Whether half an hour holds half of it, as a sum does and a mean or maximum does not."""
    deviations: float = 2.45
    least_spread: float = 0.1
    warm_up: int = 2
    half_life: float = 6.0
    _hours: dict[Slot, list[Sample]] = field(default_factory=dict)
    """Oldest first."""
    _counted: Counted = field(init=False)
    _levelled: Levelled = field(init=False)

    def __post_init__(self) -> None:
        self._counted = Counted(self._hours, self.half_life)
        self._levelled = Levelled(self._hours, self.half_life, self.least_spread)

    def evidence(self, kind: str, hour: int) -> float:
        """How many weeks (days of the kind) the expectation of an hour rests on, by the share that was seen."""
        return math.fsum(one.coverage for one in usable(self._hours, (kind, hour)))

    def usual(self, kind: str, hour: int, coverage: float = 1.0) -> Usual | None:
        """What is expected of an hour of which the share `coverage` was seen."""
        if coverage < LEAST_COVERAGE or not self._is_known(kind, hour):
            return None
        if self.model == "level":
            return self._levelled.usual((kind, hour), coverage)
        return self._counted.usual((kind, hour), coverage, adds_up=self.adds_up)

    def learn(self, kind: str, hour: int, value: float, coverage: float) -> None:
        """Take in what was seen in the share `coverage` of one hour."""
        if coverage < LEAST_COVERAGE:
            return
        slot, full = (kind, hour), value / coverage if self.adds_up else value
        known = (kind, hour) in self._hours or len(self._hours) < _MAX_KINDS * HOURS
        odd = self._counts(slot, value, coverage) if self.model == "counts" else self._levels(slot, value, coverage)
        if known:
            self._keep(slot, Sample(full, coverage, odd, self._counted.day))

    def state(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        hours = {f"{kind} {hour}": [list(one) for one in samples] for (kind, hour), samples in self._hours.items()}
        known = {"counted": self._counted.state()} if self.model == "counts" else {"recent": self._levelled.state()}
        return {"week": hours, **known}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up where `state()` was taken; Refused('bad-state') where it is none of ours.

        What an earlier version kept has hours without days; their levels are told apart within a few nights.
        """
        try:
            hours = {
                slot_of(name): [sample_of(*one) for one in listed][-KEPT:] for name, listed in state["week"].items()
            }
            self._levelled.restore(state.get("recent", []))
            if "counted" in state:
                self._counted.restore(state["counted"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Refused("bad-state", f"not a week: {error!r}", hint="remove the file and learn anew") from error
        self._hours.clear()
        self._hours.update(hours)

    def _is_known(self, kind: str, hour: int) -> bool:
        """Whether the past says enough of an hour; counts of a first feast are held against Sundays."""
        own = len(usable(self._hours, (kind, hour)))
        if kind == FEAST and not own and self.model == "counts":
            return self._is_known(SUNDAY, hour)
        return own >= (self.warm_up if kind in DAYS else RARE)

    def _counts(self, slot: Slot, value: float, coverage: float) -> int:
        self._counted.begin(slot)
        usual = self.usual(*slot, coverage)
        odd = self._odd(usual, value)
        counts = None if usual is None else self._counted.usual(slot, coverage, adds_up=self.adds_up)
        self._counted.see(slot, value, counts)
        return odd

    def _levels(self, slot: Slot, value: float, coverage: float) -> int:
        usual = self.usual(*slot, coverage)
        if usual is not None:
            self._levelled.see(slot, value / coverage if self.adds_up else value, coverage)
        return self._odd(usual, value)

    def _odd(self, usual: Usual | None, value: float) -> int:
        return 0 if usual is None else side(usual, value, BOUND * self.deviations)

    def _keep(self, slot: Slot, sample: Sample) -> None:
        samples = [*self._hours.get(slot, ()), sample][-KEPT:]
        last = samples[-ALIKE:]
        if sample.odd and len(last) == ALIKE and all(one.odd == sample.odd for one in last):
            samples = [one._replace(odd=0) for one in last]
        self._hours[slot] = samples


def surges(usual: Usual, value: float, deviations: float, *, gap: float) -> int:
    """As `side`, but more counts are held against a surge: they must speak for one as a value so many deviations off would.

    A tail that is equally rare everywhere spends its false alarms on busy hours, where a surge is plain without.
    """
    if not isinstance(usual, Counts) or value <= usual.expected:
        return side(usual, value, deviations)
    return int(usual.surge(value, times=SURGE, more=2.0 * gap) >= 0.5 * deviations**2)


def side(usual: Usual, value: float, deviations: float) -> int:
    """As `Usual.side`, without adding up tails where a look is enough."""
    if abs(value - usual.expected) <= _CLEARLY * deviations * usual.spread(value):
        return 0
    return usual.side(value, deviations)
