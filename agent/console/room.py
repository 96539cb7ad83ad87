"""The control room between its two threads: the network's, which polls the broker, and the page's.

The network's thread owns the transport and is the only one that publishes; what the page wants said
waits in a queue. Desk and listeners are shared under one lock.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.clock import Clock
from agent.console.desk import Desk
from agent.console.items import Item
from agent.contract.topics import Class, NodeName, Topic
from agent.contract.types import AckData
from agent.errors import StoreError
from agent.subscriber.reader import Reader
from agent.subscriber.speaker import Speaker
from agent.transport import Connected, Disconnected, Message, Transport

log = logging.getLogger(__name__)

POLL_S = 0.1
BEHIND = 5000
"""Items that a page may be behind before it is told to begin anew."""

LATER_S = (2.0, 30.0, 120.0)
"""After a broker is there again the store is asked so much later: it hears what was missed no sooner than we do."""

BEFORE_S = 60.0
"""What happened so long before the broker was missed may have been lost with it."""

Hear = Callable[[list[Item]], None]
Past = Callable[[float], list[Item]]


@dataclass
class Room:
    """Everything that pages of one operator share.

    `look` hears the monotonic time in every turn, for a key ring and agreements that may have changed. `past` tells the events of
    the store since an instant, the oldest first: nobody sends again what was told while the broker was gone.
    """

    transport: Transport
    reader: Reader
    desk: Desk
    speaker: Speaker
    clock: Clock
    look: Callable[[float], None] = lambda _now: None
    past: Past = lambda _since: []
    connected: bool = False
    refused: str = ""
    _asked: tuple[str, ...] | None = None
    """What the broker was asked for."""
    _lost_at: float | None = None
    _due: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ears: list[Hear] = field(default_factory=list)
    _to_say: queue.SimpleQueue[tuple[str, bytes]] = field(default_factory=queue.SimpleQueue)

    def run(self, stopped: Callable[[], bool]) -> None:
        """The network's thread."""
        self.transport.open()
        try:
            while not stopped():
                self.run_once()
        finally:
            self.transport.close()

    def run_once(self) -> None:
        """Take what came, tell the pages, say what they want said."""
        self.look(self.clock.monotonic())
        items = self._at_our_rights()
        for happening in self.transport.poll(POLL_S):
            match happening:
                case Message():
                    with self._lock:
                        items += self.desk.take(self.reader.read(happening), at=self.clock.now())
                case Connected():
                    items.append(self._is_there())
                case Disconnected():
                    items.append(self._is_gone(happening))
        items += self._caught_up(self.clock.now())
        with self._lock:
            items += self.desk.advance(self.clock.now())
        self._say()
        for hear in tuple(self._ears) if items else ():
            hear(items)

    def now(self) -> Item:
        """Everything that a page begins with."""
        with self._lock:
            at = self.clock.now()
            return {"at": at, "began": max(0.0, self.desk.began), "connected": self.connected, "why": self.refused,
                    "open": self.desk.open(), "nodes": self.desk.nodes(at), "alarms": list(self.desk.alarms)}  # fmt: skip

    def chart(self, name: NodeName) -> Item:
        """All that is known of one node."""
        with self._lock:
            return self.desk.chart(name, self.clock.now())

    def listen(self, hear: Hear) -> Callable[[], None]:
        """Have `hear` called, in the network's thread, with every batch; gives back how to stop it."""
        self._ears.append(hear)
        return lambda: self._ears.remove(hear)

    def may_judge(self, node: NodeName) -> bool:
        """Whether this operator's role may say anything of events of that node."""
        return self.desk.sight.says(Topic(node, Class.ACK, "verdict"), self.clock.now())

    def judge(self, node: NodeName, event: str, verdict: str) -> None:
        """Sign a verdict and have it published; the broker hands it to the node."""
        data = AckData(node=str(node), event=event, verdict=verdict)  # type: ignore[arg-type]
        word = self.speaker.say(Class.ACK, "verdict", data)
        self._to_say.put((str(word.topic), word.token))

    def _at_our_rights(self) -> list[Item]:
        """Ask the broker for all that the rights of this instant allow and no more; where they have changed, pages begin anew."""
        at = self.clock.now()
        wanted, before = self.desk.sight.filters(at), self._asked
        if wanted == before:
            return []
        for pattern in set(before or ()).difference(wanted):
            self.transport.unsubscribe(pattern)
        for pattern in set(wanted).difference(before or ()):
            self.transport.subscribe(pattern)
        self._asked = wanted
        if before is None:
            return []
        log.info("rights have changed", extra={"filters": len(wanted)})
        with self._lock:
            self.desk.narrow(at)
        return [{"kind": "again"}]

    def _is_there(self) -> Item:
        self.connected, self.refused = True, ""
        if self._lost_at is not None:
            self._due = [self.clock.now() + later for later in LATER_S]
        return {"kind": "broker", "connected": True}

    def _is_gone(self, why: Disconnected) -> Item:
        if self.connected and self._lost_at is None:
            self._lost_at = self.clock.now()
        said = f"{why.why}; {why.hint}" if why.hint else why.why
        self.connected, self.refused, self._due = False, said if why.refused else "", []
        return {"kind": "broker", "connected": False, "why": said}

    def _caught_up(self, at: float) -> list[Item]:
        """What the store says of the time without a broker, when it is due; then the pages begin anew."""
        if not self._due or at < self._due[0] or self._lost_at is None:
            return []
        del self._due[0]
        try:
            missed = self.past(self._lost_at - BEFORE_S)
        except StoreError as error:
            log.warning("what was missed is not known", extra={"why": str(error)})
            return []
        with self._lock:
            self.desk.recall(missed)
        if not self._due:
            self._lost_at = None
        return [{"kind": "again"}]

    def _say(self) -> None:
        """Publish what waits; what finds no session waits on."""
        while self.connected and not self._to_say.empty():
            topic, token = self._to_say.get()
            if not self.transport.publish(topic, token):
                self._to_say.put((topic, token))
                return
