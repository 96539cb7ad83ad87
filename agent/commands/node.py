"""The running node: one thread that takes what all streams give, decides, and feeds the spool.

The invariant: the watchdog is fed by work done (every camera saw, the outbox took a write), and
whatever ends this loop leaves the outbox committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent.anomaly.feedback import Feedback
from agent.anomaly.lost import LostCameras
from agent.clock import CLOCK, SystemClock
from agent.commands import floor
from agent.commands.orders import Orders
from agent.commands.renewal import Renewal
from agent.commands.visit import Visit
from agent.contract.types import StateData
from agent.errors import CameraError, CameraStalled
from agent.files import replace_whole, write_atomic
from agent.notify import Pulse
from agent.pipeline import Decider, LiveMerge
from agent.records import Audit, Event, Health, Observation, Record
from agent.sensors.lamp import Lamp, Sight
from agent.uplink.spool import Every, Spool

OUTBOX = "outbox"
"""What beats in the pulse besides the cameras."""
SAVE_S = 290.0
"""How much of what was learned a power cut may take: less than five minutes."""
RESYNC_S = 10.0


@dataclass(slots=True)
class Node:
    """Owned by one thread; only `stop` may be called from elsewhere."""

    clock: SystemClock
    spool: Spool
    decider: Decider
    lost: LostCameras
    pulse: Pulse
    merge: LiveMerge
    learned: Path
    state: Callable[[], StateData]
    lamp: Lamp | None = None
    numbers: Numbers | None = None
    renewal: Renewal | None = None
    visit: Visit | None = None
    orders: Orders = field(init=False)
    _save: Every = field(default_factory=lambda: Every(SAVE_S))
    _resync: Every = field(default_factory=lambda: Every(RESYNC_S))
    _saved: bytes = b""
    _ready: bool = False

    def __post_init__(self) -> None:
        self.orders = Orders(self.spool, self.decider, self.stop, Feedback(self.decider.engine))

    def run(self) -> None:
        """Until the end of a finite source or `stop`; a camera that fails is told and raised."""
        failed = True
        try:
            for observation in self.merge:
                self._take(observation)
            failed = False
        except (CameraError, CameraStalled) as error:
            self._put_all(self.lost.failed(error.camera, self.clock.now()))
            raise
        finally:
            self.pulse.notify.stopping()
            self._save_learned()
            self.spool.close(self.state(), failed=failed)
            if self.lamp:
                self.lamp.close()

    def stop(self) -> None:
        """End soon; may be called from a signal handler."""
        self.merge.stop()

    def _take(self, observation: Observation) -> None:
        if self.numbers:
            self.numbers.see(observation)
        if self.renewal:
            self.renewal.see(observation)
        if self.visit:
            self.visit.see(observation)
        self._put_all([*self._seen(observation), *self.orders.told(self.decider.update(observation))])
        if observation.source == CLOCK:
            self._each_second(observation.at)

    def _seen(self, observation: Observation) -> list[Event]:
        """A sign of life of a camera; ready means that the first frame was understood."""
        if observation.source not in self.pulse.parts:
            return []
        self.pulse.beat(observation.source, self.clock.monotonic())
        self._say_ready()
        return self.lost.seen(observation.source, observation.at)

    def _say_ready(self) -> None:
        if not self._ready:
            self._ready = True
            self.pulse.notify.ready("watching")

    def _put_all(self, records: Iterable[Record]) -> None:
        put = False
        for record in records:
            self.spool.put(record)
            put |= not isinstance(record, Health)
        if put:
            self.spool.flush()

    def _each_second(self, at: float) -> None:
        for asked in self.spool.tick(at):
            if self.visit:
                self.visit.heard(asked, at)
            self._put_all(self.orders.obey(asked, at))
        if self.visit:
            self._put_all(self.orders.told(self.visit.news(at)))
        if self.renewal:
            self._renew(self.renewal, at)
        if self.numbers:
            self.numbers.write(at)
        monotonic = self.clock.monotonic()
        self.pulse.beat(OUTBOX, monotonic)
        if self.pulse.parts == {OUTBOX}:
            self._say_ready()
        if self.lamp:
            watching = self._ready and not self.pulse.still(monotonic)
            self.lamp.feed(Sight.WATCHING if watching else Sight.FAULT, at)
        if self._resync.due(monotonic):
            self._follow_clock()
        if self._save.due(monotonic):
            self._save_learned()

    def _renew(self, renewal: Renewal, at: float) -> None:
        """Sign what became of an update; end when another release is to run."""
        if news := renewal.news(at):
            self._put_all(news)
            self.spool.tell(self.state())
        if renewal.is_over():
            self.stop()

    def _follow_clock(self) -> None:
        step_s = self.clock.resync()
        if step_s:
            self._put_all([Audit(self.clock.now(), "clock-stepped")])
            self.decider.engine.stepped(step_s)

    def _save_learned(self) -> None:
        floor.keep(self.learned.parent, self.clock.now(), self.state().clock)
        learned = msgspec.json.encode(self.decider.engine.state())
        if learned != self._saved:
            write_atomic(self.learned, learned)
            self._saved = learned


@dataclass(slots=True)
class Numbers:
    """The latest of every quantity, in a file in memory for whoever stands at this machine.

    It never leaves the machine and holds what observations hold: numbers of zones and sensors.
    """

    path: Path
    _latest: dict[str, dict[str, float]] = field(default_factory=dict)

    def see(self, observation: Observation) -> None:
        if observation.source != CLOCK:
            self._latest.setdefault(observation.source, {})[observation.quantity] = observation.value

    def write(self, at: float) -> None:
        """Replace the file; not synced, because it means nothing after a restart."""
        replace_whole(self.path, msgspec.json.encode({"at": at, "sources": self._latest}))
