"""One rule looking at one quantity of one source: its judge, its hours, its silence, its events.

The invariant: between two readings nothing happens but at an instant that `due` named before, so the
events do not depend on how often anybody asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent.anomaly.calendar import Wall
from agent.anomaly.life import Life
from agent.anomaly.options import Hours
from agent.anomaly.settings import Rule, ScheduleRule
from agent.anomaly.verdict import NEVER, Judge, Verdict
from agent.records import Event


@dataclass(frozen=True, slots=True)
class Waking:
    """When a rule looks: within `during`, and outside `allowed`; always where both are empty."""

    wall: Wall
    during: Sequence[Hours] = ()
    allowed: Sequence[Hours] = ()

    @classmethod
    def of(cls, rule: Rule, wall: Wall) -> Waking:
        return cls(wall, rule.during, rule.allowed if isinstance(rule, ScheduleRule) else ())

    def at(self, at: float) -> bool:
        if self.during and not self.wall.within(self.during, at):
            return False
        return not (self.allowed and self.wall.within(self.allowed, at))

    def due(self, at: float) -> float:
        """When to look again whether this has changed."""
        return self.wall.next_minute(at) if self.during or self.allowed else NEVER


@dataclass(slots=True)
class Ear:
    """When a source last said anything at all, and who has taken it for silent since."""

    heard: float
    deaf: list[Watch] = field(default_factory=list)

    def hear(self, at: float) -> bool:
        """The source speaks; whether that ended a silence, of which nothing is remembered."""
        self.heard = at
        deaf, self.deaf = self.deaf, []
        for watch in deaf:
            watch.resume(at)
        return bool(deaf)


@dataclass(slots=True)
class Watch:
    """Readings and time in, events out; `due` is never later than the next step, but may be early."""

    judge: Judge
    life: Life
    hours: Waking
    ear: Ear
    due: float = NEVER
    _verdict: Verdict = field(init=False)
    _awake: bool = field(init=False)
    _silent: bool = False

    def __post_init__(self) -> None:
        self._awake = self.hours.at(self.ear.heard)
        self._verdict = self.judge.wait(self.ear.heard)
        self._plan(self.ear.heard)

    def observe(self, value: float, at: float) -> Iterator[Event]:
        """A reading of this quantity."""
        self._verdict = self.judge.observe(value, at)
        yield from self._settle(at)

    def wait(self, at: float) -> Iterator[Event]:
        """Time has come to `at`, which is `due`."""
        if at >= self._stale_at():
            yield from self._fall_silent(at)
        elif at >= self._verdict.due:
            self._verdict = self.judge.wait(at)
        yield from self._settle(at)

    def resume(self, at: float) -> None:
        """The source speaks again after it was silent."""
        self._silent = False
        self.judge.forget(at)
        self._verdict = self.judge.wait(at)
        self._plan(at)

    def close(self, at: float, why: str) -> Iterator[Event]:
        """End an open event for a reason from outside."""
        yield from self.life.close(at, why, over=at)
        self._plan(at)

    def _fall_silent(self, at: float) -> Iterator[Event]:
        self._silent, self._verdict = True, Verdict(holds=False)
        self.ear.deaf.append(self)
        yield from self.life.close(at, "stale", over=self.ear.heard)

    def _settle(self, at: float) -> Iterator[Event]:
        awake = self.hours.at(at)
        if awake != self._awake and not self._silent:
            if awake:
                self.judge.restart(at)
            self._verdict = self.judge.wait(at)
        self._awake = awake
        verdict = self._verdict
        if verdict.holds and verdict.reason is not None and awake and (verdict.opens or self.life.is_open):
            yield from self.life.hold(verdict.reason, at, since=verdict.since, held=verdict.held)
        else:
            yield from self.life.rest(verdict.reason, at)
        self._plan(at)

    def _plan(self, at: float) -> None:
        hours = NEVER if self._silent else self.hours.due(at)
        self.due = min(self._verdict.due, self.life.due, self._stale_at(), hours)

    def _stale_at(self) -> float:
        if self._silent or not self.judge.stales:
            return NEVER
        return self.ear.heard + self.life.rule.stale_s
