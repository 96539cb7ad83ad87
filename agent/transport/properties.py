"""What MQTT 5 says beside a message, in the types of paho; 3.1.1 has none of it."""

from __future__ import annotations

from functools import cache
from typing import Any

from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.transport import Exchange


class _Packed(Properties):
    """Properties that are turned into bytes once: doing it for each message costs as much as sending it."""

    _packed: bytes

    def __init__(self, packed: bytes) -> None:
        super().__init__(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        object.__setattr__(self, "_packed", packed)  # the class refuses names that are no property

    def pack(self) -> bytes:
        return self._packed


@cache
def expiring(seconds: int) -> Properties:
    """One for each of the few expiries."""
    return _Packed(properties_of(PacketTypes.PUBLISH, MessageExpiryInterval=seconds).pack())  # type: ignore[no-untyped-call]


def telling(it: Exchange, expires_s: int | None) -> Properties:
    said = {"CorrelationData": it.correlation, "ResponseTopic": it.topic, "MessageExpiryInterval": expires_s}
    return properties_of(PacketTypes.PUBLISH, **{name: value for name, value in said.items() if value})


def told(message: MQTTMessage) -> Exchange | None:
    correlation = getattr(message.properties, "CorrelationData", None)
    return Exchange(getattr(message.properties, "ResponseTopic", ""), bytes(correlation)) if correlation else None


def properties_of(packet: int, **values: Any) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties
