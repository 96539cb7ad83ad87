"""The report form over HTTP, on this machine only: a page, and one question of two choices.

A web server stands in front of it for TLS. The invariants: no address, no header and no time of a visitor is kept or
logged; what is answered with thanks is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from agent.console import form_page
from agent.console.settings import FormSettings
from agent.errors import PiazzaError, Refused

PATH = "/report"
MAX_BYTES = 256
MOST_READ = 4096
"""So much is read of what is too long, so that whoever sent it still hears the answer."""

HOST = "127.0.0.1"

Take = Callable[[str, str], None]
"""(area, choice); returns when it is on the disk, or raises Refused."""

_ANSWERS = {
    "data": (HTTPStatus.BAD_REQUEST, "Il modulo non prevede questa risposta.", "The form does not offer that."),
    "rate": (
        HTTPStatus.TOO_MANY_REQUESTS,
        "Troppe segnalazioni in quest'ora: riprova più tardi, o chiama il 112.",
        "Too many reports in this hour: try again later, or call 112.",
    ),
    "gone": (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "La segnalazione non è stata presa: riprova, o chiama il 112.",
        "The report was not taken: try again, or call 112.",
    ),
}


class FormServer(ThreadingHTTPServer):
    """Listens at once; `serve_forever` answers."""

    daemon_threads = True

    def __init__(self, settings: FormSettings, take: Take) -> None:
        super().__init__((HOST, settings.port), _Asked)
        self.settings, self.take = settings, take

    def handle_error(self, request: object, client_address: object) -> None:
        """A visitor who goes away in the middle: the usual trace would name their address."""
        del request, client_address

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}/"


class _Asked(BaseHTTPRequestHandler):
    """One connection."""

    server: FormServer
    timeout = 10.0
    server_version, sys_version = "piazza", ""

    def do_GET(self) -> None:
        if self.path != "/":
            self._refuse("data", HTTPStatus.NOT_FOUND)
            return
        self._send(HTTPStatus.OK, form_page.form(self.server.settings, to=PATH))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length") or ""
        sent = self.rfile.read(min(int(length), MOST_READ)) if length.isdecimal() else b""
        if self.path != PATH or len(sent) > MAX_BYTES:
            self._refuse("data")
            return
        given = parse_qs(sent.decode("ascii", "replace"))
        try:
            self.server.take(*(given.get(name, [""])[0] for name in ("area", "what")))
        except Refused as refused:
            self._refuse(refused.why)
        except PiazzaError:
            self._refuse("gone")
        else:
            thanks = form_page.answer(
                self.server.settings, "Grazie: la segnalazione è arrivata.", "Thank you: your report has arrived."
            )
            self._send(HTTPStatus.OK, thanks)

    def _refuse(self, why: str, status: HTTPStatus | None = None) -> None:
        usual, italian, english = _ANSWERS[why]
        self._send(status or usual, form_page.answer(self.server.settings, italian, english))

    def _send(self, status: HTTPStatus, page: str) -> None:
        body = page.encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"),
        ):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- as its base names it
        """Who reports something is nobody's business."""
