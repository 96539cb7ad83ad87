"""A TCP proxy that misbehaves on demand: cuts, resets, swallows, delays, throttles.

    with Proxy(target_port) as proxy:
        proxy.weather = Weather(bytes_per_s=5000)
        proxy.cut()

Runs in a thread of its own; what it is told takes effect at once, for open connections too.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

CHUNK = 512
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Weather:
    """How bytes travel: `swallow` takes them and gives nothing on, as a half-open link does."""

    delay_s: float = 0.0
    bytes_per_s: float = 0.0
    swallow: bool = False


FAIR = Weather()


class Proxy:
    """Listens on `port` of loopback and passes on to `target`."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.weather = FAIR
        self.connections = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, limit=CHUNK), self._loop
        ).result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self, *, reset: bool = False) -> None:
        """End all open connections, wherever in a packet they are; `reset` without a good-bye."""
        self._call(lambda: self._cut(reset=reset))

    def close(self) -> None:
        """Stop; nothing listens any more."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._call(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, what: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(what)

    def _cut(self, *, reset: bool) -> None:
        for writer in list(self._writers):
            if reset:
                with suppress(OSError):  # one that has just closed by itself
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort() if reset else writer.close()

    async def _end(self) -> None:
        self._server.close()
        self._cut(reset=True)
        passing = asyncio.all_tasks() - {asyncio.current_task()}
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self.target, limit=CHUNK)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, back_writer}
        await asyncio.gather(self._pass(reader, back_writer), self._pass(back_reader, writer))
        self._writers -= {writer, back_writer}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Bytes one way, until either end is gone."""
        try:
            while data := await reader.read(CHUNK):
                weather = self.weather
                await asyncio.sleep(weather.delay_s + (len(data) / weather.bytes_per_s if weather.bytes_per_s else 0.0))
                if not self.weather.swallow:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
