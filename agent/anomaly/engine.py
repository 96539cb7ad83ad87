"""The engine: observations and time in, events out.

    observation -> lane of its source -> watch (one rule, one quantity) -> judge -> life -> events

Rules that hold whatever comes in:

- the same observations give the same events, with the same ids, however time was cut into steps;
- an event that is updated or closed was opened; one rule has at most one open event for a quantity
  of a source, and opens at most `per_hour` for a source, plus one summary of the rest; so has the node;
- a value that is not a number is refused and changes nothing;
- a reading older than the newest of its quantity is dropped; one that is merely late counts now.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.anomaly.baseline import Baseline
from agent.anomaly.budget import NewId
from agent.anomaly.calendar import DAY_S, Local, Wall, utc
from agent.anomaly.feasts import Almanac, CalendarSettings
from agent.anomaly.flood import AlertSettings, Flood
from agent.anomaly.fusion import Fusion
from agent.anomaly.kinds import RULES
from agent.anomaly.lane import Lane
from agent.anomaly.series import Series
from agent.anomaly.settings import AbsenceRule, CombinedRule, Rule, TogetherRule
from agent.anomaly.together import Together
from agent.anomaly.tuning import Kind, bounded, tuned
from agent.anomaly.week import Week
from agent.errors import ConfigError, Refused
from agent.records import Event, Observation, Phase

LATE_S = 60.0
"""An observation from longer ago than this is refused."""
TICK_S = 1.0
VERSION = 1
"""Of the form in which `state` gives what was learned."""
AHEAD_S = 3600.0
"""An observation from farther in the future is refused."""
LEAP_S = DAY_S
"""A tick that is this far ahead of the last is a clock that was set; one that runs back always is."""


def ids(boot: str) -> NewId:
    """Event ids of one run of the node: 16 hex digits that the same history gives again."""

    def new_id(text: str) -> str:
        return hashlib.sha256(f"{boot} {text}".encode()).hexdigest()[:16]

    return new_id


class Engine:
    """Every rule on every source; `refused` and `late` count what was not taken."""

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        new_id: NewId,
        local: Local = utc,
        days: CalendarSettings | None = None,
        alerts: AlertSettings | None = None,
    ) -> None:
        """Rules with unique ids; ConfigError names those that are given twice.

        `new_id` makes an event's id from what is unique about it (see `ids`); `local` gives the seconds
        from UTC to local time at an instant; `days` says which are not like others; `alerts` how many events all rules together may open.
        """
        _check(rules)
        self.refused = 0
        self.late = 0
        self._rules = rules
        self._new_id = new_id
        self._wall = Wall(local, almanac=Almanac(days or CalendarSettings()))
        self._lanes: dict[str, Lane] = {}
        self._flood = Flood(alerts, new_id) if alerts else None
        self._now: float | None = None
        self._learned: dict[str, Any] = {}
        self._fusion: Fusion | None = None
        self._declared = {rule.id: rule for rule in rules}
        self._factors: dict[tuple[str, str], float] = {}
        """What verdicts have made of rules: of a source, or of all where that is empty."""

    def update(self, observation: Observation) -> list[Event]:
        """What one observation makes worth telling."""
        if not (math.isfinite(observation.value) and math.isfinite(observation.at)):
            self.refused += 1
            return []
        at = observation.at - self._wall.shift
        now = self._begin(at)
        lane = self._lane(observation.source)
        if not now - LATE_S <= at <= lane.now + AHEAD_S or lane.is_late(observation.quantity, at):
            self.late += 1
            return []
        if self._fusion is not None:
            self._fusion.take(observation.source, observation.quantity, observation.value, at)
        return self._told(lane.observe(observation.quantity, observation.value, at, observation.reasons))

    def advance(self, at: float) -> list[Event]:
        """What the passing of time makes worth telling; called at every whole second."""
        before = self._begin(at - self._wall.shift)
        if not before - TICK_S <= at - self._wall.shift <= before + LEAP_S:
            self.stepped(at - self._wall.shift - (before + TICK_S))
        self._now = now = max(before, at - self._wall.shift)
        told = self._told(event for part in self._parts() for event in part.advance(now))
        return told + (self._on_the_wall(self._flood.advance(now)) if self._flood else [])

    def stepped(self, by_s: float) -> None:
        """The wall clock was set: all that is remembered stays as long ago as it was."""
        self._wall.shift += by_s

    def close_all(self, at: float, why: str) -> list[Event]:
        """End every open event; `why` is a word of the contract's `closed_by`."""
        events = self.advance(at)
        now = at - self._wall.shift
        events += self._told(event for part in self._parts() for event in part.close_all(now, why))
        return events + (self._on_the_wall(self._flood.close(now, why)) if self._flood else [])

    def rules(self) -> frozenset[str]:
        """Ids of all rules."""
        return frozenset(rule.id for rule in self._rules)

    def factor(self, rule: str, source: str = "") -> float:
        """What verdicts have made of how unusual it must be for a rule in a source, beside what is configured."""
        return self._factors.get((rule, source), self._factors.get((rule, ""), 1.0))

    def tune(self, rule: str, factor: float, source: str = "") -> bool:
        """Judge by `factor` times what is configured from now on; whether the rule has anything learned to move.

        Only in `source` where one is named, unless the rule looks at several together.
        """
        declared = self._declared.get(rule)
        changed = None if declared is None else tuned(declared, factor)
        if changed is None:
            return False
        where = "" if isinstance(declared, CombinedRule | TogetherRule) else source
        self._factors[rule, where] = factor
        for part in self._parts():
            if where in ("", getattr(part, "source", "")):
                part.tune(changed)
        return True

    def forget(self, rule: str, at: float) -> list[Event]:
        """Learn a rule anew, all of them where `rule` is empty; what is open is closed, as if the node began now."""
        events = self.close_all(at, "command")
        learned: dict[str, Any] = self.state()["learned"]
        self._learned = {name: state for name, state in learned.items() if rule and not name.startswith(f"{rule} ")}
        self._lanes, self._now = {}, None
        self._begin(at - self._wall.shift)
        return events

    def close_left_open(self, events: Iterable[Event], at: float) -> list[Event]:
        """The last words of events that an earlier run of the node left open.

        Nobody knows when they would have ended, so their duration ends where they were last told.
        """
        left = {event.id: event for event in events if event.phase is not Phase.CLOSED}
        return [
            replace(event, phase=Phase.CLOSED, at=at, duration_s=None, closed_by="restart") for event in left.values()
        ]

    def state(self) -> dict[str, Any]:
        """What was learned, as plain values that JSON can hold; for `restore` after a restart."""
        learned = {name: judge.state() for part in self._parts() for name, judge in part.learners()}
        return {"version": VERSION, "learned": {**self._learned, **learned}, "factors": self._kept_factors()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what an earlier run learned, before the first observation.

        What is no longer asked for is kept but not used; Refused('bad-state') for what is no state of
        ours.
        """
        if state.get("version") != VERSION or not isinstance(learned := state.get("learned"), Mapping):
            raise Refused("bad-state", "not what an engine has learned", hint="remove the file and learn anew")
        for known in learned.values():
            _memory(known).restore(known)
        self._learned.update(learned)
        for (rule, source), factor in _factors(state):
            self.tune(rule, factor, source)

    def _kept_factors(self) -> dict[str, float]:
        return {f"{rule} {source}".strip(): factor for (rule, source), factor in self._factors.items()}

    def _begin(self, at: float) -> float:
        """The present; at the first call time begins, and with it the wait for what is expected."""
        if self._now is None:
            self._now = at
            joined = [self._judged_by(rule) for rule in self._rules if isinstance(rule, CombinedRule | TogetherRule)]
            self._fusion = Fusion(joined, at, self._wall, self._new_id, self._learned)
            for rule in self._rules:
                if isinstance(rule, AbsenceRule) and rule.source and "*" not in rule.quantity:
                    self._lane(rule.source).expect(rule.quantity)
        return self._now

    def _lane(self, source: str) -> Lane:
        if source not in self._lanes:
            ours = [rule for rule in self._rules if rule.source in ("", source) and type(rule) in RULES]
            rules = [self._judged_by(rule, source) for rule in ours]
            self._lanes[source] = Lane(source, rules, self._now or 0.0, self._wall, self._new_id, self._learned)
        return self._lanes[source]

    def _judged_by(self, rule: Kind, source: str = "") -> Kind:
        """A declared rule as verdicts have moved it."""
        return tuned(rule, self.factor(rule.id, source)) or rule

    def _parts(self) -> tuple[Lane | Fusion, ...]:
        """Everything that time moves."""
        return (*self._lanes.values(), *([self._fusion] if self._fusion else []))

    def _told(self, events: Iterable[Event]) -> list[Event]:
        """Events in order of time, as many as the node may tell, with what the clock on the wall shows."""
        told = sorted(events, key=lambda event: event.at)
        return self._on_the_wall(self._flood.passed(told) if self._flood else told)

    def _on_the_wall(self, events: Iterable[Event]) -> list[Event]:
        shift = self._wall.shift
        return [replace(event, at=event.at + shift) if shift else event for event in events]


def _memory(known: Mapping[str, Any]) -> Week | Series | Together | Baseline:
    """An empty memory of the kind that gave this state."""
    if "week" in known:
        return Week()
    if "together" in known:
        return Together(1)
    return Series() if "series" in known else Baseline()


def _factors(state: Mapping[str, Any]) -> list[tuple[tuple[str, str], float]]:
    """What verdicts have moved, as `state` kept it: rule, and source where it is of one."""
    try:
        named = [(name.partition(" "), bounded(factor)) for name, factor in state.get("factors", {}).items()]
        return [((rule, source), factor) for (rule, _, source), factor in named]
    except (AttributeError, TypeError, ValueError) as error:
        raise Refused("bad-state", f"no factors: {error!r}", hint="remove the file and learn anew") from error


def _check(rules: Sequence[Rule]) -> None:
    twice = sorted({rule.id for rule in rules if sum(other.id == rule.id for other in rules) > 1})
    if twice:
        raise ConfigError(
            f"rules: {', '.join(twice)}: an id is given twice",
            hint="give each rule an id of its own; nothing was changed",
        )
