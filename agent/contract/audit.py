"""A file of envelopes, judged: per node what was found, and which lines were refused.

Pure: lines in, a report out. A line is a token, or a topic and a token with a space between, as
`mosquitto_sub -v` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.contract.chain import BAD, ChainCheck, Range, Span, Word
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.jws import KeyRing
from agent.errors import Refused


@dataclass(slots=True)
class NodeReport:
    """One node's envelopes: how many, and what is said of which numbers."""

    check: ChainCheck
    envelopes: int = 0
    statements: int = 0
    said: dict[Word, Span] = field(default_factory=dict)

    def take(self, envelope: Envelope) -> None:
        """Count one envelope and keep what it shows."""
        self.envelopes += bool(envelope.seq)
        self.statements += not envelope.seq
        for finding in self.check.feed(envelope):
            self.said.setdefault(finding.word, Span()).add(finding.first, finding.last)

    def wrong(self) -> dict[str, tuple[Range, ...]]:
        """What no network explains, and what is missing; empty for a whole stream."""
        bad: dict[str, tuple[Range, ...]] = {
            str(word): tuple(self.said[word]) for word in sorted(BAD & self.said.keys())
        }
        return bad | ({"missing": self.check.missing()} if self.check.missing() else {})

    def noted(self) -> dict[str, tuple[Range, ...]]:
        """What is worth knowing of a stream and is no fault of it."""
        words = (Word.DUPLICATE, Word.RESTART, Word.OLD)
        notes: dict[str, tuple[Range, ...]] = {str(word): tuple(self.said[word]) for word in words if word in self.said}
        return notes | ({"dropped": self.check.dropped()} if self.check.dropped() else {})


@dataclass(slots=True)
class Report:
    """All nodes of a file, and the lines that were refused with their reason."""

    nodes: dict[str, NodeReport] = field(default_factory=dict)
    refused: list[tuple[int, str]] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return not self.refused and not any(node.wrong() for node in self.nodes.values())


def judge(lines: Iterable[bytes], ring: KeyRing, *, from_first: bool = False) -> Report:
    """The report on `lines`; with `from_first` every stream must begin at number 1."""
    report = Report()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            envelope = _open(line.strip(), ring)
        except Refused as refused:
            report.refused.append((number, refused.why))
            continue
        name = str(envelope.topic.name)
        if name not in report.nodes:
            report.nodes[name] = NodeReport(ChainCheck(whole=from_first))
        report.nodes[name].take(envelope)
    return report


def _open(line: bytes, ring: KeyRing) -> Envelope:
    topic, space, token = line.partition(b" ")
    if not space:
        return open_envelope(line, ring)
    return open_envelope(token, ring, topic=topic.decode("utf-8", "replace"))
