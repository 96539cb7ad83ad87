"""The past through the eyes of a role: what is open, what was, whole weeks, and whether chains hold."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from agent.clock import SimulatedClock
from agent.console import search
from agent.console.search import Question
from agent.contract.envelope import open_envelope
from agent.contract.topics import Class, NodeName
from agent.contract.types import AckData
from agent.errors import StoreError
from agent.simulation.stage import POLICE, ROOM
from agent.subscriber.holding import Item
from agent.subscriber.speaker import Speaker
from agent.subscriber.store import Store
from tests.console.rooms import NOON, Place, place, signer


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Place:
    return place(tmp_path_factory.mktemp("place"), days=1.5)


@pytest.fixture
def archive(built):
    made = built.archive()
    yield made
    made.close()


def test_events_come_with_the_newest_first(archive):
    found = archive.events(Question(), at=NOON)
    times = [item["at"] for item in found]
    assert times == sorted(times, reverse=True)
    assert len(found) > 10


@pytest.mark.parametrize(
    ("question", "member", "value"),
    [
        (Question(comune="riolo"), "comune", "riolo"),
        (Question(kind="loitering"), "type", "loitering"),
        (Question(severity="warning"), "severity", "warning"),
    ],
)
def test_a_question_narrows(archive, question, member, value):
    found = archive.events(question, at=NOON)
    assert found
    assert {item[member] for item in found} == {value}


def test_a_question_about_a_time_is_answered_about_it(archive):
    found = archive.events(Question(since=NOON - 3600 * 4, until=NOON - 3600), at=NOON)
    assert all(NOON - 3600 * 4 <= item["at"] < NOON - 3600 for item in found)


def test_the_police_find_only_what_was_agreed(built):
    archive = built.archive(POLICE)
    found = archive.events(Question(), at=NOON)
    assert {item["comune"] for item in found} <= {"faenza", "brisighella"}
    assert {item["type"] for item in found} <= {"crossing", "tamper", "report", "anomaly"}
    assert archive.events(Question(comune="riolo"), at=NOON) == []
    assert archive.audits(at=NOON) == []
    archive.close()


def test_what_is_open_was_not_closed(archive):
    everything = archive.events(Question(), at=NOON, limit=10_000)
    opened = {item["id"] for item in everything if item["phase"] == "opened"}
    closed = {item["id"] for item in everything if item["phase"] == "closed"}
    assert {item["id"] for item in archive.open_events(at=NOON)} == opened - closed


def test_a_week_has_a_mean_for_every_hour_that_was_seen(archive, built):
    name = str(built.nodes[0].name)
    week = archive.week(name, "gate/person/entered", at=NOON, timezone="Europe/Rome")
    assert week["quantities"] == ["gate/person/entered", "gate/person/left"]
    assert len(week["cells"]) == 37
    assert sum(cell["quarters"] for cell in week["cells"]) == 36 * 4
    busiest = max(week["cells"], key=lambda cell: cell["mean"])
    assert 8 <= busiest["hour"] <= 21


def test_whole_chains_are_whole_and_a_lost_row_shows(built, tmp_path):
    copy = tmp_path / "events.sqlite"
    copy.write_bytes(built.database.read_bytes())
    name = str(built.nodes[0].name)
    db = sqlite3.connect(copy)
    db.execute("DELETE FROM envelope WHERE node = ? AND seq = 7", (name,))
    db.commit()
    db.close()
    built.database, kept = copy, built.database
    archive = built.archive()
    built.database = kept
    assert {chain["node"]: chain["missing"] for chain in archive.chains(at=NOON)}[name] == 1
    assert sum(chain["missing"] for chain in archive.chains(at=NOON)) == 1
    archive.close()


def test_a_row_that_somebody_altered_is_not_shown(built, tmp_path):
    copy = tmp_path / "events.sqlite"
    copy.write_bytes(built.database.read_bytes())
    db = sqlite3.connect(copy)
    db.execute("UPDATE envelope SET token = replace(token, 'A', 'B') WHERE klass = 'evt'")
    db.commit()
    db.close()
    built.database, kept = copy, built.database
    archive = built.archive(ROOM)
    built.database = kept
    assert archive.events(Question(), at=NOON) == []
    archive.close()


def test_a_file_that_is_no_store_is_told(built, tmp_path):
    built.database, kept = tmp_path / "nothing.sqlite", built.database
    with pytest.raises(StoreError, match=r"nothing\.sqlite"):
        built.archive()
    built.database = kept


def test_what_people_said_stands_beside_the_event(built, tmp_path):
    """By party and role, as the store kept it; who may not read verdicts sees none."""
    database = tmp_path / "events.sqlite"
    sqlite3.connect(built.database).execute("VACUUM INTO ?", (str(database),))
    seen = built.archive(POLICE).events(Question(), at=NOON)[0]
    clock = SimulatedClock(NOON)
    word = Speaker(NodeName.parse(ROOM), signer(ROOM), clock=clock).say(
        Class.ACK, "verdict", AckData(node=seen["node"], event=seen["id"], verdict="false")
    )
    store = Store(database)
    store.commit([Item(open_envelope(word.token, built.ring), word.token.decode())], at=NOON)
    store.close()
    told = replace(built, database=database)
    ours = [item for item in told.archive().events(Question(), at=NOON) if item["id"] == seen["id"]]
    assert {(one["by"], one["role"], one["verdict"]) for item in ours for one in item["verdicts"]} == {
        ("room", "operator", "false")
    }
    assert all(item["verdicts"] == [] for item in told.archive(POLICE).events(Question(), at=NOON))


def test_a_search_reads_its_own_index_and_sorts_nothing(built):
    """What a search costs does not grow with the store: SQLite walks one run of the index for each part of it."""
    db = sqlite3.connect(built.database)
    plan = [
        row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {search.RUN}", ("faenza", "crossing", "alarm", 0.0, 1e11))
    ]
    db.close()
    assert len(plan) == 1
    assert "INDEX event_search (<expr>=? AND kind=? AND severity=? AND at>? AND at<?)" in plan[0]
