"""amqtt as a broker of another make that speaks MQTT 3.1.1 only; no TLS."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from amqtt.broker import Broker

from agent.transport import Address
from tests.brokers.mosquitto import free_port

ANYBODY = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


@contextmanager
def old_broker(*, mqtt: str = "auto") -> Iterator[Address]:
    """A broker that runs in a thread of its own until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = free_port()
    settings = {"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}, "plugins": ANYBODY}
    broker = asyncio.run_coroutine_threadsafe(_started(settings), loop).result()
    try:
        yield Address("127.0.0.1", port, mqtt=mqtt)
    finally:
        asyncio.run_coroutine_threadsafe(broker.shutdown(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _started(settings: dict[str, object]) -> Broker:
    broker = Broker(settings)
    await broker.start()
    return broker
