"""A node, a broker and a store under faults: sense in this process, link and store in processes to kill.

`lost` counts against what sense has committed, `repeated` is what a second reader of the
broker saw twice.
"""

from __future__ import annotations

import logging
import random
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from agent.clock import SystemClock
from agent.commands.link import load, open_link
from agent.contract.topics import CHAINED, Class, Topic, pattern
from agent.provision.keys import load_ring, load_signer
from agent.subscriber.keeper import Keeper
from agent.subscriber.reader import Mark, Reader
from agent.subscriber.receipts import Receipts
from agent.subscriber.store import Store
from agent.transport import Address, Message
from agent.transport.mqtt import MqttTransport
from tests.brokers.town import STORE, WATCHER, Town, event, town
from tests.faults import row
from tests.faults.tools.killing import Killable

WINDOW = 20
RESEND_S = 2.0
"""Short, so that a column of faults fits into minutes; a node waits half a minute."""


class Plant:
    """Made by `plant`; owns its processes."""

    def __init__(self, place: Town) -> None:
        self.town = place
        self.clock = SystemClock()
        self.spool = place.spool(commit_s=0.0)
        self.put_so_far = 0
        self.repeated = 0
        self.altered = 0
        self._processes = Killable(preload=["tests.faults.tools.plant"])
        self._reader = Reader(load_ring(place.bench.ring))
        self._observer = MqttTransport(
            place.broker.address(WATCHER), clock=self.clock, randomness=random.Random(0), session_s=3600
        )
        self.gave_receipts: set[str] = set()
        for klass in (*CHAINED, Class.RCPT):
            self._observer.subscribe(pattern(klass=klass))
        self._observer.open()

    def put(self, count: int) -> None:
        """Commit so many events, as sense does, and take what letters have come."""
        for _ in range(count):
            self.put_so_far += 1
            self.spool.put(event(self.put_so_far, self.clock.now()))
        self.spool.flush()
        self.look()

    def look(self) -> None:
        """Let sense read its letters and the observer what has come."""
        self.spool.tick(self.clock.now())
        for happening in self._observer.poll(0.0):
            if isinstance(happening, Message) and Topic.parse(happening.topic).klass is Class.RCPT:
                self.gave_receipts.add(Topic.parse(happening.topic).type)
            elif isinstance(happening, Message):
                mark = self._reader.read(happening).mark
                self.repeated += mark is Mark.DUPLICATE
                self.altered += mark in (Mark.ALARM, Mark.UNVERIFIED)

    def work(self, seconds: float) -> None:
        """Go on looking for a while."""
        until = self.clock.monotonic() + seconds
        while self.clock.monotonic() < until:
            self.look()
            self.clock.sleep(0.005)

    def start_link(self) -> None:
        self.start("link", _link, (str(self.town.config),))

    def start_store(self) -> None:
        place = self.town
        files = (str(place.database), str(place.bench.ring), str(place.bench.signing_key(str(STORE))))
        self.start("store", _store, (place.broker.address(str(STORE)), *files))

    def kill(self, name: str) -> None:
        """End a process as a power cut would."""
        self._processes.kill(name)

    def wait(self, enough: Callable[[], bool], *, at_most_s: float = 60.0) -> float:
        """Look until it is enough; the seconds that this took, RuntimeError when it takes too long."""
        began = self.clock.monotonic()
        while not enough():
            self.look()
            self.clock.sleep(0.01)
            if self.clock.monotonic() - began > at_most_s:
                raise RuntimeError(f"not within {at_most_s} s: {len(self.town.stored())} of {self.put_so_far} stored")
        return self.clock.monotonic() - began

    def settle(self, *, still_s: float = 120.0) -> int:
        """Wait until the store has everything, or got nothing for so long; how many numbers it lacks in the end."""
        had, has = -1, len(self.town.stored())
        while had < has < self.put_so_far:
            had = has
            with suppress(RuntimeError):
                self.wait(partial(self._has_more_than, had), at_most_s=still_s)
            has = len(self.town.stored())
        return len(set(range(1, self.put_so_far + 1)) - set(self.town.stored()))

    def _has_more_than(self, count: int) -> bool:
        return len(self.town.stored()) > count

    def close(self) -> None:
        self._processes.close()
        self._observer.close()

    def start(self, name: str, work: Callable[..., None], values: tuple[object, ...]) -> None:
        """Any other process, to be killed by its name."""
        self._processes.start(name, work, *values)


@contextmanager
def plant(
    *,
    through: Callable[[int], int] | None = None,
    resend_s: float = RESEND_S,
    broker: str = "",
    prepare: Callable[[Town], None] = lambda _: None,
) -> Iterator[Plant]:
    """A plant with its broker running and neither link nor store.

    `through` gives link another port than the broker's; `broker` is more of mosquitto's settings; `prepare`
    is called before the node begins.
    """
    logging.disable(logging.ERROR)  # faults are what this is about
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as folder, town(Path(folder), more=broker) as place:
        place.uplink = {"window": WINDOW, "resend_s": resend_s}
        place.port = through(place.broker.port) if through else None
        prepare(place)
        made = Plant(place)
        try:
            yield made
        finally:
            made.close()
            logging.disable(logging.NOTSET)


def _link(config: str) -> None:
    _quiet()
    open_link(load(Path(config)), SystemClock()).run(lambda: False)


def _store(address: Address, database: str, ring: str, key: str) -> None:
    _quiet()
    clock = SystemClock()
    transport = MqttTransport(address, clock=clock, randomness=random.Random(), session_s=3600)
    receipts = Receipts(STORE, load_signer(Path(key)), clock=clock)
    keeper = Keeper(transport, load_ring(Path(ring)), Store(Path(database)), receipts, union=STORE.union, clock=clock)
    keeper.run(lambda: False)


def _quiet() -> None:
    logging.disable(logging.ERROR)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
