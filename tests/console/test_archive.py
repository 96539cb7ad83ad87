"""The past through the eyes of a role: what is open, what was, whole weeks, and whether chains hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent import cli
from agent.clock import SimulatedClock
from agent.console import search
from agent.console.search import Question
from agent.contract.envelope import open_envelope
from agent.contract.topics import Class, NodeName, Topic
from agent.contract.types import AckData
from agent.errors import StoreError
from agent.simulation.stage import POLICE, ROOM, SQUARE
from agent.subscriber.holding import Item
from agent.subscriber.speaker import Speaker
from agent.subscriber.store import Store
from agent.subscriber.tables import SqliteTables, open_tables
from tests.brokers.postgres import postgres
from tests.console.rooms import DAY_S, NOON, Place, place, signer
from tests.subscriber.parts import looking

ON_POSTGRES = (pytest.mark.slow, pytest.mark.xdist_group("postgres"))
CROSSING = Topic(NodeName("romagna-faentina", "faenza", "n-0001"), Class.EVT, "crossing")


@pytest.fixture(scope="module")
def on_server() -> Iterator[str]:
    """The address of a database of this module's own."""
    with postgres() as server:
        yield server.address("console")


@pytest.fixture(scope="module", params=["SQLite", pytest.param("PostgreSQL", marks=ON_POSTGRES)])
def either(request, tmp_path_factory) -> Place:
    """The same story in the two databases that a store may have."""
    server = request.getfixturevalue("on_server") if request.param == "PostgreSQL" else ""
    return place(tmp_path_factory.mktemp("either"), days=1.5, server=server)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Place:
    return place(tmp_path_factory.mktemp("place"), days=1.5)


@pytest.fixture
def archive(either):
    made = either.archive()
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


def test_the_police_find_only_what_was_agreed(either):
    archive = either.archive(POLICE)
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


def test_a_happening_is_found_by_its_name_and_any_of_its_times(archive):
    """All its words in their order; by a time that is too far away it is not."""
    last = next(item for item in archive.events(Question(), at=NOON) if item["phase"] == "closed")
    for near in (last["at"], last["at"] - last["duration_s"]):
        found = archive.happening(last["node"], last["id"], near, at=NOON)
        assert [one["phase"] for one in found["messages"]] == ["opened", "closed"]
        assert found["event"] == last
    assert archive.happening(last["node"], last["id"], NOON - 30 * DAY_S, at=NOON) == {}
    assert archive.happening("romagna-faentina/faenza/other", last["id"], last["at"], at=NOON) == {}


def test_a_week_has_a_mean_for_every_hour_that_was_seen(archive, either):
    name = str(either.nodes[0].name)
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


@pytest.mark.parametrize("severity", ["alarm", None])
def test_a_search_reads_its_own_index_and_sorts_nothing(built, severity):
    """What a search costs does not grow with the store: SQLite walks one run of the index for each part of it."""
    where, values = search.run(SqliteTables(built.database), CROSSING, severity)
    question = search.page(SqliteTables(built.database), where)
    db = sqlite3.connect(built.database)
    plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {question}", (*values, 0.0, 1e11, 2))]
    db.close()
    assert len(plan) == 1
    assert "INDEX event_search (<expr>=? AND kind=? AND severity=? AND at>? AND at<?)" in plan[0]


def test_pages_of_rows_at_one_instant_lose_none_and_repeat_none(tmp_path):
    """However many there are: a page ends in the midst of them."""
    Store(tmp_path / "events.sqlite").close()
    db = sqlite3.connect(tmp_path / "events.sqlite")
    times = [5.0] * 3 + [4.0] * 40 + [3.0, 2.0, 2.0]
    for number, at in enumerate(times):
        row = ("u/c/n", 1, number, "0", "stat", "a", at, at, at, None, None, f"{number}")
        db.execute("INSERT INTO envelope VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    db.commit()
    db.close()
    found = list(search.latest(SqliteTables(tmp_path / "events.sqlite"), "klass = ?", ("stat",)))
    assert sorted(map(int, found)) == list(range(len(times)))
    assert [times[int(one)] for one in found] == times


@pytest.mark.slow
@pytest.mark.xdist_group("postgres")
def test_who_looks_for_days_outlives_a_new_start_of_the_server(tmp_path):
    """The first question afterwards is answered with an error that says so; the second one is answered."""
    with postgres() as server:
        archive = place(tmp_path, days=0.2, server=server.address("console")).archive()
        before = archive.events(Question(), at=NOON)
        server.kill()
        server.start()
        with pytest.raises(StoreError, match="PostgreSQL"):
            archive.events(Question(), at=NOON)
        assert archive.events(Question(), at=NOON) == before != []
        archive.close()


@pytest.mark.slow
@pytest.mark.xdist_group("postgres")
def test_who_looks_can_change_nothing(on_server, tmp_path):
    place(tmp_path, days=0.1, server=on_server)
    for where in (on_server, tmp_path / "events.sqlite"):
        Store(tmp_path / "events.sqlite").close()
        tables = open_tables(where, only_reads=True)
        with pytest.raises(StoreError, match=r"read-?only"):
            tables.change("DELETE FROM envelope")
        tables.close()


@pytest.mark.slow
@pytest.mark.xdist_group("postgres")
def test_citizens_get_the_same_site_from_either_database(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with postgres() as server:
        built = place(tmp_path / "union", days=0.5)
        there = place(tmp_path / "union", days=0.5, server=server.address("public"))
        signed = looking(tmp_path, built.ring, "publisher", NodeName.parse(SQUARE))
        for where, out in ((built.where, "file"), (there.where, "server")):
            assert cli.main(["public", "union", "--db", str(where), "--out", out, "--days", "100000", *signed]) == 0
    assert (tmp_path / "file/counts.csv").read_text() == (tmp_path / "server/counts.csv").read_text() != ""
