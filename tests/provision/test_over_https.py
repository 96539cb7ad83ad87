"""Whatever stands where the authority should be, a node that asks it tries again later and does not fall."""

from __future__ import annotations

import ssl
from socketserver import StreamRequestHandler, TCPServer

import pytest

from agent.clock import SystemClock
from agent.errors import BrokerAbsent
from agent.provision.bench import Bench
from agent.provision.over_https import context, post
from tests.serving import served

HEAD = b"HTTP/1.1 200 OK\r\n"
NONSENSE = {
    "nothing": b"",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a line without an end": b"HTTP/1.1 200 " + b"x" * 70_000,
    "a length in words": HEAD + b"Content-Length: two\r\n\r\n<html>",
    "less than was promised": HEAD + b"Content-Length: 40\r\n\r\n{",
    "chunks in words": HEAD + b"Transfer-Encoding: chunked\r\n\r\nmany\r\n{}",
    "JSON without an end": HEAD + b"\r\n" + b"[" * 9_000,
    "bytes that are no text": HEAD + b'\r\n{"word": "granted", "why": "\xff"}',
    "a word that we do not know": HEAD + b'\r\n{"word": "perhaps"}',
}


@pytest.mark.parametrize("said", list(NONSENSE.values()), ids=list(NONSENSE))
def test_an_answer_that_is_none_is_as_no_authority(tmp_path, said):
    class Nonsense(StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(said)

    bench = Bench.make(tmp_path / "authority", at=SystemClock().now())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(bench.broker.certificate, bench.broker.key)
    server = TCPServer(("127.0.0.1", 0), Nonsense)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    with served(server), pytest.raises(BrokerAbsent, match="localhost"):
        post(f"localhost:{server.server_address[1]}", "/enrol", b"{}", context(bench.ca))
