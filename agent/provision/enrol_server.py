"""The desk on the network: HTTPS with one path, one question and one answer.

It speaks TLS 1.3 with the broker's certificate and takes nothing longer than a petition. Who is slow has a thread of
his own and holds nobody up; the desk is asked by one at a time, so its files need no lock.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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
        self._take, self._turn = take, threading.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            context.load_cert_chain(files.certificate, files.key)
        except OSError as error:
            raise KeyFileError(f"{files.certificate}: {error}", hint="make it with: piazza keys init") from error
        super().__init__(address, _Asked)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def take(self, petition: Petition) -> Answer:
        """What the desk says; it is asked by one at a time."""
        with self._turn:
            return self._take(petition)


class _Asked(BaseHTTPRequestHandler):
    """One connection."""

    server: EnrolServer
    timeout = TIMEOUT_S
    server_version, sys_version = "piazza", ""

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if self.path != PATH or not 0 < length <= MAX_BYTES:
            self._say(HTTPStatus.NOT_FOUND, Answer(Word.REFUSED, "nothing is here"))
            return
        try:
            petition = msgspec.json.decode(self.rfile.read(length), type=Petition)
        except msgspec.DecodeError:
            self._say(HTTPStatus.BAD_REQUEST, Answer(Word.REFUSED, "not a petition"))
            return
        answer = self.server.take(petition)
        log.info("petition answered", extra={"node": petition.name, "word": str(answer.word), "why": answer.why})
        self._say(STATUS[answer.word], answer)

    def _say(self, status: HTTPStatus, answer: Answer) -> None:
        body = msgspec.json.encode(answer)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- as its base names it
        """Requests are told above, without what they hold."""
