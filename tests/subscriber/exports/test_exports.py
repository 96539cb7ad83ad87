"""Exports against the schemas of the systems they are for: CAP's and ONVIF's XSD, the Smart Data Models' attributes."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lxml import etree

from agent import cli
from agent.clock import SimulatedClock
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.jws import Key, KeyRing
from agent.contract.topics import Class, NodeName
from agent.contract.types import AckData
from agent.errors import Refused
from agent.provision.keys import save_ring
from agent.records import Event, Health, Phase, Reason, Severity
from agent.simulation.nodes import SimulatedNode
from agent.simulation.script import CAMERA, GATE, Spot, Story, records
from agent.subscriber.exports import cap, homeassistant, ngsi, onvif, tables
from agent.subscriber.speaker import Speaker
from tests.console.rooms import NOON, signer
from tests.subscriber.exports import targets

NODE = NodeName("romagna", "faenza", "n-1")
OPERATOR = NodeName("romagna", "centre", "room")
MEASURED = (("cpu_temp_c", 51.0), ("disk_free_pct", 40.0), ("disk_free_mb", 900.0), ("uptime_s", 9.0), ("load_1m", 0.3))
STAY = Reason(f"{GATE}/person/stay_s", "stay", 240.0, 180.0)


@pytest.fixture(scope="module")
def ring() -> KeyRing:
    made = KeyRing()
    for name, role in ((NODE, "node"), (OPERATOR, "operator"), (NodeName("romagna", "centre", "store-1"), "store")):
        own = signer(str(name))
        made.add(Key(own.kid, own.public, role, str(name)))
    return made


def node() -> SimulatedNode:
    return SimulatedNode(NODE, signer(str(NODE)), SimulatedClock(NOON))


def sealed(ring: KeyRing, *some: Any) -> list[Envelope]:
    made = node()
    return [open_envelope(outgoing.token, ring) for record in some for outgoing in made.seal(record)]


def happening(kind="loitering", phase=Phase.OPENED, severity=Severity.WARNING) -> Event:
    return Event("one", "stays", kind, phase, severity, NOON, CAMERA, STAY, GATE, "person")


def story(ring: KeyRing, *, days: float, events_a_day: float = 2.0) -> list[Envelope]:
    """Everything that one simulated node tells in so many days."""
    tale = Story(1, "faenza", "faenza", "", 0.0, events_a_day)
    return sealed(ring, *records(tale, Spot(NODE, 1.0), NOON - days * 86_400, NOON))


def verdict(ring: KeyRing, event: Envelope, word="useful") -> Envelope:
    speaker = Speaker(OPERATOR, signer(str(OPERATOR)), clock=SimulatedClock(NOON + 60))
    data = AckData(node=str(NODE), event=str(event.payload.correlationid), verdict=word)
    return open_envelope(speaker.say(Class.ACK, "verdict", data).token, ring)


# CAP


@pytest.fixture(scope="module")
def cap_schema() -> etree.XMLSchema:
    return targets.cap_schema()


@pytest.mark.parametrize("kind", ["loitering", "tamper", "help-button", "crossing"])
@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("severity", list(Severity))
def test_an_alert_is_valid_cap(ring, cap_schema, kind, phase, severity):
    (event,) = sealed(ring, happening(kind, phase, severity))
    made = cap.alert(event, verdict(ring, event), comune="Faenza")
    cap_schema.assertValid(etree.fromstring(made.encode()))


def test_a_machine_alone_makes_no_alert(ring):
    """A verdict of another word, or about another event, confirms nothing."""
    (event,) = sealed(ring, happening())
    (other,) = sealed(ring, Event(**{**event_members(), "id": "another"}))
    for word in (verdict(ring, event, "received"), verdict(ring, event, "false"), verdict(ring, other)):
        with pytest.raises(Refused, match="no person"):
            cap.alert(event, word, comune="Faenza")


def event_members() -> dict[str, Any]:
    one = happening()
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def test_an_event_that_is_over_cancels_its_alert(ring):
    (event,) = sealed(ring, happening(phase=Phase.CLOSED))
    assert "<msgType>Cancel</msgType>" in cap.alert(event, verdict(ring, event), comune="Faenza")


# NGSI-LD


@pytest.fixture(scope="module")
def models() -> dict[str, jsonschema.Draft202012Validator]:
    return targets.entity_schemas()


@pytest.mark.slow
def test_ten_thousand_envelopes_are_valid_entities(ring, models):
    """Counts, events of every type and health: each member is one of its model, of the right type."""
    envelopes = story(ring, days=80, events_a_day=20)
    envelopes += sealed(ring, Health(NOON, (("cpu_temp_c", 51.0), ("disk_free_pct", 40.0))))
    assert len(envelopes) >= 10_000
    made = [entity for envelope in envelopes for entity in ngsi.entities(envelope)]
    for entity in made:
        models[entity["type"]].validate(entity)
    assert {entity["type"] for entity in made} == set(models)
    assert len({entity["id"] for entity in made}) == len(made)


@pytest.mark.slow
def test_an_entity_that_is_not_of_its_model_is_seen(ring, models):
    """The judges of the ten thousand refuse a foreign member, a wrong type and a missing one."""
    (made,) = (entity for event in sealed(ring, happening()) for entity in ngsi.entities(event))
    judge = models[made["type"]]
    assert judge.is_valid(made)
    without = {name: value for name, value in made.items() if name != "type"}
    assert not any(map(judge.is_valid, (made | {"face": "x"}, made | {"severity": "terrible"}, without)))


def test_an_entity_for_a_broker_has_properties_and_relationships(ring):
    (event,) = sealed(ring, happening())
    (made,) = (ngsi.normalized(entity) for entity in ngsi.entities(event))
    assert made["alertSource"] == {"type": "Relationship", "object": "urn:ngsi-ld:Device:romagna:faenza:n-1"}
    assert made["severity"] == {"type": "Property", "value": "medium"}
    assert made["@context"][-1].startswith("https://uri.etsi.org/ngsi-ld/")


# ONVIF


@pytest.mark.slow
def test_onvif_messages_are_valid(ring):
    schema = targets.onvif_schema()
    said = [message for envelope in story(ring, days=30, events_a_day=20) if (message := onvif.message(envelope))]
    for message in said:
        schema.assertValid(etree.fromstring(onvif.xml(message)))
    assert {message["PropertyOperation"] for message in said} == {"Initialized", "Deleted"}
    assert len({message["Topic"] for message in said}) >= 5


def test_counts_are_no_onvif_event(ring):
    assert {onvif.message(one) for one in story(ring, days=0.1) if one.klass is Class.STAT} == {None}


# Home Assistant


def test_home_assistant_gets_health_and_state_and_nothing_else(ring):
    made = node()
    birth = open_envelope(made.birth().token, ring)
    (health,) = sealed(ring, Health(NOON, (("cpu_temp_c", 51.0),)))
    told = dict(homeassistant.messages(birth)) | dict(homeassistant.messages(health))
    assert told["piazza-home/romagna_faenza_n-1/up"] == "ON"
    found = json.loads(told["homeassistant/sensor/romagna_faenza_n-1/cpu_temp_c/config"])
    assert (found["device_class"], found["unit_of_measurement"]) == ("temperature", "°C")
    assert found["state_topic"] in told
    assert [list(homeassistant.messages(one)) for one in sealed(ring, happening())] == [[]]


def test_what_is_announced_is_as_home_assistant_documents_it(ring):
    for one in (open_envelope(node().birth().token, ring), *sealed(ring, Health(NOON, MEASURED))):
        for topic, payload in homeassistant.messages(one):
            assert re.fullmatch(r"[a-zA-Z0-9_/-]+", topic)
            if topic.endswith("/config"):
                targets.discovery_schema(topic.split("/")[1]).validate(json.loads(payload))


# Tables


def test_a_table_has_a_row_for_each_event_and_each_count(ring):
    envelopes = story(ring, days=0.2, events_a_day=40)
    text = tables.write_csv(row for envelope in envelopes for row in tables.rows(envelope))
    read = list(csv.DictReader(io.StringIO(text)))
    each = {Class.EVT: 1, Class.STAT: 2}  # and nothing of a node's own health
    assert len(read) == sum(each.get(one.klass, 0) for one in envelopes)
    assert {row["quantity"] for row in read if row["class"] == "stat"} == {"gate/person/entered", "gate/person/left"}


def test_parquet_holds_the_same(ring, tmp_path):
    import pyarrow.parquet as pq

    rows = [row for envelope in story(ring, days=0.1) for row in tables.rows(envelope)]
    tables.write_parquet(rows, tmp_path / "some.parquet")
    assert pq.read_table(tmp_path / "some.parquet").to_pylist() == rows


# The command


@pytest.fixture
def recorded(ring, tmp_path) -> tuple[Path, Path]:
    """A file of envelopes with a verdict in it and a line that is not genuine, and the ring."""
    made = node()
    tokens = [outgoing.token for outgoing in made.seal(happening())]
    (event,) = (open_envelope(token, ring) for token in tokens)
    speaker = Speaker(OPERATOR, signer(str(OPERATOR)), clock=SimulatedClock(NOON + 60))
    data = AckData(node=str(NODE), event=str(event.payload.correlationid), verdict="useful")
    tokens += [speaker.say(Class.ACK, "verdict", data).token]
    path = tmp_path / "recorded"
    path.write_bytes(b"\n".join(tokens) + b"\n")
    save_ring(tmp_path / "ring.json", ring)
    return path, tmp_path / "ring.json"


@pytest.mark.parametrize(
    ("form", "sign"),
    [
        ("csv", "node,seq"),
        ("ngsi-ld", '"type": "Alert"'),
        ("onvif", "tns1:"),
        ("cap", "<alert"),
        ("home-assistant", ""),
    ],
)
def test_the_command_writes_every_form(recorded, capsys, form, sign):
    path, keys = recorded
    assert cli.main(["export", form, str(path), "--keys", str(keys)]) == 0
    assert sign in capsys.readouterr().out


def test_what_is_not_genuine_is_left_out_and_counted(recorded, capsys):
    path, keys = recorded
    path.write_bytes(path.read_bytes() + b"not.an.envelope\n")
    assert cli.main(["export", "csv", str(path), "--keys", str(keys)]) == 1
    assert "2 envelopes, 1 refused" in capsys.readouterr().err


def test_a_missing_file_is_told(recorded, capsys):
    assert cli.main(["export", "csv", "nowhere", "--keys", str(recorded[1])]) == 2
    assert "nowhere" in capsys.readouterr().err
