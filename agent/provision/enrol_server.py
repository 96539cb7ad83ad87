"""The desk on the network: HTTPS with two paths, one question and one answer.

A node that enrols has no certificate yet; a party that renews must show its own, and is who that says. It speaks TLS 1.3
with the broker's certificate, read anew when it was renewed, and takes nothing longer than a petition. Who is slow has a
thread of his own and holds nobody up; the desk is asked by one at a time, so its files need no lock.
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
from pathlib import Path
from typing import Any

import msgspec

from agent.errors import KeyFileError
from agent.provision.ca import TlsFiles, party_of
from agent.provision.enrol import MAX_BYTES, PATH, Answer, Petition, Word
from agent.provision.renewal import PATH as RENEW_PATH
from agent.provision.renewal import Wish

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0
STATUS = {Word.GRANTED: HTTPStatus.OK, Word.WAIT: HTTPStatus.ACCEPTED, Word.REFUSED: HTTPStatus.FORBIDDEN}

Take = Callable[[Petition], Answer]
Renew = Callable[[str, Wish], Answer]
"""Handed the certificate, in PEM, that the connection has proved."""
NO_UNION = Answer(Word.REFUSED, "this authority renews for nodes alone: it was not told the union")


def renew_nobody(certificate: str, wish: Wish) -> Answer:
    """Of an authority that knows no union."""
    del certificate, wish
    return NO_UNION


class EnrolServer(ThreadingHTTPServer):
    """Listens at once; `serve_forever` answers."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], files: TlsFiles, take: Take, *, ca: Path, renew: Renew = renew_nobody
    ) -> None:
        """`ca` judges the certificates of parties. KeyFileError where our own cannot be used."""
        self._take, self._renew, self._turn = take, renew, threading.Lock()
        self._files, self._read_at = files, 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            self._read()
            self._context.load_verify_locations(ca)
        except OSError as error:
            raise KeyFileError(f"{files.certificate}: {error}", hint="make it with: piazza keys init") from error
        self._context.verify_mode = ssl.CERT_OPTIONAL
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
        """What the desk says; it is asked by one at a time."""
        with self._turn:
            return self._take(petition)

    def renew(self, certificate: str, wish: Wish) -> Answer:
        """The same of who has a certificate."""
        with self._turn:
            return self._renew(certificate, wish)


class _Asked(BaseHTTPRequestHandler):
    """One connection."""

    server: EnrolServer
    timeout = TIMEOUT_S
    server_version, sys_version = "piazza", ""

    def do_POST(self) -> None:
        said = self.headers.get("Content-Length", "")
        length = int(said[:9]) if said.isdecimal() else 0
        if self.path not in (PATH, RENEW_PATH) or not 0 < length <= MAX_BYTES:
            self._say(HTTPStatus.NOT_FOUND, Answer(Word.REFUSED, "nothing is here"))
            return
        try:
            answer = (self._enrolled if self.path == PATH else self._renewed)(self.rfile.read(length))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._say(HTTPStatus.BAD_REQUEST, Answer(Word.REFUSED, "not a petition"))
            return
        self._say(STATUS[answer.word], answer)

    def _enrolled(self, body: bytes) -> Answer:
        petition = msgspec.json.decode(body, type=Petition)
        answer = self.server.take(petition)
        log.info("petition answered", extra={"node": petition.name, "word": str(answer.word), "why": answer.why})
        return answer

    def _renewed(self, body: bytes) -> Answer:
        wish = msgspec.json.decode(body, type=Wish)
        assert isinstance(self.connection, ssl.SSLSocket)  # the server wraps every connection
        shown = self.connection.getpeercert(binary_form=True)
        if not shown:
            return Answer(Word.REFUSED, "show the certificate that is to be renewed")
        certificate = ssl.DER_cert_to_PEM_cert(shown)
        answer = self.server.renew(certificate, wish)
        log.info(
            "renewal answered", extra={"party": party_of(certificate), "word": str(answer.word), "why": answer.why}
        )
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
