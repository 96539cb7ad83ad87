"""What an older release of the contract said, today's readers understand; and what changed since is known."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from agent.cli import main
from agent.commands.schema import documents
from agent.contract.compatible import narrowed
from agent.contract.envelope import open_envelope, spell
from agent.contract.schemas import VERSION
from agent.contract.types import KINDS
from agent.provision.keys import load_ring
from tests.conftest import CHECKOUT

RELEASES = sorted((CHECKOUT / "docs" / "reference" / "schemas").iterdir())
PAIRS = [(release, path.stem) for release in RELEASES for path in sorted(release.glob("*.json")) if path.stem in KINDS]
DOCUMENTS = {name: json.loads(text) for name, text in documents().items()}


def messages(release):
    return [line.split() for line in (release / "messages").read_text().splitlines()]


@pytest.mark.parametrize(("release", "klass"), PAIRS, ids=str)
def test_nothing_that_was_valid_is_refused_today(release, klass):
    """For all messages, by the structure of both schemas; a new major version would have another topic."""
    assert narrowed(json.loads((release / f"{klass}.json").read_text()), DOCUMENTS[klass]) == []


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_yesterdays_messages_are_opened_today(release):
    """Signed by a release of then, kept as they were; every class of then is among them."""
    ring = load_ring(release / "ring.json")
    opened = [open_envelope(token, ring, topic=topic) for topic, token in messages(release)]
    assert {str(one.klass) for one in opened} == {path.stem for path in release.glob("*.json")} & KINDS.keys()
    for one in opened:
        Draft202012Validator(DOCUMENTS[str(one.klass)]).validate(json.loads(spell(one.payload)))


def test_yesterdays_readers_understand_what_is_said_without_news(sent):
    """Whatever does not use a member or word of a later version is valid under the schema of then."""
    for release, klass in PAIRS:
        Draft202012Validator(json.loads((release / f"{klass}.json").read_text())).validate(sent[klass])


def test_the_version_goes_up_when_more_may_be_said():
    newest = RELEASES[-1]
    more = [klass for klass in KINDS if not (newest / f"{klass}.json").exists()]
    more += [klass for release, klass in PAIRS if release == newest
             and narrowed(DOCUMENTS[klass], json.loads((newest / f"{klass}.json").read_text()))]  # fmt: skip
    then, now = ([int(part) for part in text.split(".")] for text in (newest.name, VERSION))
    assert (now > then) == bool(more)
    assert now[0] == then[0] == 1


def old(**changed):
    return {"type": "object", "properties": {"a": {"type": "string", "maxLength": 5}, "b": {"enum": [1, 2]}},
            "required": ["a"], "additionalProperties": False} | changed  # fmt: skip


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (old(), []),
        (old(required=[]), []),
        (old(required=["a", "b"]), [".b: newly required"]),
        (old(properties={"a": {"type": "string"}}), [".b: no longer known"]),
        (old(properties={"a": {"type": "string", "maxLength": 9}, "b": {"enum": [1, 2, 3]}, "c": {}}), []),
        (old(properties={"a": {"type": "string", "maxLength": 4}, "b": {"enum": [2]}}),
         [".a: maxLength is now 4", ".b: no longer any of [1]"]),
        (old(properties={"a": {"type": "integer"}, "b": {"enum": [1, 2]}}), [".a: no longer string"]),
        (old(properties={"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}, "b": {"enum": [1, 2]}}), []),
        (old(properties={"a": {"anyOf": [{"type": "null"}]}, "b": {"enum": [1, 2]}}),
         [".a: no alternative takes it any more"]),
        (old(properties={"a": {"type": "string", "pattern": "^x$"}, "b": {"enum": [1, 2]}}), [".a: another pattern"]),
        (old(properties={"a": {"type": "string"}, "b": {"type": "string"}}), [".b: no longer 1", ".b: no longer 2"]),
        (old(properties={"a": {"type": "string"}, "b": {"type": "number"}}), []),
        (old(unevaluatedProperties=False), [": not understood: unevaluatedProperties"]),
    ],
)  # fmt: skip
def test_a_narrower_schema_is_found(new, said):
    assert narrowed(old(), new) == said


def test_a_narrower_definition_is_found_through_its_reference():
    before = {"$ref": "#/$defs/x", "$defs": {"x": {"type": "array", "items": {"type": "number"}}}}
    after = {"$ref": "#/$defs/x", "$defs": {"x": {"type": "array", "items": {"type": "integer"}, "maxItems": 3}}}
    assert narrowed(before, after) == [": maxItems is now 3", "[]: no longer number"]


def test_the_command_tells_what_a_reader_of_then_would_refuse(capsys):
    assert main(["schema", "--against", str(RELEASES[0])]) == 0
    assert "new since then: pub" in capsys.readouterr().out
    assert main(["schema", "--against", "nowhere"]) == 2
