"""Parts on the pins of a Raspberry Pi: the only file that imports gpiozero.

Edges are stamped in the library's callback thread and wait in a bounded queue for `read`, which is
the only one to think about them (`agent.sensors.contact`). The pin's level is sampled at every read
too, so an edge that was lost is made good half a second later.
"""

from __future__ import annotations

import logging
import queue
import statistics
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import gpiozero

from agent.clock import Clock
from agent.errors import SensorError
from agent.records import Observation
from agent.sensors.contact import Contact, Edge
from agent.sensors.settings import (
    ButtonSettings,
    DistanceSettings,
    DoorSettings,
    LampSettings,
    PirSettings,
    TamperSettings,
)
from agent.sensors.states import States

T = TypeVar("T")
InputSettings = PirSettings | DoorSettings | TamperSettings | ButtonSettings

EDGES = 256
"""Edges that may wait between two reads; more than that is chatter, and the rest may be lost."""
PINGS = 3
PING_APART_S = 0.06
ECHO_S = 0.25
"""The longest echo of the HC-SR04 and its copies when nothing is in range, with some reserve."""
SOUND_M_S = 343.3
"""Speed of sound in dry air at 20 °C; it is 3.5 % less at 0 °C."""

log = logging.getLogger(__name__)


class Input:
    """A contact or a detector with a digital output: PIR, door, tamper switch, help button.

    gpiozero's own MotionSensor and Button are not used: the first samples ten times a second in a
    thread of its own, the second bounces in the pin factory, which not every factory does.
    """

    def __init__(self, settings: InputSettings, *, clock: Clock, factory: Any = None) -> None:
        self._settings = settings
        self._clock = clock
        self._factory = factory
        self._states = States(settings.id)
        self._edges: queue.Queue[Edge] = queue.Queue(maxsize=EDGES)
        self._device: Any = _opened(settings.id, settings.pin, self._input)
        """None while the chip of the pin is gone."""
        self._contact = Contact.starting(
            Edge(clock.now(), self._active(self._device.pin.state)),
            source=settings.id,
            quantity=settings.quantity,
            bounce_s=settings.bounce_s,
            chatter_per_min=settings.chatter_per_min,
            stuck_s=settings.stuck_s,
        )

    @property
    def period_s(self) -> float:
        return self._settings.period_s

    def read(self, at: float) -> Iterator[Observation]:
        """What the edges since the last read make of the level, then the level itself; `fault` while there is no pin."""
        sampled = self._sampled()
        yield from self._states.tell("fault", at, on=sampled is None)
        for edge in self._waiting():
            yield from self._contact.update(edge)
        if sampled is None:
            return
        if sampled != self._contact.raw:
            yield from self._contact.update(Edge(at, sampled))
        yield from self._contact.read(at)

    def close(self) -> None:
        if self._device is not None:
            _unheard(self._device)
            self._device.close()

    def _sampled(self) -> bool | None:
        """The level of the pin; None while its chip is gone, which is opened anew at every read until it is back."""
        try:
            self._device = self._device or _opened(self._settings.id, self._settings.pin, self._input)
            return self._active(self._device.pin.state)
        except Exception as error:  # the pin factories raise what their libraries raise
            if self._device is not None:
                log.warning("pin cannot be read", extra={"sensor": self._settings.id, "why": str(error)})
                _let_go(self._device)
                self._device = None
            return None

    def _input(self) -> Any:
        pull_up = {"up": True, "down": False, "none": None}[self._settings.pull]
        active = True if pull_up is None else None
        device = gpiozero.InputDevice(
            self._settings.pin, pull_up=pull_up, active_state=active, pin_factory=self._factory
        )
        device.pin.edges = "both"
        device.pin.when_changed = self._changed
        return device

    def _changed(self, _ticks: float, state: int) -> None:
        try:
            self._edges.put_nowait(Edge(self._clock.now(), self._active(state)))
        except queue.Full:
            return  # the next read samples the level

    def _active(self, state: int) -> bool:
        return bool(state) == (self._settings.active == "high")

    def _waiting(self) -> Iterator[Edge]:
        while True:
            try:
                yield self._edges.get_nowait()
            except queue.Empty:
                return


class Distance:
    """An ultrasonic ranger: the median of three pings at every read, as `distance_m`.

    gpiozero's DistanceSensor pings all day and goes on telling the last distance when the part is
    unplugged; here a part without echo is a `fault`. Nothing within `max_m` reads `max_m`.
    """

    def __init__(self, settings: DistanceSettings, *, clock: Clock, factory: Any = None) -> None:
        self._settings = settings
        self._clock = clock
        self._states = States(settings.id)
        self._fell = threading.Event()
        self._rise: float | None = None
        self._echo_s: float | None = None
        self._echo = _opened(
            settings.id, settings.echo, lambda: gpiozero.InputDevice(settings.echo, pin_factory=factory)
        )
        self._trigger = _opened(
            settings.id, settings.trigger, lambda: gpiozero.OutputDevice(settings.trigger, pin_factory=factory)
        )
        self._echo.pin.edges = "both"
        self._echo.pin.when_changed = self._heard

    @property
    def period_s(self) -> float:
        return self._settings.period_s

    def read(self, at: float) -> Iterator[Observation]:
        """The distance in metres, or a fault where no ping came back."""
        heard = [metres for _ in range(PINGS) if (metres := self._ping()) is not None]
        yield from self._states.tell("fault", at, on=not heard)
        if heard:
            yield Observation(self._settings.id, "distance_m", statistics.median(heard), at)

    def close(self) -> None:
        self._trigger.close()
        self._echo.close()

    def _ping(self) -> float | None:
        self._rise = self._echo_s = None
        self._fell.clear()
        self._trigger.on()
        self._clock.sleep(10e-6)
        self._trigger.off()
        self._fell.wait(ECHO_S)
        echo_s = self._echo_s
        self._clock.sleep(PING_APART_S)
        return None if echo_s is None else min(self._settings.max_m, echo_s * SOUND_M_S / 2)

    def _heard(self, ticks: float, state: int) -> None:
        if state:
            self._rise = ticks
        elif self._rise is not None:
            self._echo_s = self._echo.pin_factory.ticks_diff(ticks, self._rise)
            self._fell.set()


class PinLight:
    """A lamp on a pin; gpiozero's own thread ends what was asked for when nobody asks again."""

    def __init__(self, settings: LampSettings, *, factory: Any = None) -> None:
        self._led = _opened(
            "lamp",
            settings.pin,
            lambda: gpiozero.LED(settings.pin, active_high=settings.active == "high", pin_factory=factory),
        )

    def show(self, *, on_s: float, off_s: float, times: int) -> None:
        """Light up `times` times and stay dark then; replaces what was shown before."""
        self._led.blink(on_time=on_s, off_time=off_s, n=times)

    def dark(self) -> None:
        self._led.off()

    def close(self) -> None:
        self._led.off()
        self._led.close()


def _let_go(device: Any) -> None:
    """Close a device whose chip may be gone, and the library's hold on that chip, so that it is looked for anew.

    The library resets every pin before it lets go of a chip. On one that is gone that fails, and its thread would
    then ask the chip for edges for ever; so pins are forgotten first.
    """
    chip = device.pin_factory
    _unheard(device)
    if chip is gpiozero.Device.pin_factory:
        gpiozero.Device.pin_factory = None
        with suppress(Exception):
            chip.pins.clear()
            chip.close()
    with suppress(Exception):  # what is gone cannot be closed in order
        device.close()


def _unheard(device: Any) -> None:
    """Hear no more edges of a pin: the library's one thread ends over an edge for a pin whose chip it has let go."""
    with suppress(Exception):
        device.pin.when_changed = None


def _opened(name: str, pin: int, device: Callable[[], T]) -> T:
    """A gpiozero device, or SensorError that says why not and what to do; its warnings go to the log."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            opened = device()
        except gpiozero.BadPinFactory as error:
            raise SensorError(f"sensor '{name}': no GPIO on this machine ({_joined(said)})", hint=NO_GPIO) from error
        except gpiozero.GPIOPinInUse as error:
            raise SensorError(f"sensor '{name}': GPIO{pin} is used twice", hint="give each part its own pin") from error
        except Exception as error:  # the pin factories raise what their libraries raise
            raise SensorError(f"sensor '{name}': GPIO{pin}: {error}", hint=REFUSED) from error
    for warning in said:
        log.warning("gpio library warns", extra={"sensor": name, "said": str(warning.message)})
    return opened


NO_GPIO = "use a Raspberry Pi with python3-lgpio and read-write access to /dev/gpiochip0, or driver 'scripted'"
REFUSED = "see with 'gpioinfo' who holds the line, and that the group of /dev/gpiochip0 is one of the service's"


def _joined(said: list[warnings.WarningMessage]) -> str:
    return "; ".join(str(warning.message).removeprefix("Falling back from ") for warning in said)
