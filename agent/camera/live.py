"""Drains a live source in a thread of its own, and connects again when it is lost.

The rules: what happens before the first picture is somebody's mistake and ends the camera, unless it
is told to wait; a lost address is tried again for ever; a lost device ends the camera.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from agent.camera.newest import Newest
from agent.camera.pictures import Picture
from agent.clock import Clock
from agent.errors import CameraError, CameraStalled, PiazzaError

log = logging.getLogger(__name__)


class Shot(Protocol):
    """A picture that came and is not converted yet."""

    def rgb(self) -> Picture: ...


class Reader(Protocol):
    """An opened source; `shots` waits for each picture and ends or raises CameraError when lost."""

    def shots(self) -> Iterator[Shot]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """A picture with the instant at which it came, by the wall clock and by the monotonic one."""

    shot: Shot
    at: float
    monotonic: float


Pauses = Callable[[], Iterator[float]]
"""Makes the row of pauses between attempts, in seconds, begun anew after each success."""


class Feed:
    """The newest picture of one live source, drained from the moment that this is made.

    Without `pauses` a lost source ends the feed; `patient` says that even the first attempt may fail.
    `away` is True from a loss to the next connection: that is known, and no stall.
    """

    def __init__(
        self, name: str, *, opening: Callable[[], Reader], clock: Clock, pauses: Pauses | None, patient: bool = False
    ) -> None:
        self._name, self._opening, self._clock, self._pauses, self._patient = name, opening, clock, pauses, patient
        self._slot: Newest[Arrival] = Newest()
        self._count = 0
        self.away = False
        threading.Thread(target=self._run, name=f"camera-{name}", daemon=True).start()

    def take(self, *, timeout_s: float) -> Arrival | None:
        """The newest picture, once; None when none came in time. Raises what ended the feed."""
        return self._slot.take(timeout_s=timeout_s)

    def close(self) -> None:
        self._slot.close()

    def _run(self) -> None:
        try:
            self._hold()
        except BaseException as error:  # whoever takes next must hear of it, whatever it is
            self._slot.fail(error)

    def _hold(self) -> None:
        known, waits = -1, iter(tuple[float]())
        while lost := self._drain():
            self.away = True
            if self._pauses is None or not (self._count or self._patient):
                raise self._ending(lost)
            if self._count > known:
                known, waits = self._count, self._pauses()
            pause_s = next(waits)
            log.warning("camera lost", extra={"camera": self._name, "why": lost.message, "again_s": round(pause_s, 1)})
            self._slot.pause(pause_s)

    def _drain(self) -> CameraError | None:
        """Read until the source is lost, and say why; None once the feed is closed."""
        if self._slot.closed:
            return None
        try:
            reader = self._opening()
            self.away = False
            try:
                self._read(reader)
            finally:
                reader.close()
        except CameraError as error:
            return None if self._slot.closed else error
        return None if self._slot.closed else CameraError(f"camera '{self._name}': its stream ended")

    def _read(self, reader: Reader) -> None:
        for shot in reader.shots():
            if self._slot.closed:
                return
            self._slot.put(Arrival(shot, self._clock.now(), self._clock.monotonic()))
            self._count += 1

    def _ending(self, lost: CameraError) -> PiazzaError:
        """Before the first picture it is as it was said; later the camera worked and stopped."""
        if not self._count:
            return lost
        return CameraStalled(f"camera '{self._name}' stopped: {lost.message}", hint=lost.hint)
