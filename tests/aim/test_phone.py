"""What binds the page to the label: the label names the node, and the phone believes the union's authority about that name."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Error

from agent.clock import SystemClock
from agent.provision.ca import Authority, TlsFiles
from tests.aim.phone import phone
from tests.serving import served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("browser")]

NODE, OTHER = "n-0017.local", "n-0018.local"


class Hello(BaseHTTPRequestHandler):
    """Whoever answers first at an address."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")


@pytest.fixture
def certutil(program):
    return program("certutil")


@pytest.fixture
def chromium(program):
    return program("chromium")


def authority(folder: Path) -> Authority:
    folder.mkdir()
    return Authority.make(folder, at=SystemClock().now(), days=30)


@contextmanager
def answering(folder: Path, by: Authority, name: str) -> Iterator[str]:
    """Somebody on the network who has a certificate for `name` by an authority, at the address of the label."""
    files = TlsFiles(folder / "page.pem", folder / "page.key")
    by.server(files, [name], at=SystemClock().now(), days=1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    server = HTTPServer(("127.0.0.1", 0), Hello)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a phone that hangs up is what we look for
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with served(server):
        yield f"https://{NODE}:{server.server_port}/"


def opened(tmp_path: Path, chromium: str, *, believes: Path | None, by: Authority, name: str) -> str:
    """What the phone shows at the label's address, or its reason for showing nothing."""
    with (
        answering(tmp_path, by, name) as address,
        phone(tmp_path / "home", chromium, believes=believes, node=NODE) as page,
    ):
        try:
            page.goto(address)
        except Error as error:
            return error.message.split()[1]
        return page.inner_text("body")


def test_a_phone_that_knows_the_authority_opens_the_node_of_the_label(tmp_path, certutil, chromium):
    union = authority(tmp_path / "ca")
    assert opened(tmp_path, chromium, believes=union.certificate, by=union, name=NODE) == "hello"


def test_another_node_of_the_union_cannot_answer_in_its_place(tmp_path, certutil, chromium):
    union = authority(tmp_path / "ca")
    why = opened(tmp_path, chromium, believes=union.certificate, by=union, name=OTHER)
    assert why == "net::ERR_CERT_COMMON_NAME_INVALID"


def test_nobody_else_can_make_a_certificate_for_its_name(tmp_path, certutil, chromium):
    union, stranger = authority(tmp_path / "ca"), authority(tmp_path / "stranger")
    why = opened(tmp_path, chromium, believes=union.certificate, by=stranger, name=NODE)
    assert why == "net::ERR_CERT_AUTHORITY_INVALID"


def test_a_phone_that_knows_no_authority_warns(tmp_path, certutil, chromium):
    why = opened(tmp_path, chromium, believes=None, by=authority(tmp_path / "ca"), name=NODE)
    assert why == "net::ERR_CERT_AUTHORITY_INVALID"
