"""ONVIF events in JSON, as a device publishes them over MQTT (Core Specification, JSON event messages).

The same members make a `tt:Message` in XML, which is what ONVIF's own schema describes.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from agent.contract.envelope import Envelope
from agent.contract.types import EventData
from agent.records import Phase

NAMESPACE = "http://www.onvif.org/ver10/schema"
_TOPICS = {
    "crossing": "tns1:RuleEngine/LineDetector/Crossed",
    "loitering": "tns1:RuleEngine/LoiteringDetector/ObjectIsLoitering",
    "occupancy": "tns1:RuleEngine/CountAggregation/Counter",
    "tamper": "tns1:VideoSource/GlobalSceneChange/AnalyticsService",
    "help-button": "tns1:Device/Trigger/DigitalInput",
    "report": "tns1:Device/Trigger/DigitalInput",
    "sensor": "tns1:Device/HardwareFailure",
    "anomaly": "tns1:RuleEngine/MyRuleDetector/Anomaly",
}
_OPERATIONS = {Phase.OPENED: "Initialized", Phase.UPDATED: "Changed", Phase.CLOSED: "Deleted"}

Message = dict[str, Any]


def message(envelope: Envelope) -> Message | None:
    """Topic, source and data of an event; None for other classes."""
    data = envelope.data
    if not isinstance(data, EventData):
        return None
    return {
        "Topic": _TOPICS[envelope.topic.type],
        "UtcTime": envelope.payload.time,
        "PropertyOperation": _OPERATIONS[data.phase],
        "Source": {"Source": data.source, "Rule": data.rule, "Node": str(envelope.topic.name)},
        "Key": {"ObjectId": envelope.payload.correlationid or envelope.payload.id},
        "Data": {
            "State": data.phase is not Phase.CLOSED,
            "Zone": data.zone,
            "ClassType": data.label,
            "Observed": data.reason.observed,
            "Expected": data.reason.expected,
        },
    }


def xml(said: Message) -> str:
    """The same as `tt:Message`."""
    root = ET.Element("tt:Message", {"xmlns:tt": NAMESPACE, "UtcTime": said["UtcTime"],
                                     "PropertyOperation": said["PropertyOperation"]})  # fmt: skip
    for part in ("Source", "Key", "Data"):
        group = ET.SubElement(root, f"tt:{part}")
        for name, value in said[part].items():
            if value is not None:
                ET.SubElement(group, "tt:SimpleItem", Name=name, Value=_text(value))
    return ET.tostring(root, encoding="unicode")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
