"""Common Alerting Protocol 1.2 (OASIS, 2010): an alert for people who act, only after a person confirmed it.

A machine's event alone never becomes an alert: the verdict `useful`, signed by an operator or the
police, must name it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime

from agent.contract.envelope import Envelope
from agent.contract.sentences import sentence
from agent.contract.types import AckData, EventData
from agent.errors import Refused
from agent.records import Phase, Severity

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
EXPIRES_S = 3600
"""An alert that nobody renews ends after an hour."""

_SEVERITIES = {
    Severity.INFO: "Minor",
    Severity.NOTICE: "Minor",
    Severity.WARNING: "Moderate",
    Severity.ALARM: "Severe",
}


def alert(event: Envelope, verdict: Envelope, *, comune: str, language: str = "en") -> str:
    """The XML of one alert; Refused('not-confirmed') unless the verdict is a person's `useful` on this event."""
    data = event.data
    if not isinstance(data, EventData) or not confirms(verdict, event):
        raise Refused("not-confirmed", "no person has called this event useful")
    root = ET.Element("alert", xmlns=NAMESPACE)
    closed = data.phase is Phase.CLOSED
    _fill(
        root,
        identifier=f"{event.topic.name}/{event.seq}".replace("/", "."),
        sender=str(verdict.maker).replace("/", "."),
        sent=_time(verdict.at),
        status="Actual",
        msgType="Cancel" if closed else "Alert",
        scope="Restricted",
        restriction="the parties of the union's agreements",
    )
    _info(ET.SubElement(root, "info"), event, data, comune=comune, language=language)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")


def confirms(verdict: Envelope, event: Envelope) -> bool:
    """Whether a verdict is a person's word that this event is useful."""
    said = verdict.data
    return (
        isinstance(said, AckData)
        and said.verdict == "useful"
        and said.node == str(event.topic.name)
        and said.event == event.payload.correlationid
        and verdict.key.role in ("operator", "police")
    )


def _info(info: ET.Element, event: Envelope, data: EventData, *, comune: str, language: str) -> None:
    severity = event.payload.severity or Severity.INFO
    _fill(
        info,
        language=language,
        category="Security" if event.topic.type in ("tamper", "help-button", "report") else "Safety",
        event=event.topic.type,
        urgency="Past" if data.phase is Phase.CLOSED else "Immediate",
        severity=_SEVERITIES[severity],
        certainty="Observed",
        effective=_time(event.at),
        expires=_time(event.at + EXPIRES_S),
        headline=f"{comune}: {event.topic.type}",
        description=sentence(data),
    )
    _fill(ET.SubElement(info, "area"), areaDesc=f"{comune}, {event.topic.name.node} {data.zone}".rstrip())


def _fill(parent: ET.Element, **texts: str) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = text


def _time(at: float) -> str:
    """With an offset in figures: the standard forbids the letter Z."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S-00:00")
