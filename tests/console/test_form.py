"""The report form: from a visitor's choice to a signed event on the disk, and nothing about the visitor."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.commands import form
from agent.commands.form import FormDesk, opened
from agent.console.form_server import HOST, FormServer
from agent.console.settings import load
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.jws import KeyRing
from agent.contract.types import EventData
from agent.provision.keys import new_signing_key, save_ring
from agent.uplink.outbox import OutboxReader

NODE = "romagna-faentina/faenza/form"
Asked = tuple[int, str]


class Place:
    """A form that listens on a free port, and what lies in its outbox."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.ring = folder, KeyRing()
        self.ring.add(new_signing_key(folder / "sign.pem", role="node", subject=NODE))
        save_ring(folder / "ring.json", self.ring)
        self.config = folder / "form.yaml"
        self.config.write_text(
            f"version: 1\nstate_dir: {folder}/state\n"
            f"node: {{union: romagna-faentina, comune: faenza, id: form, signing_key: {folder}/sign.pem,"
            f" keyring: {folder}/ring.json}}\nuplink: {{broker: {{host: localhost}}}}\n"
            "form:\n  title: Faenza\n  port: 0\n  per_hour: 2\n"
            "  areas: [{id: centro, name: Centro storico}, {id: stazione, name: Stazione}]\n"
        )
        config = load(self.config)
        self.desk: FormDesk = opened(config, self.config.read_bytes(), stack, SystemClock())
        self.server = FormServer(config.form, self.desk.take)
        stack.callback(self.server.server_close)
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()
        stack.callback(self.server.shutdown)
        self.visitors = stack.enter_context(ThreadPoolExecutor(1))

    def ask(self, method: str, path: str, body: str | None = None) -> Asked:
        """What a visitor gets; the desk works meanwhile."""
        answer: Future[Asked] = self.visitors.submit(self._ask, method, path, body)
        while not answer.done():
            self.desk.run_once(0.05)
        return answer.result()

    def _ask(self, method: str, path: str, body: str | None) -> Asked:
        connection = HTTPConnection(HOST, self.server.server_address[1], timeout=60)
        connection.request(method, path, body)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def events(self) -> list[Envelope]:
        reader = OutboxReader(self.folder / "state" / "outbox.sqlite")
        rows = reader.after(0, limit=100)
        reader.close()
        return [one for one in (open_envelope(row.token, self.ring) for row in rows) if one.klass == "evt"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(tmp_path, stack)


def test_a_choice_is_thanked_for_when_it_is_a_signed_event(place: Place):
    status, page = place.ask("POST", "/report", "area=centro&what=noise")
    assert (status, "Grazie" in page) == (200, True)
    (event,) = place.events()
    assert str(event.topic) == f"piazza/v1/{NODE}/evt/report"
    assert isinstance(event.data, EventData)
    assert (event.data.rule, event.data.zone, event.data.quality.unverified) == ("noise", "centro", True)


def test_an_event_says_nothing_of_who_sent_it(place: Place):
    place.ask("POST", "/report", "area=centro&what=noise&name=Maria&text=hello")
    (event,) = place.events()
    assert b"Maria" not in (place.folder / "state" / "outbox.sqlite").read_bytes()
    assert event.payload.time.endswith(":00.000Z")


@pytest.mark.parametrize(
    "body", ["area=centro", "area=nowhere&what=noise", "area=centro&what=gossip", "", "x" * 300, "a=1&b=2&c=3&d=4&e=5"]
)
def test_what_the_form_does_not_offer_is_refused(place: Place, body: str):
    assert place.ask("POST", "/report", body)[0] == 400
    assert place.events() == []


def test_too_many_in_an_hour_are_told_to_call(place: Place):
    for what in ("noise", "dark"):
        assert place.ask("POST", "/report", f"area=centro&what={what}")[0] == 200
    status, page = place.ask("POST", "/report", "area=centro&what=help")
    assert (status, "112" in page) == (429, True)


def test_the_page_holds_every_choice_and_no_script(place: Place):
    status, page = place.ask("GET", "/")
    assert status == 200
    assert page.count('type="radio"') == 8
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert place.ask("GET", "/favicon.ico")[0] == 404


def test_the_page_is_written_for_another_web_server(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "report.html"
    parser = argparse.ArgumentParser()
    form.add_arguments(parser)
    given = ["--config", str(place.config), "--page", str(out), "--to", "https://form.example/report"]
    assert form.run(parser.parse_args(given)) == 0
    assert "8 choices, 2 areas" in capsys.readouterr().out
    assert 'action="https://form.example/report"' in out.read_text()
    assert "form-action https://form.example" in out.read_text()
