"""The exit door: what of a record may leave the node.

The invariant: every text that passes is a word of the contract or an id of this node's own
configuration, every number is rounded to its purpose; anything else is Refused('not-declared') and
nothing of that record leaves. No message of a refusal repeats what was refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import UNSET, UnsetType

from agent.contract.command import MODES, RIGHTS
from agent.contract.times import instant
from agent.contract.topics import CHAINED, ITSELF, Class, NodeName
from agent.contract.types import (
    AuditData,
    Data,
    EventData,
    EventKind,
    HealthData,
    Label,
    Quality,
    ReasonData,
    StatData,
    Verdict,
)
from agent.errors import Refused
from agent.records import Audit, ClockQuality, Event, Health, Reason, Record, Severity, Stat
from agent.uplink.measures import DECIMALS, rounded

T = TypeVar("T")

DROPPED = "dropped"
"""The act of giving up records; only the spool itself tells it."""

FINER = 2
"""Decimals that an expectation has beyond its measure: the usual count of a quiet zone is 0.04."""

VALUES_BYTES = 1800
"""Names and numbers that one envelope takes; more of them go into several."""

_SEVERITIES = frozenset(Severity)
_BY_PEOPLE = frozenset({"button", "report"})
"""Tests that rest on what a person says and no sensor saw."""

_LABELS = frozenset(get_args(Label)) - {""}
_KINDS = frozenset(get_args(EventKind))
_MEASURES = frozenset(DECIMALS)
_WORDS = frozenset({*CHAINED, Class.RCPT, Class.CMD, Class.ACK, "letter", ITSELF, *RIGHTS})
"""What an audit record may be about besides the node's own ids."""

_VALUE_BYTES = 16
_ENCODER = msgspec.json.Encoder()
_DECODERS: dict[type, Any] = {kind: msgspec.json.Decoder(kind) for kind in (EventData, StatData, AuditData)}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The ids that the configuration declares; nothing else of its kind can be told."""

    rules: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()
    """Zones and lines."""
    agreements: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()
    """What audit records may say of an act, besides the words of refusal."""
    digests: frozenset[str] = frozenset()
    """SHA-256 of the configurations and models that an audit record may name."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What of a record may leave, before it is signed; `kind` is the last level of its topic."""

    klass: Class
    kind: str
    at: float
    data: Data
    severity: Severity | UnsetType = UNSET
    correlation: str | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Door:
    """The only way from records to payloads."""

    name: NodeName
    vocabulary: Vocabulary
    _quantities: dict[str, int] = field(default_factory=dict)
    """Quantities that passed before, with their decimals; there are only as many as are declared."""

    def let_out(self, record: Record, *, clock: ClockQuality) -> list[Passed]:
        """What may be told of a record: one message, or several where its numbers are too many for one."""
        match record:
            case Event():
                return [self._event(record, clock)]
            case Stat():
                return list(self._stat(record))
            case Health():
                return [
                    Passed(Class.HEALTH, ITSELF, record.at, HealthData(values=part))
                    for part in self._parts(record.values)
                ]
            case Audit():
                return [self._audit(record)]
        raise Refused("not-declared", "no record of ours")

    def _event(self, event: Event, clock: ClockQuality) -> Passed:
        data = _made(
            EventData,
            rule=_declared("rule", event.rule, self.vocabulary.rules),
            phase=event.phase,
            source=_declared("source", event.source, self.vocabulary.sources),
            reason=self._reason(event.reason),
            also=tuple(self._reason(reason) for reason in event.also),
            zone=_declared("zone", event.zone, self.vocabulary.zones, empty=True),
            label=_declared("label", event.label, _LABELS, empty=True),
            duration_s=None if event.duration_s is None else rounded(event.duration_s, decimals=0),
            closed_by=event.closed_by,
            quality=Quality(clock=clock, unverified=event.reason.test in _BY_PEOPLE),
        )
        kind = _declared("kind", event.kind, _KINDS)
        return Passed(Class.EVT, kind, event.at, data, _severity(event.severity), self._correlation(event.id))

    def _correlation(self, event_id: str) -> str:
        return correlation(self.name, event_id)

    def _reason(self, reason: Reason) -> ReasonData:
        decimals = self._decimals(reason.quantity)
        return _plain(
            ReasonData,
            quantity=reason.quantity,
            test=reason.test,
            observed=rounded(reason.observed, decimals=decimals),
            expected=_optional(reason.expected, decimals=decimals + FINER),
            spread=_optional(reason.spread, decimals=decimals + FINER),
            evidence=_optional(reason.evidence, decimals=1),
            evidence_unit=reason.evidence_unit,
        )

    def _stat(self, stat: Stat) -> Iterator[Passed]:
        source = _declared("source", stat.source, self.vocabulary.sources)
        for values in self._parts(stat.values):
            data = _made(
                StatData,
                source=source,
                since=instant(stat.since),
                until=instant(stat.at),
                coverage=rounded(stat.coverage, decimals=2),
                values=values,
            )
            yield Passed(Class.STAT, source, stat.at, data)

    def _parts(self, values: Iterable[tuple[str, float]]) -> Iterator[dict[str, float]]:
        """Declared quantities and their rounded numbers, as many as fit into one envelope each."""
        part: dict[str, float] = {}
        room = VALUES_BYTES
        for name, value in values:
            decimals = self._decimals(name)
            room -= len(name) + _VALUE_BYTES
            if room < 0:
                yield part
                part, room = {}, VALUES_BYTES - len(name) - _VALUE_BYTES
            part[name] = rounded(value, decimals=decimals)
        yield part

    def _audit(self, audit: Audit) -> Passed:
        if audit.action != DROPPED and (audit.first, audit.last, audit.ranges) != (None, None, ()):
            raise Refused("not-declared", "numbers in an audit record that drops nothing")
        own = self.vocabulary
        ids = own.sources | own.rules | own.zones | own.agreements | _WORDS
        data = _made(
            AuditData,
            action=audit.action,
            subject=_declared("subject", audit.subject, ids, empty=True),
            outcome=_declared("outcome", audit.outcome, own.outcomes | REFUSALS | OUTCOMES, empty=True),
            digest=_declared("digest", audit.digest, own.digests, empty=True),
            first=audit.first,
            last=audit.last,
            ranges=audit.ranges,
        )
        return Passed(Class.AUDIT, audit.action, audit.at, data)

    def _decimals(self, quantity: str) -> int:
        """Decimals of the measure of a quantity whose every level is declared."""
        known = self._quantities.get(quantity)
        if known is None:
            known = self._quantities[quantity] = self._judge(quantity)
        return known

    def _judge(self, quantity: str) -> int:
        *places, measure = quantity.split("/")
        own = self.vocabulary
        allowed: tuple[frozenset[str], ...] = (own.zones | own.sources | {"camera", "scene"}, _LABELS | {"all"})
        if len(places) > len(allowed):
            raise Refused("not-declared", "a quantity of too many levels")
        for place, names in zip(places, allowed, strict=False):
            _declared("quantity", place, names)
        return DECIMALS[_declared("measure", measure, _MEASURES)]


REFUSALS = frozenset(
    {
        "not-declared", "not-a-number", "too-big", "malformed", "header", "unknown-key", "signature", "payload",
        "spelling", "source", "role", "topic", "chain", "data", "bad-topic", "bad-name", "bad-instant", "retained",
        "expired", "ahead", "key", "delivered", "class", "replayed", "deadline", "rate", "ended",
        "clock",
    }
)  # fmt: skip
"""`why` of everything that is refused, at the door or from outside."""


OUTCOMES = frozenset(
    {"done", "refused", "failed", "gone", "presence", "stricter", "looser", *MODES, *get_args(Verdict)}
)
"""What may have become of a command or a verdict, and of what learns from it."""


def correlation(name: NodeName, event_id: str) -> str:
    """Binds the messages of one event; hashed, so that it carries nothing but being the same."""
    return hashlib.sha256(f"{name} {event_id}".encode()).hexdigest()[:16]


def _declared(what: str, value: str, allowed: frozenset[str] | set[str], *, empty: bool = False) -> str:
    if value in allowed or (empty and value == ""):
        return str(value)
    raise Refused("not-declared", f"a {what} that neither contract nor configuration declares")


def _severity(value: str) -> Severity:
    return Severity(_declared("severity", value, _SEVERITIES))


def _optional(value: float | None, *, decimals: int) -> float | None:
    return None if value is None else rounded(value, decimals=decimals)


def _plain(kind: Callable[..., T], **members: Any) -> T:
    """A part of a payload that is checked with the whole."""
    return kind(**members)


def _made(kind: type[T], **members: Any) -> T:
    """A payload part held to every limit of its type, which plain construction does not check."""
    try:
        made: T = _DECODERS[kind].decode(_ENCODER.encode(kind(**members)))
    except msgspec.ValidationError as error:
        raise Refused("not-declared", f"{kind.__name__} outside the limits of the contract") from error
    return made
