"""A role that holds in one comune: no view of the page tells anything of another, whatever the broker lets through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest
from starlette.testclient import TestClient

from agent.clock import SimulatedClock
from agent.console.app import Desktop, application
from agent.console.items import happening
from agent.contract.envelope import open_envelope
from agent.contract.types import EventData
from agent.governance import places
from agent.governance.union import Party
from agent.simulation.stage import SEAT
from agent.transport.memory import MemoryBroker
from tests.console.rooms import NOON, Place, place

OURS, OTHERS = "faenza", ("brisighella", "casola", "castel-bolognese", "riolo", "solarolo")
NAME = f"{SEAT}/room-of-faenza"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Place:
    """A day of all six comuni in the store, and an operator of one of them."""
    made = place(tmp_path_factory.mktemp("place"), days=1.0)
    party = Party(id="room-of-faenza", role="operator", comuni=(OURS,))
    union = msgspec.structs.replace(made.town.union, parties=(*made.town.union.parties, party))
    return replace(made, town=replace(made.town, union=union))


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker(SimulatedClock(NOON))


@pytest.fixture
def desktop(built, broker) -> Iterator[Desktop]:
    desktop = built.desktop(NAME, broker)
    yield replace(desktop, ground=places.load(built.town.folder, built.town.union))
    desktop.archive.close()


@pytest.fixture
def page(desktop) -> Iterator[TestClient]:
    with TestClient(application(desktop)) as client:
        client.get("/", params={"key": desktop.secret})
        yield client


@pytest.mark.parametrize("path", ["me", "now", "map", "events", "chains"])
def test_a_view_speaks_of_our_comune_and_of_no_other(page, path):
    told = page.get(f"/api/{path}").text
    assert OURS in told
    assert [comune for comune in OTHERS if comune in told] == []


@pytest.mark.parametrize("asked", [{"comune": "riolo"}, {"comune": "+"}, {"comune": "riolo", "kind": "loitering"}])
def test_asking_for_another_comune_finds_nothing(page, asked):
    assert page.get("/api/events", params=asked).json() == []


def test_the_weeks_and_the_chart_of_another_comunes_node_are_not_shown(page, built):
    names = {node.name.comune: str(node.name) for node in built.nodes}
    week = {comune: page.get("/api/week", params={"node": name}).json() for comune, name in names.items()}
    assert {comune for comune, told in week.items() if told["quantities"]} == {OURS}
    chart = {comune: page.get("/api/node", params={"node": name}).status_code for comune, name in names.items()}
    assert chart == {OURS: 200} | dict.fromkeys(OTHERS, 403)


def test_the_sheet_of_another_comunes_event_is_not_shown(page, built):
    """Even for whoever knows its name and its time."""
    told: dict[str, int] = {}
    for outgoing in built.told:
        envelope = open_envelope(outgoing.token, built.ring)
        if isinstance(envelope.data, EventData):
            asked = {"node": str(envelope.topic.name), "event": happening(envelope), "at": envelope.at}
            told[envelope.topic.name.comune] = page.get("/api/event", params=asked).status_code
    assert told == {OURS: 200} | dict.fromkeys(told.keys() - {OURS}, 404)
    assert len(told) > 1


def test_what_a_broker_lets_through_by_mistake_is_not_told(desktop, built, broker):
    """The page's own rights are asked for each message."""
    heard: list[dict[str, object]] = []
    desktop.room.listen(heard.extend)
    mistaken = desktop.room.transport
    mistaken.subscribe("piazza/v1/#")
    mistaken.open()
    desktop.room.run_once()
    sender = broker.transport("sender")
    sender.open()
    sender.poll(0.0)
    for outgoing in [*built.told[:50], *built.told[-50:]]:
        sender.publish(outgoing.topic, outgoing.token)
    for _ in range(20):
        desktop.room.run_once()
    told = json.dumps([*heard, desktop.room.now()])
    assert "/faenza/n-0001" in told
    assert [comune for comune in OTHERS if comune in told] == []


def test_the_broker_is_asked_for_no_more_than_the_role(desktop):
    assert {pattern.split("/")[3] for pattern in desktop.room.desk.sight.filters(NOON)} <= {OURS, "centre"}
