"""A TLS connection that sends and takes in gulps: what is written waits for `flush`, what arrives is read ahead.

Twenty small packets so become one TLS record and one call of the system, which costs less than
making the packets; and a reader that asks byte by byte does not go to TLS for each. The invariant:
bytes leave in the order in which they were written, and are given in that in which they arrived.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any

GULP_BYTES = 64 * 1024
"""So much does not wait for `flush`."""

RECORD_BYTES = 16 * 1024
"""As many as one record of TLS carries."""


class GulpingSocket(ssl.SSLSocket):
    """Made by an `ssl.SSLContext` whose `sslsocket_class` it is; a failed handshake leaves no descriptor behind."""

    _waiting: bytearray | None = None
    """None until the first write: the context makes the object without calling `__init__`."""
    _arrived: bytes = b""
    resting: bool = False
    """While this is set nothing can be read, as if nothing had arrived."""

    @property
    def waiting(self) -> int:
        """Bytes that were written and have not left."""
        return len(self._waiting or b"")

    def send(self, data: Any, flags: int = 0) -> int:
        """Take all of `data`; it leaves with the next flush, or now when much is waiting."""
        if flags:
            return super().send(data, flags)
        if self._waiting is None:
            self._waiting = bytearray()
        self._waiting += data
        if self.waiting > GULP_BYTES:
            self.flush()
        return len(data)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Up to `buflen` bytes of what has arrived."""
        if flags:
            return super().recv(buflen, flags)
        if self.resting:
            raise BlockingIOError
        if not self._arrived:
            self._arrived = super().recv(RECORD_BYTES)
        taken, self._arrived = self._arrived[:buflen], self._arrived[buflen:]
        return taken

    def pending(self) -> int:
        """Bytes that can be read without a look at the network."""
        return len(self._arrived) or super().pending()

    def flush(self) -> None:
        """Send what waits, as far as the network takes it now; OSError when the connection is lost."""
        while self._waiting:
            try:
                sent = super().send(self._waiting)
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            del self._waiting[:sent]

    def close(self) -> None:
        """Let go of the connection; what waits leaves if the network takes it at once."""
        with suppress(OSError, ValueError):  # lost or closed already: then nothing can be sent
            self.flush()
        super().close()

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 -- as its base declares it
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def rest(connection: object, *, yes: bool) -> None:
    """Have a reader that goes on as long as there is something find nothing more."""
    if isinstance(connection, GulpingSocket):
        connection.resting = yes


def rests(connection: object) -> bool:
    return isinstance(connection, GulpingSocket) and connection.resting
