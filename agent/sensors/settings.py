"""What a configuration may say of a sensor: a tagged union on `driver`.

Pins are counted as Broadcom does (GPIO17, not header pin 11). Times carry their unit in the name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from agent.contract.topics import NAME, NAMED

Id = Annotated[str, Meta(pattern=NAME, description=NAMED)]
Pin = Annotated[int, Meta(ge=0, le=27)]
Quantity = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,32}$")]
Seconds = Annotated[float, Meta(gt=0.0, le=86400.0)]
Level = Literal["high", "low"]
Measure = Literal[
    "temperature_c", "humidity_pct", "pressure_hpa", "light_lx", "gas_ohm", "co2_ppm", "voc_ppm",
    "pm1_ug_m3", "pm2p5_ug_m3", "pm10_ug_m3", "distance_m",
]  # fmt: skip
Pull = Literal["up", "down", "none"]


class _Sensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all drivers share."""

    id: Id


class _Contact(_Sensor, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One digital input: which level means yes, how long it must hold, when it is not to be believed.

    `stuck_s` of null means that staying active is normal.
    """

    quantity: ClassVar[str]
    pin: Pin
    active: Level = "high"
    pull: Pull = "up"
    bounce_s: Annotated[float, Meta(ge=0.0, le=5.0)] = 0.05
    chatter_per_min: Annotated[int, Meta(ge=2, le=6000)] = 60
    stuck_s: Seconds | None = None
    period_s: Annotated[float, Meta(gt=0.0, le=60.0)] = 0.5


class PirSettings(_Contact, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="driver", tag="pir"):
    """A passive infrared motion detector with a push-pull output."""

    quantity: ClassVar[str] = "motion"
    pull: Pull = "down"
    chatter_per_min: Annotated[int, Meta(ge=2, le=6000)] = 40
    stuck_s: Seconds | None = 3600.0


class DoorSettings(_Contact, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="driver", tag="door"):
    """A reed contact to ground that the closed door keeps shut: open, or a cut wire, reads high."""

    quantity: ClassVar[str] = "open"


class TamperSettings(_Contact, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="driver", tag="tamper"):
    """A loop to ground through the lid switch: lifted lid or cut wire reads high."""

    quantity: ClassVar[str] = "tampered"


class ButtonSettings(_Contact, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="driver", tag="button"):
    """A push button to ground for somebody who asks for help."""

    quantity: ClassVar[str] = "pressed"
    active: Level = "low"
    bounce_s: Annotated[float, Meta(ge=0.0, le=5.0)] = 0.03
    stuck_s: Seconds | None = 30.0


class DistanceSettings(
    _Sensor, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="driver", tag="distance"
):
    """An ultrasonic ranger with trigger and echo (HC-SR04); echo needs a divider to 3.3 V."""

    trigger: Pin
    echo: Pin
    max_m: Annotated[float, Meta(gt=0.0, le=10.0)] = 4.0
    period_s: Annotated[float, Meta(ge=0.5, le=3600.0)] = 2.0


class IioSettings(_Sensor, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="driver", tag="iio"):
    """A part that the kernel serves as an IIO device, found by its name (`bme280`) or its label.

    Without `quantities` every channel that is known is read.
    """

    device: Annotated[str, Meta(min_length=1, max_length=64)]
    quantities: tuple[Measure, ...] = ()
    period_s: Annotated[float, Meta(gt=0.0, le=3600.0)] = 30.0


class HostSettings(_Sensor, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="driver", tag="host"):
    """The computer itself; `disk` is a folder on the disk whose space and wear are watched."""

    id: Id = "host"
    disk: str = "/var/lib/piazza"
    period_s: Annotated[float, Meta(gt=0.0, le=3600.0)] = 30.0


class LampSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The lamp that shows the public that this node is watching; it goes dark `dark_after_s` unfed."""

    pin: Pin
    active: Level = "high"
    dark_after_s: Annotated[float, Meta(ge=2.0, le=120.0)] = 10.0


class AudioSettings(_Sensor, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="driver", tag="audio"):
    """A microphone by its ALSA name, or a recording instead; only where the configuration says `sound: true`.

    `full_scale_db` is the sound pressure level for which a sine of full scale stands.
    """

    id: Id = "microphone"
    device: Annotated[str, Meta(min_length=1, max_length=64)] = "default"
    file: str = ""
    full_scale_db: Annotated[float, Meta(ge=60.0, le=180.0)] = 120.0
    period_s: Annotated[float, Meta(ge=0.5, le=3.0)] = 1.0


class ScriptedSettings(
    _Sensor, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="driver", tag="scripted"
):
    """Readings written in the world of a replay, under this sensor's id.

    With `hold` the latest reading is told again at every read, as the real inputs do.
    """

    quantity: Quantity = "value"
    hold: bool = False
    period_s: Annotated[float, Meta(gt=0.0, le=3600.0)] = 1.0


SensorSettings = (
    PirSettings
    | DoorSettings
    | TamperSettings
    | ButtonSettings
    | DistanceSettings
    | IioSettings
    | HostSettings
    | AudioSettings
    | ScriptedSettings
)


def pins(parts: Iterable[SensorSettings | LampSettings | None]) -> list[str]:
    """The pins that parts claim, each as often as it is claimed: `GPIO17`."""
    claims = (getattr(part, role, None) for part in parts for role in ("pin", "trigger", "echo"))
    return [f"GPIO{pin}" for pin in claims if pin is not None]
