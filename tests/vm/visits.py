"""A visit of commissioning on this side of the cable: what a technician's phone asks of the page, one thing after the other."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from agent.provision.identity import AIM_PORT
from tests.vm.authority import NAME, within
from tests.vm.machine import THERE

HOST = f"{NAME.rpartition('/')[2]}.local"
"""The name on the label."""
HIDDEN = [[0, 0], [0.3, 0], [0.3, 0.3], [0, 0.3]]
ASKED: tuple[tuple[str, str, Any], ...] = (
    ("drawn", "/draw", {"camera": "gate", "view": {"masks": [HIDDEN]}}),
    ("load begun", "/say", {"step": "load"}),
    ("event asked for", "/say", {"step": "test"}),
    ("aim confirmed", "/say", {"step": "aim", "ok": True}),
    ("event confirmed", "/say", {"step": "event", "ok": True}),
    ("finished", "/finish", {}),
)
"""What is done, by which question; after the last one the node signs its report and closes the page."""
PATIENCE_S = 300.0


class Visit:
    """`ca` is the authority that the phone believes, `code` what the label says."""

    def __init__(self, machine, *, ca, code: str) -> None:
        self._machine, self._code, self._cookie = machine, code, ""
        self._context = ssl.create_default_context(cafile=ca)

    def steps(self) -> Iterator[str]:
        """Open the page as the button would, enter, and do one thing after the other; each is named when it is done."""
        within(PATIENCE_S, lambda: self._machine.inside("piazza", "aim", "open").returncode == 0)
        within(PATIENCE_S, self._enters)
        yield "entered"
        for done, path, body in ASKED:
            assert self._post(path, body) == http.HTTPStatus.OK, done
            yield done

    def _enters(self) -> bool:
        """Whether the page, which the marker has begun, lets us in."""
        try:
            return self._post("/enter", self._code) == http.HTTPStatus.OK
        except OSError:
            return False

    def _post(self, path: str, body: object) -> int:
        asked = http.client.HTTPConnection(HOST, AIM_PORT)
        with socket.create_connection((THERE, AIM_PORT), timeout=60) as plain:
            asked.sock = self._context.wrap_socket(plain, server_hostname=HOST)
            asked.request("POST", path, json.dumps(body), {"Cookie": self._cookie})
            answer = asked.getresponse()
            answer.read()
            self._cookie = (answer.getheader("Set-Cookie") or self._cookie).partition(";")[0]
            asked.close()
        return answer.status
