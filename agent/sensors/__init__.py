"""Sensors: where numbers come from that are not pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from agent.records import Observation


class Sensor(Protocol):
    """One thing that can be read.

    `read(at)` gives what it measures at that moment, stamped with `at`; nothing when it has nothing
    new to say. A part that fails for a while is an Observation of its health (`<id>/fault = 1`), a
    part that is not there at all raises SensorError from the constructor.
    """

    @property
    def period_s(self) -> float:
        """How often it wants to be read."""
        ...

    def read(self, at: float) -> Iterable[Observation]: ...
    def close(self) -> None: ...


SENSORS = {
    "pir": "agent.sensors.gpio:Pir",
    "door": "agent.sensors.gpio:Door",
    "tamper": "agent.sensors.gpio:Tamper",
    "button": "agent.sensors.gpio:HelpButton",
    "distance": "agent.sensors.gpio:Distance",
    "iio": "agent.sensors.iio:Iio",
    "host": "agent.sensors.host:Host",
    "scripted": "agent.sensors.scripted:Scripted",
}
"""Driver name -> module:class, imported only when a configuration names it."""
