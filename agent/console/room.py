"""The control room between its two threads: the network's, which polls the broker, and the page's.

The network's thread owns the transport and is the only one that publishes; what the page wants said
waits in a queue. Desk and listeners are shared under one lock.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.clock import Clock
from agent.console.desk import Desk
from agent.console.items import Item
from agent.contract.topics import Class, NodeName, Topic
from agent.contract.types import AckData
from agent.subscriber.reader import Reader
from agent.subscriber.speaker import Speaker
from agent.transport import Connected, Disconnected, Message, Transport

POLL_S = 0.1
BEHIND = 5000
"""Items that a page may be behind before it is told to begin anew."""

Hear = Callable[[list[Item]], None]


@dataclass
class Room:
    """Everything that pages of one operator share.

    `look` hears the monotonic time in every turn, for a key ring that may have changed.
    """

    transport: Transport
    reader: Reader
    desk: Desk
    speaker: Speaker
    clock: Clock
    look: Callable[[float], None] = lambda _now: None
    connected: bool = False
    refused: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ears: list[Hear] = field(default_factory=list)
    _to_say: queue.SimpleQueue[tuple[str, bytes]] = field(default_factory=queue.SimpleQueue)

    def run(self, stopped: Callable[[], bool]) -> None:
        """The network's thread."""
        for pattern in self.desk.sight.filters(self.clock.now()):
            self.transport.subscribe(pattern)
        self.transport.open()
        try:
            while not stopped():
                self.run_once()
        finally:
            self.transport.close()

    def run_once(self) -> None:
        """Take what came, tell the pages, say what they want said."""
        items: list[Item] = []
        self.look(self.clock.monotonic())
        for happening in self.transport.poll(POLL_S):
            match happening:
                case Message():
                    with self._lock:
                        items += self.desk.take(self.reader.read(happening), at=self.clock.now())
                case Connected():
                    self.connected, self.refused = True, ""
                    items.append({"kind": "broker", "connected": True})
                case Disconnected():
                    self.connected, self.refused = False, happening.why if happening.refused else ""
                    items.append({"kind": "broker", "connected": False, "why": happening.why})
        with self._lock:
            items += self.desk.advance(self.clock.now())
        self._say()
        for hear in tuple(self._ears) if items else ():
            hear(items)

    def now(self) -> Item:
        """Everything that a page begins with."""
        with self._lock:
            at = self.clock.now()
            return {"at": at, "connected": self.connected, "why": self.refused,
                    "open": self.desk.open(), "nodes": self.desk.nodes(at)}  # fmt: skip

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

    def _say(self) -> None:
        """Publish what waits; what finds no session waits on."""
        while self.connected and not self._to_say.empty():
            topic, token = self._to_say.get()
            if not self.transport.publish(topic, token):
                self._to_say.put((topic, token))
                return
