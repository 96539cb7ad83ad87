"""What a node does with the commands and verdicts that it admitted.

The invariants: everything that was admitted is answered once, in the chain and to who asked; what
needs somebody to stand in front of the node is refused; a pause ends by itself, and with the process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from agent.contract.command import MOST_NUMBERS
from agent.contract.envelope import Envelope
from agent.contract.types import AckData, CommandData
from agent.pipeline import Decider
from agent.records import Audit, Event, Phase, Record
from agent.uplink.door import correlation
from agent.uplink.spool import Spool

PAUSE_S = 8 * 3600.0
"""The longest that nobody is told of events without somebody asking again: a day's work."""

BETWEEN_S = 10.0
"""Two ranges are handed over again no sooner one after the other."""

REMEMBERED = 1000
"""Events that a verdict can still be about."""


class Learner(Protocol):
    """What learns from verdicts."""

    def learn(self, event: Event, verdict: str, at: float) -> list[Record]: ...


@dataclass(slots=True)
class Pause:
    """Keeps events back while somebody works in front of the camera.

    An event that is kept back when it opens is kept back to its end, so what is told always has a beginning.
    """

    until: float = 0.0
    _hushed: set[str] = field(default_factory=set)

    def begin(self, open_ids: Iterable[str], at: float) -> None:
        """From now on nothing is told; what is open was closed by whoever calls."""
        self.until = at + PAUSE_S
        self._hushed |= set(open_ids)

    def end(self) -> None:
        self.until = 0.0

    def holds(self, event: Event) -> bool:
        """Whether an event is kept back."""
        if event.at < self.until and event.phase is Phase.OPENED:
            self._hushed.add(event.id)
        held = event.id in self._hushed
        if event.phase is Phase.CLOSED:
            self._hushed.discard(event.id)
        return held


@dataclass(slots=True)
class Orders:
    """Owned by the node's one thread; `stop` ends the process, which is started anew."""

    spool: Spool
    decider: Decider
    stop: Callable[[], None]
    feedback: Learner | None = None
    forget_scenes: Callable[[str], None] | None = None
    """Lets cameras learn their scenes anew that this rule, or any where it is empty, looks at."""
    pause: Pause = field(default_factory=Pause)
    _open: dict[str, Event] = field(default_factory=dict)
    _events: OrderedDict[str, Event] = field(default_factory=OrderedDict)
    """The newest events by the name that a subscriber knows them by."""
    _resent_at: float = -BETWEEN_S

    def told(self, records: Iterable[Record]) -> list[Record]:
        """What of the rules' records is to be told now."""
        kept = [one for one in records if not (isinstance(one, Event) and self.pause.holds(one))]
        for one in kept:
            if isinstance(one, Event):
                self._remember(one)
        return kept

    def obey(self, asked: Envelope, at: float) -> list[Record]:
        """Act on one admitted command or verdict; what it makes worth telling."""
        match asked.data:
            case CommandData():
                return self._command(asked, asked.data, at)
            case AckData():
                return self._verdict(asked, asked.data, at)
        return []

    def _command(self, asked: Envelope, command: CommandData, at: float) -> list[Record]:
        match command.command:
            case "report":
                self.spool.answer(asked, "done")
                return [*self.decider.vitals.report(at)]
            case "resend":
                self._resend(asked, command.first or 1, command.last or 1, at)
            case "mode":
                return self._mode(asked, command.target, at)
            case "relearn":
                return self._relearn(asked, command.target, at)
            case "restart":
                self.spool.answer(asked, "done")
                self.stop()
            case "commission":
                self.spool.answer(asked, "refused", why="presence")
        return []

    def _resend(self, asked: Envelope, first: int, last: int, at: float) -> None:
        if last - first >= MOST_NUMBERS or 0 <= at - self._resent_at < BETWEEN_S:
            self.spool.answer(asked, "refused", why="rate")
            return
        self._resent_at = at
        gone = self.spool.resend(first, last)
        self.spool.answer(asked, "failed" if gone else "done", why="gone" if gone else "", ranges=gone)

    def _mode(self, asked: Envelope, mode: str, at: float) -> list[Record]:
        self.spool.answer(asked, "done", why=mode)
        changed = Audit(at, "mode-changed", outcome=mode)
        if mode == "watch":
            self.pause.end()
            return [changed]
        closed = self.decider.engine.close_left_open(self._open.values(), at)
        told: list[Record] = [replace(event, closed_by="command") for event in closed]
        self.pause.begin([event.id for event in closed], at)
        self._open.clear()
        return [changed, *told]

    def _relearn(self, asked: Envelope, rule: str, at: float) -> list[Record]:
        if rule and rule not in self.decider.engine.rules():
            self.spool.answer(asked, "failed", why="not-declared")
            return []
        self.spool.answer(asked, "done")
        if self.forget_scenes:
            self.forget_scenes(rule)
        return [*self.told(self.decider.engine.forget(rule, at))]

    def _verdict(self, asked: Envelope, ack: AckData, at: float) -> list[Record]:
        event = self._events.get(ack.event)
        if event is None:
            self.spool.answer(asked, "failed", why="gone")
            return []
        self.spool.answer(asked, "done", why=ack.verdict)
        return self.feedback.learn(event, ack.verdict, at) if self.feedback else []

    def _remember(self, event: Event) -> None:
        if event.phase is Phase.CLOSED:
            self._open.pop(event.id, None)
        else:
            self._open[event.id] = event
        known_as = correlation(self.spool.name, event.id)
        self._events[known_as] = event
        self._events.move_to_end(known_as)
        while len(self._events) > REMEMBERED:
            self._events.popitem(last=False)
