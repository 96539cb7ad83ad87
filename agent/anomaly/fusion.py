"""Rules on several sources at once: a camera and a sensor that confirm or contradict each other.

    reading -> condition that asks for it -> combination: all of, any of, none of, within a while -> life -> events

Sources run apart in the live node, so what they say is put in order of time first and decided at the next tick. What
holds: a source that is silent confirms nothing, neither that something is there nor that it is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from agent.anomaly.budget import Budget, NewId
from agent.anomaly.calendar import Wall
from agent.anomaly.life import Life
from agent.anomaly.options import Condition
from agent.anomaly.settings import FAULTS, CombinedRule, Rule, TogetherRule
from agent.anomaly.tally import HAPPENINGS
from agent.anomaly.together import Together
from agent.anomaly.together_rule import Belonging
from agent.anomaly.verdict import NEVER, Verdict
from agent.anomaly.watch import Ear, Waking, Watch
from agent.records import Event, Reason

Joined = CombinedRule | TogetherRule

MOMENTS = HAPPENINGS | {"wrong_way"}
"""Measures that are told when something happens and never told to be over."""
MOST = 4
"""Further reasons that an event may carry."""


class Reading(NamedTuple):
    """What a source said, in the order in which it is decided upon."""

    at: float
    source: str
    quantity: str
    value: float


@dataclass(slots=True)
class Part:
    """What is known of one condition."""

    condition: Condition
    within_s: float
    stale_s: float
    value: float = 0.0
    _true: bool = False
    _true_at: float = -NEVER
    _heard: float = -NEVER
    _known: float = 0.0
    """Since when the source has told without a silence."""

    def take(self, value: float, at: float) -> None:
        if not self.is_known(at):
            self._known, self._true = at, False
        self._heard = at
        was, self._true = self._true, self.condition.holds(value)
        if self._true or was:
            self._true_at = at
        if self._true:
            self.value = value
        if self.condition.quantity.rpartition("/")[2] in MOMENTS:
            self._true = False

    def is_known(self, at: float) -> bool:
        return at < self._heard + self.stale_s

    def was(self, at: float) -> bool:
        """Whether it is so, or was within the while."""
        return self.is_known(at) and (self._true or at < self._true_at + self.within_s)

    def was_not(self, at: float) -> bool:
        """Whether it is known not to have been so for the while."""
        return self.is_known(at) and at >= self._known + self.within_s and not self.was(at)

    def explain(self) -> None:
        """What was so, and is over, needs no further attention."""
        if not self._true:
            self._true_at = -NEVER

    def due(self, at: float) -> float:
        """When time alone may change that."""
        changes = (self._heard + self.stale_s, self._true_at + self.within_s, self._known + self.within_s)
        return min((change for change in changes if change > at), default=NEVER)

    def present(self) -> Reason:
        return Reason(self.condition.quantity, self._test(), self.value, expected=self.condition.threshold())

    def absent(self, at: float) -> Reason:
        missed_s = at - max(self._true_at, self._known)
        return Reason(self.condition.quantity, "absence", missed_s)

    def _test(self) -> str:
        place, _, measure = self.condition.quantity.rpartition("/")
        return "health" if place == "camera" and measure.removesuffix("_by") in FAULTS else "presence"


@dataclass(slots=True)
class Combination:
    """The judge: holds while all that must be so is, and nothing that must not be."""

    rule: CombinedRule
    stales: bool = False
    also: tuple[Reason, ...] = ()
    """The further reasons of the latest verdict that held."""
    parts: list[Part] = field(init=False)

    def __post_init__(self) -> None:
        rule = self.rule
        self.parts = [Part(one, rule.within_s, rule.stale_s) for one in (*rule.all, *rule.any, *rule.none)]

    def take(self, source: str, quantity: str, value: float, at: float) -> None:
        for part in self.parts:
            if (part.condition.source, part.condition.quantity) == (source, quantity):
                part.take(value, at)

    def observe(self, _value: float, at: float) -> Verdict:
        return self.wait(at)

    def wait(self, at: float) -> Verdict:
        due = min(part.due(at) for part in self.parts)
        must, may, not_ = self._sorted()
        if any(part.was(at) for part in not_):
            for part in (*must, *may):
                part.explain()
        found = [part for part in may if part.was(at)]
        holds = all(part.was(at) for part in must) and (bool(found) or not may)
        if not holds or not all(part.was_not(at) for part in not_):
            return Verdict(holds=False, due=due)
        first, *others = (*must, *found)
        self.also = (*(part.present() for part in others), *(part.absent(at) for part in not_))[:MOST]
        return Verdict(holds=True, reason=replace(first.present(), test="combined"), due=due)

    def restart(self, _at: float) -> None:
        """What was seen was seen, whatever the hours."""

    def forget(self, _at: float) -> None:
        """Each part forgets for itself."""

    def _sorted(self) -> tuple[Sequence[Part], Sequence[Part], Sequence[Part]]:
        must, may = len(self.rule.all), len(self.rule.any)
        return self.parts[:must], self.parts[must : must + may], self.parts[must + may :]


@dataclass(slots=True)
class Fused:
    """One rule: its judge, its events with their further reasons, its room for events."""

    judge: Combination | Belonging
    watch: Watch
    budget: Budget

    @classmethod
    def of(cls, rule: Joined, wall: Wall, new_id: NewId, *, now: float) -> Fused:
        main = rule.conditions()[0]
        judge = Combination(rule) if isinstance(rule, CombinedRule) else Belonging(rule)
        budget = Budget(rule, main.source, new_id)
        life = Life(rule, main.source, main.quantity, budget, new_id)
        return cls(judge, Watch(judge, life, Waking.of(rule, wall), Ear(now)), budget)

    @property
    def due(self) -> float:
        return min(self.watch.due, self.budget.due)

    def asks(self, source: str, quantity: str) -> bool:
        return any((one.source, one.quantity) == (source, quantity) for one in self.judge.rule.conditions())

    def observe(self, reading: Reading) -> Iterator[Event]:
        self.judge.take(reading.source, reading.quantity, reading.value, reading.at)
        yield from self._with_reasons(self.watch.observe(reading.value, reading.at))

    def wait(self, at: float) -> Iterator[Event]:
        if self.budget.due <= at:
            yield from self.budget.wait(at)
        if self.watch.due <= at:
            yield from self._with_reasons(self.watch.wait(at))

    def close(self, at: float, why: str) -> Iterator[Event]:
        yield from self._with_reasons(self.watch.close(at, why))
        yield from self.budget.close(at, why)

    def _with_reasons(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            yield event if event.reason.test == "budget" else replace(event, also=self.judge.also)


@dataclass(slots=True)
class Fusion:
    """All rules on several sources; `take` only remembers, `advance` decides."""

    rules: Sequence[Joined]
    now: float
    wall: Wall
    new_id: NewId
    learned: Mapping[str, Any]
    """What an earlier run learned, by the names that `learners` gives."""
    _fused: list[Fused] = field(init=False)
    _waiting: list[Reading] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._fused = [Fused.of(rule, self.wall, self.new_id, now=self.now) for rule in self.rules]
        for name, learner in self.learners():
            if state := self.learned.get(name):
                learner.restore(state)

    def take(self, source: str, quantity: str, value: float, at: float) -> None:
        """Remember a reading that some rule asks for until its time comes; a late one counts now."""
        if any(fused.asks(source, quantity) for fused in self._fused):
            self._waiting.append(Reading(max(at, self.now), source, quantity, value))

    def advance(self, at: float) -> Iterator[Event]:
        """Everything that comes to pass before `at`."""
        coming = sorted(one for one in self._waiting if one.at < at)
        self._waiting = [one for one in self._waiting if one.at >= at]
        for reading in coming:
            yield from self._pass(reading.at)
            for fused in self._fused:
                if fused.asks(reading.source, reading.quantity):
                    yield from fused.observe(reading)
        yield from self._pass(at)
        self.now = max(self.now, at)

    def learners(self) -> Iterator[tuple[str, Together]]:
        """What has learned something worth keeping, each under a name of its own."""
        for fused in self._fused:
            if isinstance(fused.judge, Belonging):
                yield f"{fused.judge.rule.id} together", fused.judge.set

    def tune(self, rule: Rule) -> None:
        """Judge by a rule of the same id that differs in how unusual it must be."""
        for fused in self._fused:
            if isinstance(fused.judge, Belonging) and fused.judge.rule.id == rule.id:
                fused.judge.tune(rule)

    def close_all(self, at: float, why: str) -> Iterator[Event]:
        """End what is open."""
        for fused in self._fused:
            yield from fused.close(at, why)

    def _pass(self, at: float) -> Iterator[Event]:
        for fused in self._fused:
            while (due := fused.due) < at:
                yield from fused.wait(due)
