"""Roles that hold for some classes and types only: whichever view is asked, no more is told than the agreement says."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from agent import cli
from agent.clock import SimulatedClock
from agent.console.app import FILES, application
from agent.console.items import happening
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.jws import KeyRing
from agent.contract.topics import Class, Topic
from agent.governance import places
from agent.governance.rights import EVENT_KINDS
from agent.provision.keys import new_signing_key, save_ring
from agent.simulation.stage import POLICE, SEAT, SQUARE
from agent.subscriber import Reader
from agent.transport.memory import MemoryBroker
from tests.console.rooms import NOON, Place, place

REGION = f"{SEAT}/region"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("one class")]
COMUNI = {POLICE: {"faenza", "brisighella"}}
TYPES = {POLICE: {"crossing", "tamper", "report", "anomaly"}, REGION: set[str](), SQUARE: set[str]()}
"""As the agreements of the simulation say; statistics and publishers are given no event at all."""

WEEKS = {POLICE: False, REGION: True, SQUARE: True}
"""Counts are for statistics, not for the police."""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Place:
    return place(tmp_path_factory.mktemp("place"), days=2.0)


@pytest.fixture(params=TYPES, ids=lambda party: party.rpartition("/")[2])
def party(request) -> str:
    return str(request.param)


@pytest.fixture
def page(built, party) -> Iterator[TestClient]:
    desktop = built.desktop(party, MemoryBroker(SimulatedClock(NOON)))
    ground = places.load(built.town.folder, built.town.union)
    with TestClient(application(replace(desktop, ground=ground))) as client:
        client.get("/", params={"key": desktop.secret})
        yield client
    desktop.archive.close()


def told(built: Place, klass: Class) -> list[Envelope]:
    envelopes = map(partial(open_envelope, ring=built.ring), (one.token for one in built.told))
    return [envelope for envelope in envelopes if envelope.klass is klass]


def test_the_history_and_the_list_hold_the_types_of_the_role(page, built, party):
    asked = [{}, *({"kind": kind} for kind in {one.topic.type for one in told(built, Class.EVT)})]
    events = [item for question in asked for item in page.get("/api/events", params=question).json()]
    items = [*events, *page.get("/api/now").json()["open"]]
    assert {item["type"] for item in items} <= TYPES[party]
    assert {item["comune"] for item in items} <= COMUNI.get(party, set())
    assert bool(events) is bool(TYPES[party])


def test_a_sheet_is_shown_of_the_same_events_only(page, built, party):
    shown = set()
    for one in told(built, Class.EVT):
        asked = {"node": str(one.topic.name), "event": happening(one), "at": one.at}
        if page.get("/api/event", params=asked).status_code == 200:
            shown.add((one.topic.name.comune, one.topic.type))
    assert {kind for _, kind in shown} <= TYPES[party]
    assert {comune for comune, _ in shown} <= COMUNI.get(party, set())
    assert bool(shown) is bool(TYPES[party])


def test_a_heat_map_is_for_those_who_are_given_counts(page, built, party):
    weeks = [page.get("/api/week", params={"node": str(node.name), "quantity": ""}).json() for node in built.nodes]
    assert {bool(week["quantities"]) for week in weeks} == {WEEKS[party]}


def test_the_audit_view_tells_acts_and_accesses_to_auditors_alone(page):
    found = page.get("/api/chains").json()
    assert found["audits"] == found["accesses"] == []


def test_a_node_beside_the_map_tells_no_more_than_the_history(page, built, party):
    for node in built.nodes:
        answer = page.get("/api/node", params={"node": str(node.name)})
        if answer.status_code == 200:
            held = answer.json()["held"]
            assert {event["type"] for event in held["events"]} <= TYPES[party]
            assert held["health"] == []


def test_what_a_broker_lets_through_by_mistake_is_not_told(built, party):
    """Neither an event nor a verdict of a class, type or comune that is not the role's."""
    desk, reader = built.desk(party), Reader(built.ring)
    items = [item for one in built.told for item in desk.take(built.news(one, reader), at=NOON)]
    kinds = {item["type"] for item in items if item["kind"] == "event"}
    assert kinds <= TYPES[party]
    assert not any(item["kind"] == "verdict" for item in items) or party == POLICE


Asked = Iterator[dict[str, str]]


def each_event(built: Place) -> Asked:
    """The last one of each node and type."""
    for one in {(one.topic.name, one.topic.type): one for one in told(built, Class.EVT)}.values():
        yield {"node": str(one.topic.name), "event": happening(one), "at": str(one.at)}


ASKED: dict[str, Callable[[Place], Asked]] = {
    "/api/me": lambda _: iter([{}]),
    "/api/now": lambda _: iter([{}]),
    "/api/map": lambda _: iter([{}]),
    "/api/chains": lambda _: iter([{}]),
    "/api/events": lambda built: iter(
        [{}, *({"kind": kind} for kind in EVENT_KINDS), *({"comune": one.id} for one in built.town.union.comuni)]
    ),
    "/api/event": each_event,
    "/api/node": lambda built: ({"node": str(node.name)} for node in built.nodes),
    "/api/week": lambda built: ({"node": str(node.name), "quantity": "gate/person/left"} for node in built.nodes),
}
"""How to ask all that each route can answer."""

SPOKEN = {"/api/live", "/api/verdict"}
"""A stream of what the desk takes, and what is posted: each has a test of its own here."""


def test_every_route_of_the_page_is_asked_here(built):
    """A new one fails until it is told how to ask it, and then what it may not tell."""
    desktop = built.desktop(POLICE)
    found = {route.path for route in application(desktop).routes if isinstance(route, Route)}
    desktop.archive.close()
    assert found == {*ASKED, *SPOKEN, *(f"/{name}" for name in FILES)}


@pytest.mark.parametrize("route", ASKED)
def test_no_route_tells_what_the_role_may_not_read(page, built, party, route):
    """Whatever is asked: neither the name of a node nor a happening or a message outside the agreement."""
    sight = built.sight(party)
    known = {str(name) for name in sight.nodes(NOON)}
    hidden = {str(node.name) for node in built.nodes} - known
    for one in told(built, Class.EVT):
        if not sight.sees(one.topic, NOON):
            hidden |= {happening(one), one.digest}
    assert hidden
    for question in ASKED[route](built):
        answer = page.get(route, params=question)
        given_back = set(question.values()) if answer.status_code == 200 else set[str]()
        told_back = set(re.findall(r"[A-Za-z0-9_./-]+", answer.text)) - (given_back if route == "/api/week" else set())
        assert not told_back & hidden


def test_nobody_judges_what_they_may_not(page, built, party):
    """The police where they have an agreement; statistics and publishers nowhere."""
    for node in built.nodes:
        said = {"node": str(node.name), "event": "0" * 16, "verdict": "false"}
        may = built.sight(party).says(Topic(node.name, Class.ACK, "verdict"), NOON)
        assert page.post("/api/verdict", json=said).status_code == (200 if may else 403)
        assert may == (node.name.comune in COMUNI.get(party, set()))


def test_an_export_for_the_police_holds_what_the_police_may_read(built, tmp_path, capsys):
    """Signed for with the key of the police, whose rights of now decide."""
    shutil.copytree(built.town.folder, tmp_path / "union")
    agreement = tmp_path / "union" / "agreements" / "police.yaml"
    agreement.write_text(re.sub('since: ".*?"', 'since: "2020-01-01"', agreement.read_text()))
    agreement.write_text(re.sub('until: ".*?"', 'until: "2099-01-01"', agreement.read_text()))
    ring = KeyRing()
    for key in (*built.ring, new_signing_key(tmp_path / "sign.pem", role="police", subject=POLICE)):
        ring.add(key)
    save_ring(tmp_path / "ring.json", ring)
    asked = ["export", "csv", str(tmp_path / "union" / "events.sqlite"), "--keys", str(tmp_path / "ring.json")]
    assert cli.main([*asked, "--signer", str(tmp_path / "sign.pem"), "--union", str(tmp_path / "union")]) == 0
    said = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert {row["class"] for row in rows} == {"evt"}
    assert {row["type"] for row in rows} <= TYPES[POLICE]
    assert {row["node"].split("/")[1] for row in rows} <= COMUNI[POLICE]
    assert re.search(r"export: \d+ envelopes, 0 refused", said.err)
    assert rows
