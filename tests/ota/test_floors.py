"""Every floor: what loosens it is named by its line, refused without the second key, and approved with it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest

from agent.documents import convert
from agent.governance.agreement import Agreement
from agent.ota import report
from agent.ota.approval import Consent, Loosened, approve, understood
from agent.ota.difference import difference
from agent.ota.floors import loosened
from tests.ota.town import AGREED, FLOORS, NAME, PATTO, config

BEFORE = config(**AGREED)


def refusal(after: bytes, *, consent: bytes | None = None) -> Loosened:
    with pytest.raises(Loosened) as raised:
        approve(after, running=understood(BEFORE, name="before"), consent=consent)
    return raised.value


@pytest.mark.parametrize(("path", "changed"), FLOORS.values(), ids=list(FLOORS))
def test_what_loosens_is_refused_with_its_line_and_passes_with_the_second_key(path: str, changed: dict[str, Any]):
    after = config(**(AGREED | changed))
    refused = refusal(after)
    assert [line.path for line in refused.lines] == [path]
    assert refused.why in report.outcomes()
    agreed = Consent(str(NAME), hashlib.sha256(after).hexdigest(), tuple(map(str, refused.lines)))
    approve(after, running=understood(BEFORE, name="before"), consent=msgspec.json.encode(agreed))


@pytest.mark.parametrize(("path", "changed"), FLOORS.values(), ids=list(FLOORS))
def test_the_way_back_is_free(path: str, changed: dict[str, Any]):
    """What asks for more, keeps less or tells fewer people needs nobody's consent but for who receives."""
    after = understood(config(**(AGREED | changed)), name="after")
    back = loosened(after, understood(BEFORE, name="before"))
    assert not back or path.endswith(("host", "partner", "purpose", "agreements"))


def test_an_agreement_that_nobody_knew_names_who_would_receive():
    (line,) = loosened(understood(config(), name="before"), understood(config(agreements=[PATTO]), name="after"))
    assert str(line) == "agreements[police-2026]: police-faenza would newly receive from brisighella"
    assert (line.thing, line.option) == ("police-2026", "agreements")


def test_a_partner_who_would_see_more_is_said_in_words():
    rules = [{"id": "stays", "kind": "loitering", "stay_s": 60}]
    after = config(**(AGREED | {"agreements": [PATTO | {"events": ["tamper", "loitering"]}], "rules": rules}))
    said = difference(understood(BEFORE, name="before"), understood(after, name="after"))
    assert "police-faenza would newly see loitering in brisighella" in said


def test_an_agreement_that_does_not_speak_of_the_comune_is_no_agreement_of_the_node():
    with pytest.raises(Exception, match="it is none of this node"):
        understood(config(agreements=[PATTO | {"comuni": ["faenza"]}]), name="node.yaml")


def test_every_term_of_an_agreement_is_a_floor_or_known_to_be_none():
    """A term that is added one day must be thought of here."""
    floors = {"events", "sound", "since", "until", "retention_days", "partner", "purpose", "legal_basis", "timezone"}
    assert set(Agreement.__struct_fields__) == floors | {"version", "id", "comuni"}
    assert convert(json.loads(json.dumps(PATTO)), Agreement, name="it").partner.id == "police-faenza"
