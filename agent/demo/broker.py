"""A broker inside Python, for a machine without mosquitto: `python -m agent.demo.broker PORT`.

It listens on the loopback interface only and keeps nothing; it is for a demonstration, not for a node.
"""

from __future__ import annotations

import asyncio
import sys

from amqtt.broker import Broker

_CONFIG = {"plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}}


async def serve(port: int) -> None:
    """Until the process is ended."""
    broker = Broker({**_CONFIG, "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}})
    await broker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
