"""Home Assistant MQTT discovery: health and state of a node, and nothing else of it.

Home Assistant reads no signed envelopes, so what it shows is published again, unsigned, under a
prefix of its own, for the maintainer's own house and not for the union's broker.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from agent.contract.envelope import Envelope
from agent.contract.types import HealthData, StateData

PREFIX = "homeassistant"
STATES = "piazza-home"
_UNITS = {"_c": ("°C", "temperature"), "_pct": ("%", None), "_mb": ("MB", "data_size"), "_s": ("s", "duration")}


def messages(envelope: Envelope) -> Iterator[tuple[str, str]]:
    """Topic and payload of discovery and values, all to be retained; nothing for other classes."""
    match envelope.data:
        case StateData():
            yield _discovery(envelope, "binary_sensor", "up", {"device_class": "connectivity"})
            yield _topic(envelope, "up"), "ON" if envelope.data.status == "up" else "OFF"
        case HealthData():
            for name, value in sorted(envelope.data.values.items()):
                yield _discovery(envelope, "sensor", name, _measured(name))
                yield _topic(envelope, name), f"{value:g}"


def _discovery(envelope: Envelope, component: str, name: str, more: dict[str, str]) -> tuple[str, str]:
    node = _flat(str(envelope.topic.name))
    settings = {
        "name": name.replace("/", " "),
        "unique_id": f"{node}_{_flat(name)}",
        "state_topic": _topic(envelope, name),
        "expire_after": 1800,
        **more,
        "device": {"identifiers": [node], "name": str(envelope.topic.name), "manufacturer": "Piazza"},
    }
    return f"{PREFIX}/{component}/{node}/{_flat(name)}/config", json.dumps(settings)


def _measured(name: str) -> dict[str, str]:
    for ending, (unit, kind) in _UNITS.items():
        if name.endswith(ending):
            return {"unit_of_measurement": unit, "state_class": "measurement"} | (
                {"device_class": kind} if kind else {}
            )
    return {"state_class": "measurement"}


def _topic(envelope: Envelope, name: str) -> str:
    return f"{STATES}/{_flat(str(envelope.topic.name))}/{_flat(name)}"


def _flat(name: str) -> str:
    """Discovery takes letters, digits, hyphen and underscore."""
    return name.replace("/", "_")
