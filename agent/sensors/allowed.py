"""A sensor that is asked only while something allows it: it is opened when that begins and closed when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.records import Observation
from agent.sensors import Sensor


@dataclass(slots=True)
class Allowed:
    """`open_it` opens the sensor, `allows` says whether it may be asked at an instant."""

    period_s: float
    open_it: Callable[[], Sensor]
    allows: Callable[[float], bool]
    _sensor: Sensor | None = None

    def read(self, at: float) -> Iterator[Observation]:
        """What it says, or nothing while it may say nothing."""
        if not self.allows(at):
            self.close()
            return
        if self._sensor is None:
            self._sensor = self.open_it()
        yield from self._sensor.read(at)

    def close(self) -> None:
        """Let go of it, until it may be asked again."""
        if self._sensor is not None:
            self._sensor.close()
            self._sensor = None
