"""The lamp that tells the public what this node does: lit while it watches, dark when it does not.

The pipeline feeds it. A feed buys `dark_after_s` of light and no more, so a pipeline that stands
still leaves a dark lamp behind, whatever still runs in the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from agent.sensors.settings import LampSettings


class Sight(StrEnum):
    """What the public is told."""

    WATCHING = "watching"
    COMMISSIONING = "commissioning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Blink:
    """One turn of a pattern; without a dark part it is steady light."""

    on_s: float
    off_s: float = 0.0


PATTERNS = {
    Sight.COMMISSIONING: Blink(1.0, 1.0),
    Sight.FAULT: Blink(0.25, 0.25),
}
"""What is not steady light: slow while a technician works here, fast when something is wrong."""


class Light(Protocol):
    """Something that shines; `show` replaces what was shown and goes dark by itself after `times`."""

    def show(self, *, on_s: float, off_s: float, times: int) -> None: ...
    def dark(self) -> None: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class Lamp:
    """Feeds a light; asks for more when half of what it bought has been used up."""

    light: Light
    dark_after_s: float
    _sight: Sight | None = None
    _bought: float = 0.0

    def feed(self, sight: Sight, at: float) -> None:
        """The pipeline works, and this is what it does; call it at least every few seconds."""
        if sight is self._sight and 0.0 <= at - self._bought < self.dark_after_s / 2:
            return
        pattern = PATTERNS.get(sight, Blink(self.dark_after_s))
        times = max(1, round(self.dark_after_s / (pattern.on_s + pattern.off_s)))
        self.light.show(on_s=pattern.on_s, off_s=pattern.off_s, times=times)
        self._sight, self._bought = sight, at

    def dark(self) -> None:
        """Nobody watches any more."""
        self._sight = None
        self.light.dark()

    def close(self) -> None:
        self.dark()
        self.light.close()


def open_lamp(settings: LampSettings) -> Lamp:
    """The lamp on its pin; SensorError where there is no such pin."""
    from agent.sensors.gpio import PinLight

    return Lamp(PinLight(settings), settings.dark_after_s)
