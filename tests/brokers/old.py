"""A broker of another make that speaks MQTT 3.1.1 only, without TLS: the one of the demonstration."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from agent.transport import Address
from tests.brokers.mosquitto import free_port


@contextmanager
def old_broker(*, mqtt: str = "auto") -> Iterator[Address]:
    """A process of its own until the end of the block; who connects too early tries again, as everybody does."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "agent.demo.broker", str(port)], stderr=subprocess.DEVNULL) as broker:
        try:
            yield Address("127.0.0.1", port, mqtt=mqtt)
        finally:
            broker.kill()
