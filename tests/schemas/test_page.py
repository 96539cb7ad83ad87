"""The contract as a page for people: all of it, and true as of the types."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from agent.cli import main
from agent.commands.schema import documents
from agent.contract.types import KINDS
from agent.governance.contract_page import html
from tests.conftest import CHECKOUT
from tests.governance.unions import POLICE, folder

DOCUMENT = json.loads(documents()["asyncapi"])


class Texts(HTMLParser):
    """All that the page says, and whether its elements close."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said.append(data)


def test_the_page_in_the_documentation_is_what_the_types_say():
    """Run `piazza schema --write` and look at the difference when this fails."""
    assert (CHECKOUT / "docs" / "reference" / "asyncapi.html").read_text() == html(DOCUMENT)


@pytest.mark.parametrize("klass", KINDS)
def test_every_member_of_every_class_is_on_the_page(klass):
    page = Texts(html(DOCUMENT))
    assert page.open == []
    schema = DOCUMENT["components"]["schemas"][klass]
    names = {*schema["properties"], *(f"data.{name}" for name in member_names(schema))}
    assert names <= set(page.said)
    assert DOCUMENT["channels"][klass]["address"] in page.said


def member_names(schema):
    data = schema["properties"]["data"]["$ref"].rpartition("/")[2]
    return schema["$defs"][data]["properties"]


def test_the_page_fetches_nothing():
    page = html(DOCUMENT)
    assert "<script" not in page
    assert "<link" not in page
    assert "src=" not in page


def test_a_partner_gets_a_page_of_its_own(tmp_path, capsys):
    assert main(["patto", "view", str(folder(tmp_path, POLICE)), "police-2026", "--format", "html"]) == 0
    page = capsys.readouterr().out
    assert "Piazza for Commissariato" in page
    assert "what kind of message within its class: crossing, tamper" in page
    assert 'id="stat"' not in page


def test_the_command_writes_the_page(tmp_path):
    assert main(["schema", "--html", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_text() == html(DOCUMENT)
