"""The page over HTTPS: questions with JSON, one picture, one page. It carries and decides nothing.

A browser opens connections that it does not use, so each has a thread; the desk is asked by one at a time.
"""

from __future__ import annotations

import ssl
import sys
import threading
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

import msgspec

from agent.aim.desk import AimDesk, Asked, Lengths
from agent.aim.drawing import Drawn
from agent.errors import KeyFileError, PiazzaError
from agent.provision.ca import TlsFiles

MAX_BYTES = 65_536
COOKIE = "piazza"
POLICY = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"


class AimServer(ThreadingHTTPServer):
    """Listens at once; `timeout` is how long `handle_request` waits."""

    timeout = 1.0
    daemon_threads = True

    def __init__(self, address: tuple[str, int], files: TlsFiles, desk: AimDesk) -> None:
        """KeyFileError where the certificate cannot be used."""
        self.desk = desk
        self.turn = threading.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(files.certificate, files.key)
        except OSError as error:
            raise KeyFileError(
                f"{files.certificate}: {error}", hint="enrol first: systemctl start piazza-enrol"
            ) from error
        super().__init__(address, _Asked)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A phone that hangs up, or that does not know our authority yet, is no failure of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def run(self) -> None:
        """Until the technician has finished or half an hour has passed."""
        while not self.desk.over:
            self.handle_request()


class _Asked(BaseHTTPRequestHandler):
    """One connection."""

    server: AimServer
    timeout = 10.0
    server_version, sys_version = "piazza", ""

    def do_GET(self) -> None:
        if self.path == "/":
            page = resources.files("agent").joinpath("aim/page/index.html").read_bytes()
            self._send(HTTPStatus.OK, page, "text/html; charset=utf-8")
        elif not self._known():
            self._json(HTTPStatus.FORBIDDEN, {"why": "the code of the label first"})
        elif self.path == "/state":
            with self.server.turn:
                state = self.server.desk.state()
            self._json(HTTPStatus.OK, state)
        elif self.path.startswith("/sight/"):
            with self.server.turn:
                sight = self.server.desk.sight(self.path[7:])
            self._json(HTTPStatus.OK, sight)
        elif self.path.startswith("/view/") and (png := self.server.desk.picture(self.path[6:].partition(".")[0])):
            self._send(HTTPStatus.OK, png, "image/png")
        else:
            self._json(HTTPStatus.NOT_FOUND, {"why": "nothing is here"})

    def do_POST(self) -> None:
        said = self.headers.get("Content-Length", "")
        length = int(said[:9]) if said.isdecimal() else 0
        if not 0 < length <= MAX_BYTES:
            self._json(HTTPStatus.BAD_REQUEST, {"why": "no length, or too long"})
            return
        body = self.rfile.read(length)
        try:
            with self.server.turn:
                self._act(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._json(HTTPStatus.BAD_REQUEST, {"why": str(error)})
        except PiazzaError as error:
            self._json(HTTPStatus.BAD_REQUEST, {"why": error.message})

    def _act(self, body: bytes) -> None:
        desk = self.server.desk
        if self.path == "/enter":
            session = desk.enter(msgspec.json.decode(body, type=str))
            self._json(HTTPStatus.OK, {}, f"{COOKIE}={session}; Secure; HttpOnly; SameSite=Strict; Path=/")
            return
        if not self._known():
            self._json(HTTPStatus.FORBIDDEN, {"why": "the code of the label first"})
            return
        if self.path == "/draw":
            desk.draw(msgspec.json.decode(body, type=Drawn))
        elif self.path == "/measure":
            desk.measure(msgspec.json.decode(body, type=Lengths))
        elif self.path == "/say":
            desk.say(msgspec.json.decode(body, type=Asked))
        elif self.path == "/finish":
            self._json(HTTPStatus.OK, {"accepted": desk.finish().accepted})
            return
        self._json(HTTPStatus.OK, desk.state())

    def _known(self) -> bool:
        try:
            cookie = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and self.server.desk.admits(cookie.value)

    def _json(self, status: HTTPStatus, content: Any, cookie: str = "") -> None:
        self._send(status, msgspec.json.encode(content), "application/json", cookie)

    def _send(self, status: HTTPStatus, body: bytes, kind: str, cookie: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- as its base names it
        """Who stands at a node is nobody's business afterwards."""
