"""The client protocol of NATS: one connection, and what a server says taken apart.

    CONNECT, SUB, PUB, PING  ->  server        server  ->  INFO, MSG, HMSG, PING, PONG, +OK, -ERR

Plain text over TCP or TLS (docs.nats.io, "Client Protocol"). The invariant: after an OSError the
connection is of no use, and nothing of it is half read.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agent.transport import Address, tls

CONNECT_S = 10.0
SEND_S = 10.0
MOST_BYTES = 1_048_576
"""A line or a message that is longer is none that we asked for."""

_PIECE = 65_536
_AT_A_TIME = 16 * _PIECE
_END = b"\r\n"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message: `sid` is the number of our subscription, `status` what a server says in place of content."""

    subject: str
    sid: int
    reply: str
    status: str
    headers: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """Any other line: its first word and the rest."""

    word: str
    rest: str


class Parser:
    """Bytes as they come into what they say; ValueError for what is not NATS."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Delivery | Said]:
        self._buffer += data
        while (found := self._next()) is not None:
            yield found

    def _next(self) -> Delivery | Said | None:
        end = self._buffer.find(_END)
        if max(end, len(self._buffer) if end < 0 else 0) > MOST_BYTES:
            raise ValueError("a line without an end")
        if end < 0:
            return None
        word, _, rest = bytes(self._buffer[:end]).partition(b" ")
        if word.upper() in (b"MSG", b"HMSG"):
            return self._message(end + len(_END), [_text(one) for one in rest.split()])
        del self._buffer[: end + len(_END)]
        return Said(_text(word).upper(), _text(rest))

    def _message(self, begin: int, words: list[str]) -> Delivery | None:
        """MSG subject sid [reply] bytes, HMSG subject sid [reply] bytes-of-headers bytes."""
        headed = self._buffer.startswith((b"H", b"h"))
        *named, whole = words if not headed else [*words[:-2], words[-1]]
        of_headers = int(words[-2]) if headed else 0
        end = begin + int(whole)
        if int(whole) > MOST_BYTES or len(named) not in (2, 3) or of_headers > int(whole):
            raise ValueError("a message of another form")
        if len(self._buffer) < end + len(_END):
            return None
        headers = _text(bytes(self._buffer[begin : begin + of_headers]))
        payload = bytes(self._buffer[begin + of_headers : end])
        del self._buffer[: end + len(_END)]
        status = headers.partition("\r\n")[0].removeprefix("NATS/1.0").strip()
        return Delivery(named[0], int(named[1]), named[2] if len(named) > 2 else "", status, headers, payload)  # noqa: PLR2004


def _text(said: bytes) -> str:
    """A subject may be any bytes without ASCII spaces: such a one is nobody's, and must not hold up what comes after it."""
    return said.decode("utf-8", "replace")


class Line:
    """One connection to one server, as the user that our certificate names."""

    def __init__(self, address: Address) -> None:
        """OSError when nobody answers as NATS, TLS fails or we are not let in."""
        self._parser = Parser()
        self._socket: socket.socket = socket.create_connection((address.host, address.port), CONNECT_S)
        try:
            self._begin(address)
        except ValueError as error:
            self.close()
            raise OSError(f"{address} does not speak NATS: {error}") from error
        except OSError:
            self.close()
            raise

    def send(self, *parts: bytes) -> None:
        self._socket.settimeout(SEND_S)
        self._socket.sendall(b"".join(parts))

    def hear(self, timeout_s: float) -> list[Delivery | Said]:
        """What was said within a time, all of it that is here; OSError when the server has gone."""
        found: list[Delivery | Said] = []
        if not self._pending() and not select.select([self._socket], [], [], timeout_s)[0]:
            return found
        self._socket.settimeout(0.0)
        taken = 0
        while taken < _AT_A_TIME:
            try:
                data = self._socket.recv(_PIECE)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            if not data:
                raise ConnectionResetError("the server hung up")
            taken += len(data)
            try:
                found += self._parser.feed(data)
            except ValueError as error:
                raise ConnectionAbortedError(str(error)) from error
        return found

    def close(self) -> None:
        self._socket.close()

    def _begin(self, address: Address) -> None:
        """INFO comes in plain; then both go over to TLS; PONG says that CONNECT was taken."""
        self._one("INFO")
        context = tls.context(address)
        if context is not None:
            context.sslsocket_class = ssl.SSLSocket
            self._socket.settimeout(CONNECT_S)
            self._socket = context.wrap_socket(self._socket, server_hostname=address.host)
        about: dict[str, Any] = {
            "verbose": False, "pedantic": False, "headers": True, "no_responders": True, "lang": "python",
            "version": "1", "protocol": 1,
        }  # fmt: skip
        self.send(b"CONNECT ", json.dumps(about).encode(), _END, b"PING\r\n")
        self._one("PONG")

    def _one(self, word: str) -> None:
        """Wait for a line that begins with `word`."""
        for one in self.hear(CONNECT_S):
            if isinstance(one, Said) and one.word == word:
                return
            if isinstance(one, Said) and one.word == "-ERR":
                raise PermissionError(one.rest.strip("'"))
        raise TimeoutError(f"no {word} from the server")

    def _pending(self) -> bool:
        return isinstance(self._socket, ssl.SSLSocket) and bool(self._socket.pending())
