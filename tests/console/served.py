"""The console's page served by a thread of the test, which decides itself what its network brings and when."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from agent.clock import SystemClock
from agent.console.app import Desktop, application
from agent.simulation.nodes import Outgoing
from agent.transport.memory import MemoryBroker

PATIENCE_S = 60.0


@dataclass
class Served:
    """A console that listens on a port of this machine, and the broker before it."""

    desktop: Desktop
    broker: MemoryBroker
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/?key={self.desktop.secret}"

    def begin(self) -> None:
        """As the network's thread begins: subscribed to what the role may read, and in a session."""
        self.desktop.room.transport.open()
        self.turn()

    def turn(self, times: int = 3) -> None:
        for _ in range(times):
            self.desktop.room.run_once()

    def hear(self, *outgoing: Outgoing) -> None:
        """What nodes say comes over the broker."""
        sender = self.broker.transport("nodes")
        sender.open()
        sender.poll(0.0)
        for one in outgoing:
            sender.publish(one.topic, one.token, retain=one.retain)
        self.turn()


@contextmanager
def served(desktop: Desktop, broker: MemoryBroker) -> Iterator[Served]:
    """Until the end of the block."""
    config = uvicorn.Config(
        application(desktop),
        host="127.0.0.1",
        port=0,
        log_level="critical",
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server, socket = uvicorn.Server(config), config.bind_socket()
    thread = threading.Thread(target=server.run, args=[[socket]], daemon=True)
    thread.start()
    clock = SystemClock()
    until = clock.monotonic() + PATIENCE_S
    while not server.started and clock.monotonic() < until:
        clock.sleep(0.01)
    try:
        yield Served(desktop, broker, socket.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        desktop.archive.close()
