"""What a person is told while watching: one line for a message, and a word about what does not come.

No I/O and no clock. The invariant: silence is told, once, and so is its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.contract.chain import BAD, Finding, Word
from agent.contract.envelope import Envelope
from agent.contract.sentences import ENGLISH, span
from agent.contract.tongue import Tongue
from agent.contract.topics import ACCESS, Class
from agent.contract.types import AuditData, HeadData, ReceiptData, StateData
from agent.printable import printable
from agent.records import Severity
from agent.subscriber.describe import describe
from agent.subscriber.reader import Mark, News

SILENT_S = 150.0
"""Two heads and a half: a node that says nothing for so long is not merely calm."""

_QUIET = frozenset({Class.HEAD, Class.RCPT, Class.HEALTH, Class.STAT, Class.PUB})
"""Classes that are shown only when asked for, or when something is wrong with them."""

_FAULTS = {
    Word.GAP: "{} missing before it",
    Word.BEHIND: "{} promised and not here yet",
    Word.DROPPED: "{} given up by the node",
    Word.RESTART: "a new chain begins",
    Word.OLD: "from a chain that has ended",
    Word.EQUIVOCATION: "ANOTHER CONTENT under {}: the node's key is in two hands",
    Word.BROKEN: "THE CHAIN IS BROKEN at {}",
    Word.ROLLED_BACK: "THE NODE PROMISED MORE BEFORE: {} are gone",
}


@dataclass(frozen=True, slots=True)
class Line:
    """Something to show. `mark` is empty for what the watcher itself noticed; `urgent` asks for attention."""

    at: float
    node: str
    text: str
    mark: Mark | None = None
    seq: int = 0
    klass: str = ""
    severity: Severity = Severity.INFO
    urgent: bool = False
    news: News | None = None


@dataclass(slots=True)
class _Lag:
    """Since when somebody has lacked numbers that exist, and whether that was told."""

    since: float | None = None
    told: bool = False

    def compare(self, has: int, exists: int, *, at: float) -> None:
        if has >= exists:
            self.since, self.told = None, False
        elif self.since is None:
            self.since = at

    def overdue(self, at: float, *, after_s: float) -> bool:
        """True once, when the lag has lasted too long."""
        if self.told or self.since is None or at - self.since <= after_s:
            return False
        self.told = True
        return True


@dataclass(slots=True)
class _Sight:
    """When a node was last heard; the highest number that it promised, that came, that its store has."""

    heard: float
    silent: bool = False
    promised: int = 0
    came: int = 0
    stored: int | None = None
    ours: _Lag = field(default_factory=_Lag)
    stores: _Lag = field(default_factory=_Lag)


@dataclass(slots=True)
class Board:
    """Turns news into lines; `everything` shows the quiet classes too.

    In a `partial` view numbers that a head promises need not come.
    """

    everything: bool = False
    partial: bool = False
    silent_s: float = SILENT_S
    tongue: Tongue = ENGLISH
    """Of the sentences of events."""
    _sights: dict[str, _Sight] = field(default_factory=dict)

    def take(self, news: News, *, at: float) -> list[Line]:
        """Lines for one message that came at `at`."""
        if news.envelope is None:
            said = f"NOT BELIEVED ({news.why}): {printable(news.topic)}"
            return [Line(at, printable(news.node), said, news.mark, urgent=True, news=news)]
        lines = list(self._heard(news.envelope, at, retained=news.retained))
        if self._is_shown(news, news.envelope):
            lines.append(_line(news, news.envelope, at, self.tongue))
        return lines

    def advance(self, at: float) -> list[Line]:
        """Lines about what has not come."""
        return [line for node, sight in sorted(self._sights.items()) for line in self._missing(node, sight, at)]

    def _heard(self, envelope: Envelope, at: float, *, retained: bool) -> Iterator[Line]:
        """Keep count of a node; its first word after a silence is told.

        What was retained is no sign of life, nor is what others say to a node or about it.
        """
        if isinstance(envelope.data, AuditData) and envelope.data.action == ACCESS:
            return
        if envelope.maker != envelope.topic.name and not isinstance(envelope.data, ReceiptData):
            return
        node = str(envelope.topic.name)
        sight = self._sights.setdefault(node, _Sight(at))
        if isinstance(envelope.data, ReceiptData):
            sight.stored = max([envelope.data.cum, *(last for _, last in envelope.data.ranges)])
        else:
            yield from self._life(node, sight, envelope, at, retained=retained)
        if sight.stored is not None:
            sight.stores.compare(sight.stored, sight.promised, at=at)
        if not self.partial:
            sight.ours.compare(sight.came, sight.promised, at=at)

    def _life(self, node: str, sight: _Sight, envelope: Envelope, at: float, *, retained: bool) -> Iterator[Line]:
        last_words = isinstance(envelope.data, StateData) and envelope.data.status != "up"
        if not retained and not last_words:
            if sight.silent:
                yield Line(at, node, f"heard again after {span(at - sight.heard)}")
            sight.heard, sight.silent = at, False
        first = not sight.promised
        sight.came = max(sight.came, envelope.seq)
        head = envelope.data.seq if isinstance(envelope.data, HeadData) else 0
        sight.promised = max(sight.promised, envelope.seq, head)
        if first:
            sight.came = sight.promised  # what was made before we looked is not for us

    def _missing(self, node: str, sight: _Sight, at: float) -> Iterator[Line]:
        if not sight.silent and at - sight.heard > self.silent_s:
            sight.silent = True
            yield Line(at, node, f"SILENT for {span(at - sight.heard)}: calm is not known", urgent=True)
        if sight.ours.overdue(at, after_s=self.silent_s):
            yield Line(at, node, f"{sight.promised - sight.came} records promised and not here", urgent=True)
        if sight.stored is not None and sight.stores.overdue(at, after_s=self.silent_s):
            yield Line(at, node, f"the store lacks {sight.promised - sight.stored} of its records", urgent=True)

    def _is_shown(self, news: News, envelope: Envelope) -> bool:
        if self.everything or news.mark in (Mark.ALARM, Mark.LATE):
            return True
        if envelope.klass is Class.HEAD:
            return False
        return envelope.klass not in _QUIET or news.mark is Mark.GAP


def _line(news: News, envelope: Envelope, at: float, tongue: Tongue) -> Line:
    """A message as a line; one that a node signed beforehand, for when it is lost, carries when that was noticed."""
    faults = "; ".join(_fault(finding) for finding in news.findings if finding.word in _FAULTS)
    said = describe(envelope, tongue)
    lost = isinstance(envelope.data, StateData) and envelope.data.status == "lost"
    return Line(
        at if lost else envelope.at,
        news.node,
        f"{said} [{faults}]" if faults else said,
        news.mark,
        envelope.seq,
        envelope.klass,
        envelope.payload.severity or Severity.INFO,
        lost or any(finding.word in BAD for finding in news.findings),
        news,
    )


def _fault(finding: Finding) -> str:
    which = str(finding.first) if finding.first == finding.last else f"{finding.first}-{finding.last}"
    return _FAULTS[finding.word].format(which)
