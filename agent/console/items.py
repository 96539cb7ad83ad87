"""Messages as the page gets them: plain values, with the sentence ready to read."""

from __future__ import annotations

from typing import Any

import msgspec

from agent.contract.envelope import Envelope
from agent.contract.italian import ITALIAN
from agent.contract.sentences import sentence
from agent.contract.types import AckData, AuditData, EventData, HeadData, HealthData, StateData
from agent.records import Phase
from agent.subscriber.describe import describe

Item = dict[str, Any]


def happening(envelope: Envelope) -> str:
    """What binds all that is told of one happening."""
    return envelope.payload.correlationid or envelope.payload.id


def is_over(envelope: Envelope) -> bool:
    """Whether this is the last word of a happening."""
    return isinstance(envelope.data, EventData) and envelope.data.phase is Phase.CLOSED


def event_item(envelope: Envelope, mark: str) -> Item:
    """An event of a node, under the `id` of its happening."""
    data, payload = envelope.data, envelope.payload
    assert isinstance(data, EventData)
    return {
        "id": happening(envelope),
        **_of_message(envelope, mark),
        "type": envelope.topic.type,
        "severity": str(payload.severity or "info"),
        "phase": str(data.phase),
        "source": data.source,
        "zone": data.zone,
        "label": data.label,
        "rule": data.rule,
        "duration_s": data.duration_s,
        "sentence": sentence(data),
        "sentence_it": sentence(data, ITALIAN),
        "reasons": msgspec.to_builtins((data.reason, *data.also)),
        "quality": msgspec.to_builtins(data.quality),
        "unverified": data.quality.unverified,
    }


def proof_item(envelope: Envelope, mark: str) -> Item:
    """What proves one word of an event: its place in the chain, its digest, and the key that signed it."""
    assert isinstance(envelope.data, EventData)
    signed = {"phase": str(envelope.data.phase), "digest": envelope.digest, "kid": envelope.key.kid}
    return _of_message(envelope, mark) | signed


def verdict_item(envelope: Envelope) -> Item:
    """What somebody said of an event: the party and its role, never a person."""
    assert isinstance(envelope.data, AckData)
    return {
        "by": envelope.maker.node,
        "role": envelope.key.role,
        "verdict": envelope.data.verdict,
        "at": round(envelope.at, 3),
    }


def audit_item(envelope: Envelope, mark: str) -> Item:
    """An act that somebody may have to answer for."""
    assert isinstance(envelope.data, AuditData)
    data = envelope.data
    return {
        **_of_message(envelope, mark),
        "role": envelope.key.role,
        "action": data.action,
        "subject": data.subject,
        "outcome": data.outcome,
        "sentence": describe(envelope),
    }


def state_item(data: StateData) -> Item:
    """What a node says of itself."""
    return {"status": data.status, "agent": data.agent, "cfg": data.cfg, "model": data.model, "clock": str(data.clock)}


def health_item(envelope: Envelope) -> Item:
    """A node's own numbers."""
    assert isinstance(envelope.data, HealthData)
    return {"at": round(envelope.at, 3), "values": dict(envelope.data.values)}


def head_of(data: HeadData) -> int:
    """How many records a node says that it has made."""
    return data.seq


def _of_message(envelope: Envelope, mark: str) -> Item:
    name = envelope.topic.name
    return {
        "node": str(name),
        "comune": name.comune,
        "at": round(envelope.at, 3),
        "recorded_at": round(envelope.recorded_at, 3),
        "seq": envelope.seq,
        "mark": mark,
        "clock": str(envelope.payload.clock),
    }
