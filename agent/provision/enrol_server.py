"""The desk on the network, for nodes that have no certificate yet: HTTPS with one path, one question and one answer.

It speaks TLS 1.3 with the broker's certificate, read anew when it was renewed, and takes nothing longer than a petition. Who
is slow has a thread of his own and holds nobody up; the desk is asked by one at a time, so its files need no lock.
"""

from __future__ import annotations

import logging
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from agent.errors import KeyFileError
from agent.provision.ca import TlsFiles
from agent.provision.enrol import MAX_BYTES, PATH, Answer, Petition, Word

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0
STATUS = {Word.GRANTED: HTTPStatus.OK, Word.WAIT: HTTPStatus.ACCEPTED, Word.REFUSED: HTTPStatus.FORBIDDEN}

Take = Callable[[Petition], Answer]


class EnrolServer(ThreadingHTTPServer):
    """Listens at once; `serve_forever` answers."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], files: TlsFiles, take: Take) -> None:
        """KeyFileError where the certificate cannot be used."""
        self._take, self.turn = take, threading.Lock()
        self._files, self._read_at = files, 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            self._read()
        except OSError as error:
            raise KeyFileError(f"{files.certificate}: {error}", hint="make it with: piazza keys init") from error
        super().__init__(address, _Asked)
        self.socket = self._context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def get_request(self) -> tuple[socket.socket, Any]:
        """The next connection, under the certificate as it is now; one that cannot be read leaves the one before."""
        try:
            self._read()
        except OSError as error:
            log.warning("our own certificate cannot be read anew", extra={"why": str(error)})
        return super().get_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """One line for a connection that ended early, such as one with a certificate that we do not believe."""
        if isinstance(error := sys.exc_info()[1], OSError):
            log.info("connection ended", extra={"from": str(client_address), "why": str(error)})
        else:
            super().handle_error(request, client_address)

    def _read(self) -> None:
        changed = self._files.certificate.stat().st_mtime_ns
        if changed != self._read_at:
            self._context.load_cert_chain(self._files.certificate, self._files.key)
            self._read_at = changed

    def take(self, petition: Petition) -> Answer:
        """What the desk says; whoever else asks it holds `turn` meanwhile."""
        with self.turn:
            return self._take(petition)


class _Asked(BaseHTTPRequestHandler):
    """One connection."""

    server: EnrolServer
    timeout = TIMEOUT_S
    server_version, sys_version = "piazza", ""

    def do_POST(self) -> None:
        said = self.headers.get("Content-Length", "")
        length = int(said[:9]) if said.isdecimal() else 0
        if self.path != PATH or not 0 < length <= MAX_BYTES:
            self._say(HTTPStatus.NOT_FOUND, Answer(Word.REFUSED, "nothing is here"))
            return
        try:
            answer = self._enrolled(self.rfile.read(length))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._say(HTTPStatus.BAD_REQUEST, Answer(Word.REFUSED, "not a petition"))
            return
        self._say(STATUS[answer.word], answer)

    def _enrolled(self, body: bytes) -> Answer:
        petition = msgspec.json.decode(body, type=Petition)
        answer = self.server.take(petition)
        log.info("petition answered", extra={"node": petition.name, "word": str(answer.word), "why": answer.why})
        return answer

    def _say(self, status: HTTPStatus, answer: Answer) -> None:
        body = msgspec.json.encode(answer)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- as its base names it
        """Requests are told above, without what they hold."""
