"""A sensor whose readings are written down beforehand: for worlds, replay and demonstrations.

A reading carries the moment of the script, not the moment at which it was asked for, so the period
of reading never changes what a world says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from agent.errors import SensorError
from agent.records import Observation
from agent.sensors.settings import ScriptedSettings

Series = Sequence[tuple[float, float]]
"""`(t_s, value)` in order of time; `t_s` counts from the start of the world."""


class Scripted:
    """Tells the readings of `series` as their time comes; `start` is the instant of `t_s = 0`."""

    def __init__(self, settings: ScriptedSettings, *, series: Series | None, start: float) -> None:
        if series is None:
            raise SensorError(
                f"sensor '{settings.id}': driver 'scripted' has no readings here",
                hint=f"list them in the world under 'sensors: {settings.id}:', or choose the driver of a real part",
            )
        if any(later[0] < earlier[0] for earlier, later in pairwise(series)):
            raise SensorError(f"sensor '{settings.id}': its readings go back in time", hint="sort them by t_s")
        self._settings = settings
        self._coming = [(start + t_s, float(value)) for t_s, value in reversed(series)]
        self._last: float | None = None

    @property
    def period_s(self) -> float:
        return self._settings.period_s

    def read(self, at: float) -> Iterator[Observation]:
        """What the script says up to `at`, then the held value where the settings ask for it."""
        stamp: float | None = None
        while self._coming and self._coming[-1][0] <= at:
            stamp, self._last = self._coming.pop()
            yield self._told(self._last, stamp)
        if self._settings.hold and self._last is not None and stamp != at:
            yield self._told(self._last, at)

    def close(self) -> None:
        """Forget what has not been told."""
        self._coming.clear()

    def _told(self, value: float, at: float) -> Observation:
        return Observation(self._settings.id, self._settings.quantity, value, at)
