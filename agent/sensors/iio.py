"""Sensors that the kernel serves through Industrial I/O: air, light, gas, distance.

Reads `/sys/bus/iio/devices/iio:deviceN/in_*` and turns the kernel's units (milli degrees, kilopascal,
...) into ours, as the kernel's `Documentation/ABI/testing/sysfs-bus-iio` defines them. A value that
cannot be is never told: it becomes the state `implausible`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import SensorError
from agent.records import Observation
from agent.sensors.settings import IioSettings
from agent.sensors.states import States

log = logging.getLogger(__name__)

_INPUT = re.compile(r"^in_([a-z]+)(?:\d+)?((?:_[a-z0-9]+)?)_(?:input|raw)$")


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of kernel channel: our quantity, the factor from the kernel's unit, what is plausible."""

    quantity: str
    factor: float
    least: float
    most: float


CHANNELS = {
    "temp": Channel("temperature_c", 1e-3, -60.0, 100.0),
    "humidityrelative": Channel("humidity_pct", 1e-3, 0.0, 105.0),
    "pressure": Channel("pressure_hpa", 10.0, 300.0, 1200.0),
    "illuminance": Channel("light_lx", 1.0, 0.0, 200_000.0),
    "resistance": Channel("gas_ohm", 1.0, 1.0, 1e9),
    "concentration_co2": Channel("co2_ppm", 1e4, 100.0, 100_000.0),
    "concentration_voc": Channel("voc_ppm", 1e4, 0.0, 10_000.0),
    "massconcentration_pm1": Channel("pm1_ug_m3", 1.0, 0.0, 10_000.0),
    "massconcentration_pm2p5": Channel("pm2p5_ug_m3", 1.0, 0.0, 10_000.0),
    "massconcentration_pm10": Channel("pm10_ug_m3", 1.0, 0.0, 10_000.0),
    "distance": Channel("distance_m", 1.0, 0.0, 100.0),
    "proximity": Channel("distance_m", 1.0, 0.0, 100.0),
}
"""Kernel channel type, with its modifier -> what we make of it."""


class Iio:
    """One IIO device, found by name or label again and again: its number may change while it is away."""

    def __init__(self, settings: IioSettings, *, root: Path = Path("/")) -> None:
        self._settings = settings
        self._devices = root / "sys/bus/iio/devices"
        self._states = States(settings.id)
        self._channels = self._chosen(_offered(self._folder()))

    @property
    def period_s(self) -> float:
        return self._settings.period_s

    def read(self, at: float) -> Iterator[Observation]:
        """What every channel says; `fault` where one could not be read, `implausible` where one lies."""
        failed: list[str] = []
        wrong: list[str] = []
        for name in self._channels:
            channel = CHANNELS[name]
            try:
                value = _measured(self._folder(), name) * channel.factor
            except (OSError, ValueError) as error:
                failed.append(f"{channel.quantity}: {error}")
                continue
            if channel.least <= value <= channel.most:
                yield Observation(self._settings.id, channel.quantity, value, at)
            else:
                wrong.append(f"{channel.quantity}: {value:g}")
        yield from self._told("fault", at, failed)
        yield from self._told("implausible", at, wrong)

    def close(self) -> None:
        """Nothing is held open between two reads."""

    def _told(self, state: str, at: float, reasons: Sequence[str]) -> Iterator[Observation]:
        for told in self._states.tell(state, at, on=bool(reasons)):
            if reasons:
                log.warning("sensor state", extra={"sensor": self._settings.id, "state": state, "said": reasons})
            yield told

    def _folder(self) -> Path:
        folders = sorted(self._devices.glob("iio:device*"))
        called = [folder for folder in folders if self._settings.device in _names(folder)]
        if len(called) == 1:
            return called[0]
        present = ", ".join(sorted(name for folder in folders for name in _names(folder))) or "none"
        where = f"sensor '{self._settings.id}': IIO device '{self._settings.device}'"
        if called:
            raise SensorError(
                f"{where} is there {len(called)} times", hint="give it a label in its overlay, and that here"
            )
        raise SensorError(f"{where} is not there", hint=f"IIO devices here: {present}; is its overlay in config.txt?")

    def _chosen(self, offered: Sequence[str]) -> tuple[str, ...]:
        if self._settings.quantities:
            return tuple(_source(quantity, offered) for quantity in self._settings.quantities)
        if not offered:
            raise SensorError(
                f"sensor '{self._settings.id}': IIO device '{self._settings.device}' measures nothing that is known",
                hint=f"known: {', '.join(sorted({one.quantity for one in CHANNELS.values()}))}",
            )
        return tuple(offered)


def _names(folder: Path) -> set[str]:
    return {text for file in ("name", "label") if (text := _text(folder / file))}


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _offered(folder: Path) -> list[str]:
    """The known channels of a device, each once, the better of two that give the same quantity."""
    matches = (_INPUT.match(file.name) for file in folder.iterdir())
    present = {match[1] + match[2] for match in matches if match}
    first = {CHANNELS[name].quantity: name for name in reversed(CHANNELS) if name in present}
    return list(reversed(first.values()))


def _source(quantity: str, offered: Sequence[str]) -> str:
    """The channel for a quantity: one that is there, else the one that ought to be."""
    of_it = [name for name, channel in CHANNELS.items() if channel.quantity == quantity]
    return next((name for name in of_it if name in offered), of_it[0])


def _measured(folder: Path, name: str) -> float:
    """A channel in the kernel's unit: ready-made, or (raw + offset) * scale."""
    kind, _, modifier = name.partition("_")
    tail = f"_{modifier}" if modifier else ""
    found = sorted((*folder.glob(f"in_{kind}{tail}_input"), *folder.glob(f"in_{kind}[0-9]*{tail}_input")))
    if found:
        return _number(found[0])
    raws = sorted((*folder.glob(f"in_{kind}{tail}_raw"), *folder.glob(f"in_{kind}[0-9]*{tail}_raw")))
    if not raws:
        raise FileNotFoundError(f"no in_{kind}{tail}_input or _raw")
    stem = raws[0].name.removesuffix("_raw")
    shared = (stem, f"in_{kind}{tail}", f"in_{kind}")
    return (_number(raws[0]) + _first(folder, shared, "offset", 0.0)) * _first(folder, shared, "scale", 1.0)


def _first(folder: Path, stems: Sequence[str], part: str, otherwise: float) -> float:
    files = (folder / f"{stem}_{part}" for stem in stems)
    present = next((file for file in files if file.exists()), None)
    return otherwise if present is None else _number(present)


def _number(file: Path) -> float:
    return float(file.read_text())
