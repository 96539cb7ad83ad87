"""What an operator has before them: open events, and which nodes are heard.

No I/O and no clock. The invariant: an event stays open until its node closes it, however long ago that
it was opened, and a silent node is said to be silent, never calm.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.console.items import Item, event_item, head_of, state_item, verdict_item
from agent.console.sight import Sight
from agent.contract.envelope import Envelope
from agent.contract.topics import Class, NodeName, Topic
from agent.contract.types import AckData, EventData, HeadData, HealthData, StateData
from agent.records import Phase
from agent.subscriber.board import SILENT_S
from agent.subscriber.reader import Mark, News

MOST = 2000
"""Open events that are held; when there are more, the oldest are only in the archive."""

ALARMS = 20
"""The latest messages that were not believed, for a page that opens after them; no archive has them."""


@dataclass(slots=True)
class Heard:
    """What is known of one node: when it was heard, what it said of itself, what came of its chain."""

    at: float | None = None
    state: Item = field(default_factory=dict)
    promised: int = 0
    came: int = 0
    faults: int = 0
    health: dict[str, float] = field(default_factory=dict)
    health_at: float | None = None


@dataclass(slots=True)
class Desk:
    """One operator's view, fed with verified news."""

    sight: Sight
    silent_s: float = SILENT_S
    began: float = float("-inf")
    """Since when we listen; nobody is silent who could not have been heard yet."""
    alarms: deque[Item] = field(default_factory=lambda: deque(maxlen=ALARMS))
    """Messages that were not believed, the newest last."""
    _open: dict[str, Item] = field(default_factory=dict)
    _heard: dict[str, Heard] = field(default_factory=dict)
    _silent: dict[str, bool] = field(default_factory=dict)

    def take(self, news: News, *, at: float) -> list[Item]:
        """What the page is told about one message: nothing where the role may not see it."""
        envelope = news.envelope
        if envelope is None or envelope.ended(at):
            return [self._not_believed(news, at)]
        if not self.sight.sees(envelope.topic, at):
            return []
        told = self._event(envelope, str(news.mark)) if news.first_time else []
        return told + self._life(envelope, news, at)

    def advance(self, at: float) -> list[Item]:
        """Nodes whose silence has begun or ended."""
        return [self.node(name, at) for name in self._changed(at)]

    def narrow(self, at: float) -> None:
        """Let go of events that the role may see no longer."""
        topics = {key: Topic(NodeName.parse(item["node"]), Class.EVT, item["type"]) for key, item in self._open.items()}
        self._open = {key: item for key, item in self._open.items() if self.sight.sees(topics[key], at)}

    def open(self) -> list[Item]:
        """Open events, the newest first."""
        return sorted(self._open.values(), key=lambda item: -float(item["at"]))

    def restore(self, items: Iterable[Item]) -> None:
        """Begin with what the archive says is open."""
        for item in items:
            self._open.setdefault(item["id"], item)

    def recall(self, items: Iterable[Item]) -> None:
        """Go through what was missed, the oldest first; of one happening the last word counts."""
        for item in items:
            known = self._open.get(item["id"])
            if known is None or known["at"] <= item["at"]:
                self._keep(item, Phase(item["phase"]))

    def node(self, name: NodeName, at: float) -> Item:
        """One node for the map: `silent` when it says nothing, `alone` when its neighbours still do."""
        heard = self._heard.get(str(name), Heard())
        silent = self._is_silent(str(name), at)
        return {
            "kind": "node",
            "node": str(name),
            "comune": name.comune,
            "heard_at": heard.at,
            "silent": silent,
            "alone": silent and self._neighbours_speak(name, at),
            "missing": max(0, heard.promised - heard.came),
            "faults": heard.faults,
            "open": sum(item["node"] == str(name) for item in self._open.values()),
            **heard.state,
        }

    def chart(self, name: NodeName, at: float) -> Item:
        """All that is known of one node, for whoever looks closely."""
        heard = self._heard.get(str(name), Heard())
        return {
            **self.node(name, at),
            "came": heard.came,
            "promised": heard.promised,
            "health": heard.health,
            "health_at": heard.health_at,
        }

    def nodes(self, at: float) -> list[Item]:
        """Every node of the role, heard or not."""
        return [self.node(name, at) for name in self.sight.nodes(at)]

    def _not_believed(self, news: News, at: float) -> Item:
        item = {"kind": "alarm", "node": news.node, "at": at, "why": news.why or "ended", "topic": news.topic}
        self.alarms.append(item)
        return item

    def _event(self, envelope: Envelope, mark: str) -> list[Item]:
        match envelope.data:
            case EventData():
                item = event_item(envelope, mark)
                known = self._open.get(item["id"])
                item["verdicts"] = known["verdicts"] if known else []
                self._keep(item, envelope.data.phase)
                return [{"kind": "event", **item}]
            case AckData():
                verdict = verdict_item(envelope)
                if envelope.data.event in self._open:
                    self._open[envelope.data.event]["verdicts"].append(verdict)
                return [{"kind": "verdict", "id": envelope.data.event, **verdict}]
        return []

    def _keep(self, item: Item, phase: Phase) -> None:
        if phase is Phase.CLOSED:
            self._open.pop(item["id"], None)
            return
        self._open[item["id"]] = item
        if len(self._open) > MOST:
            self._open.pop(min(self._open, key=lambda event: float(self._open[event]["at"])))

    def _life(self, envelope: Envelope, news: News, at: float) -> list[Item]:
        """What a message says about its node, beside its content; the last will is no sign of life."""
        name = envelope.topic.name
        if envelope.klass in (Class.RCPT, Class.ACK, Class.CMD) or name.comune == self.sight.union.seat:
            return []
        heard = self._heard.setdefault(str(name), Heard())
        before = self.node(name, at)
        heard.faults += news.mark is Mark.ALARM
        if isinstance(envelope.data, StateData):
            heard.state = state_item(envelope.data)
        if isinstance(envelope.data, HealthData):
            heard.health, heard.health_at = dict(envelope.data.values), envelope.at
        if isinstance(envelope.data, HeadData) and not news.retained:  # a retained one is older than what we missed
            heard.promised = max(heard.promised, head_of(envelope.data))
            heard.came = heard.came or heard.promised  # what was made before we looked is not for us
        heard.came = max(heard.came, envelope.seq)
        heard.promised = max(heard.promised, envelope.seq)
        if not news.retained and not (isinstance(envelope.data, StateData) and envelope.data.status != "up"):
            heard.at = at
        after = self.node(name, at)
        return [after] if {**before, "heard_at": 0} != {**after, "heard_at": 0} else []

    def _changed(self, at: float) -> list[NodeName]:
        found = []
        for name in self.sight.nodes(at):
            silent = self._is_silent(str(name), at)
            if self._silent.get(str(name)) != silent:
                self._silent[str(name)] = silent
                found.append(name)
        return found

    def _is_silent(self, name: str, at: float) -> bool:
        heard = self._heard.get(name)
        last = None if heard is None else heard.at
        return at - max(self.began, float("-inf") if last is None else last) > self.silent_s

    def _neighbours_speak(self, name: NodeName, at: float) -> bool:
        return any(
            other.comune == name.comune and other != name and not self._is_silent(str(other), at)
            for other in self.sight.nodes(at)
        )
