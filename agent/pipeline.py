r"""How the rooms join: watch (frames to observations), read (sensors), decide (observations to records).

    camera.frames() -> masked -> eye.observe -\
    sensor.read(at)  ------------------------- > merged -> Decider.update -> records
    ticks ------------------------------------/

Streams are generators. The live node drains them with threads through one bounded queue; replay and
tests merge them by time in one thread. Nothing else differs.
"""

from __future__ import annotations

import heapq
import math
import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.anomaly.engine import Engine
from agent.anomaly.tally import Tally
from agent.camera import Camera
from agent.clock import CLOCK, Clock
from agent.errors import CameraError, CameraStalled
from agent.pixels import Frame
from agent.records import Health, Observation, Record
from agent.sensors import STATES, Sensor
from agent.vision.masks import masked
from agent.vision.settings import Polygon

Stream = Iterator[Observation]


class Observer(Protocol):
    """What turns one frame into numbers: the Eye."""

    def observe(self, frame: Frame) -> Iterable[Observation]: ...


def watch(name: str, camera: Camera, masks: Sequence[Polygon], eye: Observer) -> Stream:
    """What a camera's frames say; nobody sees a frame before its masks were applied."""
    try:
        for frame in masked(camera.frames(), masks):
            yield from eye.observe(frame)
    except (CameraError, CameraStalled) as error:
        error.camera = name
        raise


def read(sensor: Sensor, clock: Clock, *, until: float = math.inf) -> Stream:
    """What a sensor says, asked at its own period until the clock reaches `until`."""
    while (at := clock.now()) < until:
        yield from sensor.read(at)
        clock.sleep(sensor.period_s)


def ticks(clock: Clock, *, lag_s: float = 0.0, until: float = math.inf) -> Stream:
    """Every whole second once, `lag_s` after it passed, so that slower streams come first."""
    told = -math.inf
    while True:
        second = math.floor(clock.now() - lag_s) + 1
        if second == told:  # the sleep was short by less than the clock can tell
            second += 1
        if second > until:
            return
        clock.sleep(second + lag_s - clock.now())
        told = second
        yield Observation(CLOCK, "tick", 1.0, float(second))


def merged(streams: Sequence[Stream]) -> Stream:
    """Finite streams in order of time, in this thread; at equal times the earlier stream first."""
    return heapq.merge(*streams, key=lambda observation: observation.at)


@dataclass(slots=True)
class LiveMerge:
    """Streams drained by a thread each, as they come, through one bounded, blocking queue.

    The merge ends when every stream of `finite` has ended (files do, cameras do not) or after
    `stop()`. What a stream raises is raised to whoever iterates.
    """

    finite: Sequence[Stream]
    endless: Sequence[Stream]
    capacity: int = 256
    _queue: queue.Queue[Observation | BaseException | None] = field(init=False)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._queue = queue.Queue(maxsize=self.capacity)

    def __iter__(self) -> Stream:
        for stream in (*self.finite, *self.endless):
            threading.Thread(target=self._drain, args=(stream,), daemon=True).start()
        waiting = len(self.finite)
        while not self._stopped.is_set():
            item = self._queue.get()
            if isinstance(item, BaseException):
                raise item
            if item is not None:
                yield item
            elif (waiting := waiting - 1) <= 0:
                return

    def stop(self) -> None:
        """End the iteration soon; safe to call from a signal handler."""
        self._stopped.set()

    def _drain(self, stream: Stream) -> None:
        try:
            for observation in stream:
                self._queue.put(observation)
            end = None
        except BaseException as error:  # the main thread decides what it means
            end = error
        if end is not None or any(stream is one for one in self.finite):
            self._queue.put(end)


@dataclass(slots=True)
class Vitals:
    """The latest numbers about the machine, its cameras and the state of its sensors, told every `period_s`."""

    sources: frozenset[str]
    period_s: float = 60.0
    _latest: dict[str, float] = field(default_factory=dict)
    _due: float | None = None

    def see(self, observation: Observation) -> None:
        """Keep a number of the host as it is, a camera's own and a sensor's state under their ids."""
        if observation.quantity in STATES:
            self._latest[f"{observation.source}/{observation.quantity}"] = observation.value
        elif observation.source in self.sources:
            self._latest[observation.quantity] = observation.value
        elif observation.quantity.startswith("camera/"):
            self._latest[f"{observation.source}/{observation.quantity.removeprefix('camera/')}"] = observation.value

    def advance(self, at: float) -> list[Health]:
        """One Health record when it is due and something is known."""
        if self._due is None:
            self._due = at + self.period_s
        return self.report(at) if at >= self._due else []

    def report(self, at: float) -> list[Health]:
        """One Health record now, if anything is known."""
        if not self._latest:
            return []
        self._due = at + self.period_s
        return [Health(at, tuple(sorted(self._latest.items())))]


@dataclass(slots=True)
class Decider:
    """Observations in, records for the outbox out."""

    engine: Engine
    tally: Tally
    vitals: Vitals

    def update(self, observation: Observation) -> list[Record]:
        """What one observation, or the passing of one second, makes worth telling."""
        if observation.source == CLOCK:
            at = observation.at
            return [*self.engine.advance(at), *self.tally.advance(at), *self.vitals.advance(at)]
        self.vitals.see(observation)
        return [*self.engine.update(observation), *self.tally.update(observation)]
