"""NGSI-LD (ETSI GS CIM 009) entities of the Smart Data Models: CrowdFlowObserved, Alert, Anomaly, DeviceMeasurement.

`simplified` members are what the models' own JSON schemas describe; `normalized` is what a context
broker takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.contract.envelope import Envelope
from agent.contract.sentences import sentence
from agent.contract.times import instant
from agent.contract.types import EventData, HealthData, StatData
from agent.records import Severity

Entity = dict[str, Any]

CONTEXT = [
    "https://raw.githubusercontent.com/smart-data-models/dataModel.Transportation/master/context.jsonld",
    "https://raw.githubusercontent.com/smart-data-models/dataModel.Alert/master/context.jsonld",
    "https://raw.githubusercontent.com/smart-data-models/dataModel.Device/master/context.jsonld",
    "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
]
_SEVERITIES = {
    Severity.INFO: "informational",
    Severity.NOTICE: "low",
    Severity.WARNING: "medium",
    Severity.ALARM: "high",
}
_TOWARDS = ("entered", "in")
_AWAY = ("left", "out")
_LINKS = ("alertSource", "detectedBy", "refDevice")


def entities(envelope: Envelope) -> Iterator[Entity]:
    """What an envelope says, as simplified entities; nothing for classes that no model describes."""
    match envelope.data:
        case StatData():
            yield from _flows(envelope, envelope.data)
        case EventData() if envelope.topic.type == "anomaly":
            yield _anomaly(envelope, envelope.data)
        case EventData():
            yield _alert(envelope, envelope.data)
        case HealthData():
            yield from _measurements(envelope, envelope.data)


def normalized(entity: Entity) -> Entity:
    """The same for a context broker: each member a Property or a Relationship."""
    made: Entity = {"@context": CONTEXT, "id": entity["id"], "type": entity["type"]}
    for name, value in entity.items():
        if name in _LINKS:
            made[name] = {"type": "Relationship", "object": value}
        elif name not in ("id", "type"):
            made[name] = {"type": "Property", "value": value}
    return made


def _flows(envelope: Envelope, data: StatData) -> Iterator[Entity]:
    """One for each zone or line in which people were counted."""
    places = sorted({name.split("/")[0] for name in data.values if name.count("/") == 2})  # noqa: PLR2004
    for place in places:
        people = {
            name.split("/")[2]: value for name, value in data.values.items() if name.startswith(f"{place}/person/")
        }
        towards = sum(people.get(name, 0.0) for name in _TOWARDS)
        away = sum(people.get(name, 0.0) for name in _AWAY)
        if people:
            yield {
                "id": _id("CrowdFlowObserved", envelope, place),
                "type": "CrowdFlowObserved",
                "dateObserved": f"{data.since}/{data.until}",
                "dateObservedFrom": data.since,
                "dateObservedTo": data.until,
                "name": place,
                "peopleCount": towards + away,
                "peopleCountTowards": towards,
                "peopleCountAway": away,
                "source": _device(envelope),
                "description": f"observed for {data.coverage:.0%} of the time",
            }


def _alert(envelope: Envelope, data: EventData) -> Entity:
    return {
        "id": _id("Alert", envelope),
        "type": "Alert",
        "alertSource": _device(envelope),
        "category": "security",
        "subCategory": envelope.topic.type,
        "dateIssued": instant(envelope.at),
        "severity": _SEVERITIES[envelope.payload.severity or Severity.INFO],
        "description": sentence(data),
        "name": data.rule,
    }


def _anomaly(envelope: Envelope, data: EventData) -> Entity:
    reason = data.reason
    made: Entity = {
        "id": _id("Anomaly", envelope),
        "type": "Anomaly",
        "anomalousProperty": reason.quantity,
        "dateDetected": instant(envelope.at),
        "detectedBy": _device(envelope),
        "description": sentence(data),
        "name": data.rule,
    }
    if reason.expected is not None:
        breach = {
            "measuredValue": reason.observed,
            "thresholdValue": reason.expected,
            "thresholdType": "UPPER" if reason.observed > reason.expected else "LOWER",
            "dateObserved": instant(envelope.at),
        }
        made["thresholdBreach"] = [breach]
    return made


def _measurements(envelope: Envelope, data: HealthData) -> Iterator[Entity]:
    for name, value in sorted(data.values.items()):
        yield {
            "id": _id("DeviceMeasurement", envelope, name),
            "type": "DeviceMeasurement",
            "controlledProperty": name,
            "dateObserved": instant(envelope.at),
            "numValue": value,
            "refDevice": _device(envelope),
        }


def _id(kind: str, envelope: Envelope, part: str = "") -> str:
    tail = f":{part.replace('/', '-')}" if part else ""
    return f"urn:ngsi-ld:{kind}:{str(envelope.topic.name).replace('/', ':')}:{envelope.seq}{tail}"


def _device(envelope: Envelope) -> str:
    return f"urn:ngsi-ld:Device:{str(envelope.topic.name).replace('/', ':')}"
