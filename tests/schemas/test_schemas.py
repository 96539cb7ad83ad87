"""The documents of the contract are what the types say, and what the node sends is valid under them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agent.cli import main
from agent.commands.schema import documents, stale_documents
from agent.contract.types import KINDS
from agent.schemas import contract_digest

DOCUMENTS = {name: json.loads(text) for name, text in documents().items()}
LATER = "2026-05-01T08:31:00.000Z"


def schema(klass: str) -> Draft202012Validator:
    return Draft202012Validator(DOCUMENTS[klass])


def test_what_ships_is_what_the_types_say() -> None:
    """Run `piazza schema --write` and look at the difference when this fails."""
    assert stale_documents() == []


@pytest.mark.parametrize("name", sorted(DOCUMENTS.keys() - {"asyncapi"}))
def test_each_schema_is_good_json_schema(name: str) -> None:
    Draft202012Validator.check_schema(DOCUMENTS[name])


def test_every_class_that_is_really_sent_is_valid_under_its_schema(sent: dict[str, Any]) -> None:
    assert sent.keys() == KINDS.keys()
    for klass, document in sent.items():
        schema(klass).validate(document)


def test_no_schema_lets_an_unknown_member_in_anywhere(sent: dict[str, Any]) -> None:
    for klass, document in sent.items():
        for place in _objects(document):
            place["picture"] = "aGVsbG8="
            assert not schema(klass).is_valid(document), f"{klass} {place}"
            del place["picture"]


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(item)


def test_a_statement_with_a_number_and_an_event_without_one_are_invalid(sent: dict[str, Any]) -> None:
    assert not schema("head").is_valid(sent["head"] | {"seq": 1})
    assert not schema("evt").is_valid({key: value for key, value in sent["evt"].items() if key != "seq"})


def test_every_text_of_every_schema_is_bounded() -> None:
    """A text is an enumeration, a constant or has an anchored pattern: there is no free text."""
    for klass in KINDS:
        for place in _objects(DOCUMENTS[klass]):
            if place.get("type") == "string":
                pattern = place.get("pattern", "")
                assert pattern.startswith("^"), place
                assert pattern.endswith("$"), place


def test_patterns_are_those_that_every_reader_understands() -> None:
    assert not [name for name, text in documents().items() if "(?!" in text]


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = DOCUMENTS["asyncapi"]
    for place in _objects(
        {key: document[key] for key in ("channels", "operations")} | document["components"]["messages"]
    ):
        if "$ref" in place:
            target: Any = document
            for part in place["$ref"].removeprefix("#/").split("/"):
                target = target[part]
    assert document["channels"]["evt"]["address"] == "piazza/v1/{union}/{comune}/{node}/evt/{type}"
    assert document["operations"]["publish-evt"]["bindings"]["mqtt"] == {
        "qos": 1, "retain": False, "bindingVersion": "0.2.0", "messageExpiryInterval": 604800,
    }  # fmt: skip


def test_the_command_lists_prints_and_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert "evt" in capsys.readouterr().out.split()
    assert main(["schema", "evt"]) == 0
    assert json.loads(capsys.readouterr().out) == DOCUMENTS["evt"]
    assert main(["schema", "--check"]) == 0
    assert main(["schema", "no-such"]) == 2


def test_the_digest_of_the_contract_is_twelve_digits() -> None:
    assert len(contract_digest()) == 12
