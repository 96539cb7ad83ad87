"""Sensors: where numbers come from that are not pictures."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from agent.clock import Clock
from agent.records import Observation

if TYPE_CHECKING:
    from agent.sensors.settings import SensorSettings


class Sensor(Protocol):
    """One thing that can be read.

    `read(at)` gives what it measured since it was last read, in order of time and nothing later than
    `at`; nothing when it has nothing to say. A part that fails for a while says so by the quantity
    `fault` (1, and 0 when it is well again); a part that is not there at all raises SensorError from
    the constructor.
    """

    @property
    def period_s(self) -> float:
        """How often it wants to be read."""
        ...

    def read(self, at: float) -> Iterable[Observation]: ...
    def close(self) -> None: ...


SENSORS = {
    "pir": "agent.sensors.gpio:Input",
    "door": "agent.sensors.gpio:Input",
    "tamper": "agent.sensors.gpio:Input",
    "button": "agent.sensors.gpio:Input",
    "distance": "agent.sensors.gpio:Distance",
    "iio": "agent.sensors.iio:Iio",
    "host": "agent.sensors.host:Host",
    "audio": "agent.sensors.audio:Audio",
    "scripted": "agent.sensors.scripted:Scripted",
}
"""Driver name -> module:class, imported only when a configuration names it."""

STATES = frozenset({"fault", "chatter", "stuck", "implausible"})
"""Quantities that say how far a sensor may be believed: 1 while it is so, 0 when it is over."""


def open_sensor(
    settings: SensorSettings,
    *,
    clock: Clock,
    root: Path = Path("/"),
    readings: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    start: float = 0.0,
) -> Sensor:
    """The sensor that `settings` name; SensorError when the part is not there.

    A driver's constructor takes its settings and, by keyword, those of `clock`, `root`, `series` and
    `start` that it needs. `readings` maps ids to the readings of scripted sensors, `start` is their
    first instant.
    """
    driver = _driver(str(settings.__struct_config__.tag))
    offered = {"clock": clock, "root": root, "series": (readings or {}).get(settings.id), "start": start}
    wanted = inspect.signature(driver).parameters.keys() & offered.keys()
    return cast("Sensor", driver(settings, **{name: offered[name] for name in wanted}))


def _driver(name: str) -> Any:
    module, _, kind = SENSORS[name].partition(":")
    return getattr(importlib.import_module(module), kind)
