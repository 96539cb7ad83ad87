"""Properties of MQTT 5 packets, built by paho."""

from __future__ import annotations

from functools import cache

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


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


def properties_of(packet: int, **values: int) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties
