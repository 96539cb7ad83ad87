"""All watches on one source, in that source's own time.

Sources run apart in the live node (a camera's numbers come a tenth of a second after a switch's), so
each has its own present, and none can make another late.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent.anomaly.budget import Budget, NewId
from agent.anomaly.calendar import Wall
from agent.anomaly.fusion import MOST
from agent.anomaly.kinds import RULES
from agent.anomaly.life import Life
from agent.anomaly.normal import Normal
from agent.anomaly.series_rule import Strange
from agent.anomaly.settings import Rule
from agent.anomaly.unusual import Unusual
from agent.anomaly.verdict import NEVER, Tunable
from agent.anomaly.watch import Ear, Waking, Watch
from agent.anomaly.week_rule import Weekly
from agent.records import Event, Reason

OBSERVED = "camera/observed"
"""What share of the time since it last said so a camera has seen."""
Learner = Unusual | Weekly | Strange


@dataclass(slots=True)
class Agenda:
    """Who wants to be woken when: by time, and by number where the time is the same."""

    actors: list[Watch | Budget] = field(default_factory=list)
    _planned: list[float] = field(default_factory=list)
    _heap: list[tuple[float, int]] = field(default_factory=list)

    def add(self, actor: Watch | Budget) -> int:
        """The number of a new actor."""
        self.actors.append(actor)
        self._planned.append(NEVER)
        return len(self.actors) - 1

    def plan(self, number: int) -> None:
        """Take note of the actor's `due`; a later one than planned is found when the plan comes up."""
        due = self.actors[number].due
        if due < self._planned[number]:
            self._planned[number] = due
            heapq.heappush(self._heap, (due, number))

    def plan_all(self) -> None:
        """Take note of everybody's `due`."""
        for number in range(len(self.actors)):
            self.plan(number)

    def before(self, at: float) -> Iterator[tuple[int, float]]:
        """Each actor that is due before `at`, with the instant it named."""
        while self._heap and self._heap[0][0] < at:
            due, number = heapq.heappop(self._heap)
            if due != self._planned[number]:
                continue  # an earlier plan took its place
            self._planned[number] = NEVER
            if self.actors[number].due <= due:
                yield number, due
            self.plan(number)


@dataclass(slots=True)
class Lane:
    """One source: its readings routed to the rules that match, its deadlines kept in order."""

    source: str
    rules: Sequence[Rule]
    now: float
    wall: Wall
    new_id: NewId
    learned: Mapping[str, Any]
    """What an earlier run learned, by the names that `learners` gives."""
    _ear: Ear = field(init=False)
    _agenda: Agenda = field(default_factory=Agenda)
    _budgets: dict[str, tuple[int, Budget]] = field(default_factory=dict)
    """The budget of each rule with its number, by the rule's id."""
    _watching: dict[str, list[tuple[int, Watch]]] = field(default_factory=dict)
    """The watches on each quantity with their numbers."""
    _read_at: dict[str, float] = field(default_factory=dict)
    _weekly: list[Weekly] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ear = Ear(self.now)

    def expect(self, quantity: str) -> None:
        """Watch a quantity from now on, before its first reading."""
        if quantity not in self._watching:
            matching = [rule for rule in self.rules if matches(rule.quantity, quantity)]
            self._watching[quantity] = [self._watch(rule, quantity) for rule in matching]

    def is_late(self, quantity: str, at: float) -> bool:
        """Whether a newer reading of the same quantity was heard."""
        return at < self._read_at.get(quantity, at)

    def observe(self, quantity: str, value: float, at: float, reasons: tuple[Reason, ...] = ()) -> Iterator[Event]:
        """A reading; one from before the present of this source counts now.

        What is due at the very instant of a reading waits for it, and for all others of that instant: a
        door that is shut after exactly the dwell was not open for longer.
        """
        self._read_at[quantity] = at
        at = max(at, self.now)
        yield from self.advance(at)
        if self._ear.hear(at):
            self._agenda.plan_all()
        self.expect(quantity)
        if quantity == OBSERVED:
            self._cover(value, at)
        for number, watch in self._watching[quantity]:
            if isinstance(watch.judge, Normal):
                yield from _told_with(watch.judge, reasons, watch.observe(value, at))
            else:
                yield from watch.observe(value, at)
            self._plan(number, watch)

    def advance(self, at: float) -> Iterator[Event]:
        """Everything that comes to pass before `at`."""
        for number, due in self._agenda.before(at):
            actor = self._agenda.actors[number]
            yield from actor.wait(due)
            self._plan(number, actor)
        self.now = max(self.now, at)

    def close_all(self, at: float, why: str) -> Iterator[Event]:
        """End what is open."""
        for actor in self._agenda.actors:
            yield from actor.close(at, why)
        self._agenda.plan_all()

    def learners(self) -> Iterator[tuple[str, Learner]]:
        """What has learned something worth keeping, each under a name of its own."""
        for actor in self._agenda.actors:
            if isinstance(actor, Watch) and isinstance(actor.judge, Learner):
                yield f"{actor.life.rule.id} {self.source} {actor.life.quantity}", actor.judge

    def tune(self, rule: Rule) -> None:
        """Judge by a rule of the same id that differs in how unusual it must be."""
        self.rules = [rule if one.id == rule.id else one for one in self.rules]
        for actor in self._agenda.actors:
            if isinstance(actor, Watch) and actor.life.rule.id == rule.id and isinstance(actor.judge, Tunable):
                actor.judge.tune(rule)

    def _cover(self, share: float, at: float) -> None:
        """What a camera saw counts for every hour of the week that is kept of it."""
        for judge in self._weekly:
            judge.cover(share, at)

    def _watch(self, rule: Rule, quantity: str) -> tuple[int, Watch]:
        if rule.id not in self._budgets:
            budget = Budget(rule, self.source, self.new_id)
            self._budgets[rule.id] = self._agenda.add(budget), budget
        judge = RULES[type(rule)](rule, quantity)
        if isinstance(judge, Weekly | Strange):
            judge.wall = self.wall
        if isinstance(judge, Weekly):
            self._weekly.append(judge)
        if isinstance(judge, Learner) and (state := self.learned.get(f"{rule.id} {self.source} {quantity}")):
            judge.restore(state)
        life = Life(rule, self.source, quantity, self._budgets[rule.id][1], self.new_id)
        watch = Watch(judge, life, Waking.of(rule, self.wall), self._ear)
        number = self._agenda.add(watch)
        self._plan(number, watch)
        return number, watch

    def _plan(self, number: int, actor: Watch | Budget) -> None:
        """Note when to wake an actor, and the budget that it may have used."""
        self._agenda.plan(number)
        if isinstance(actor, Watch):
            self._agenda.plan(self._budgets[actor.life.rule.id][0])


def _told_with(judge: Normal, reasons: tuple[Reason, ...], events: Iterator[Event]) -> Iterator[Event]:
    """Events with all reasons of a score; what closes has those of its worst moment no more."""
    judge.reasons = reasons
    for event in events:
        yield replace(event, also=judge.also[:MOST])


def matches(pattern: str, quantity: str) -> bool:
    """Whether a quantity is of a pattern: the same levels, `*` for any one."""
    asked, given = pattern.split("/"), quantity.split("/")
    return len(asked) == len(given) and all(one in ("*", other) for one, other in zip(asked, given, strict=True))
