"""What was kept long enough goes from the disk; number and digest stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.cli import main
from agent.contract.audit import judge
from agent.contract.envelope import open_envelope
from agent.contract.jws import Key
from agent.contract.topics import Class
from agent.contract.types import AuditData
from agent.errors import StoreError
from agent.subscriber.erase import erase
from agent.subscriber.tables import is_server, open_tables
from tests.brokers.postgres import Postgres
from tests.contract.makers import AT, NODE, ROOM, STORE, event, signer
from tests.governance.unions import POLICE, folder
from tests.subscriber.parts import dropping, looking, message, several, verdict
from tests.subscriber.test_witness import Place

LATER = {"evt": AT + 1}


@pytest.fixture
def place(tmp_path: Path, where: str) -> Iterator[Place]:
    with closing(Place(tmp_path, where)) as made:
        yield made


def erasing(place: Place) -> list[str]:
    """The command of who keeps the store."""
    return ["erase", "--db", place.database, *looking(place.folder, place.ring, "store", STORE)]


def test_nothing_is_erased_before_anything_was_sealed(place: Place):
    place.keep(several(place.chain, 3))
    place.change("DROP TABLE checkpoint")
    with pytest.raises(StoreError, match="sealed"):
        erase(place.database, LATER, at=AT)


def test_what_no_checkpoint_names_waits(place: Place):
    place.keep(several(place.chain, 3))
    (done,) = erase(place.database, LATER, at=AT)
    assert (done.erased, done.unsealed) == (0, 3)


def test_only_what_is_old_enough_of_its_class_goes(place: Place):
    place.keep([*several(place.chain, 3), message(place.chain, Class.AUDIT, AuditData(action="boot"), kind="boot")])
    place.round()
    assert [one.erased for one in erase(place.database, {"evt": AT - 1}, at=AT)] == [0]
    assert [one.erased for one in erase(place.database, {"audit": AT + 1}, at=AT)] == [1]
    assert [one.erased for one in erase(place.database, LATER, at=AT)] == [3]


def test_what_the_node_signed_away_stays_said(place: Place):
    first, *_ = several(place.chain, 3)
    place.keep([first, dropping(place.chain, (2, 3))])
    place.round()
    assert [one.erased for one in erase(place.database, {"audit": AT + 1}, at=AT)] == [0]


def test_a_rehearsal_counts_and_changes_nothing(place: Place):
    place.keep(several(place.chain, 3))
    place.round()
    for _ in range(2):
        assert [one.erased for one in erase(place.database, LATER, at=AT, rehearse=True)] == [3]


def test_no_byte_of_what_was_erased_is_left_in_the_tables(place: Place, request: pytest.FixtureRequest):
    told = [message(place.chain, data=event(rule="secret-rule")) for _ in range(40)]
    place.keep(told)
    place.round()
    assert any(traces(one.payload, content(place, request)) for one in told)
    erase(place.database, LATER, at=AT)
    assert not any(traces(one.payload, content(place, request)) for one in told)


def traces(token: bytes, disk: bytes) -> bool:
    """Whether any piece of a token's content or signature lies there; SQLite may spread it over pages."""
    body = b".".join(token.split(b".")[1:])
    return any(body[first : first + 24] in disk for first in range(300, len(body) - 24, 24))


def content(place: Place, request: pytest.FixtureRequest) -> bytes:
    """All that lies in the files of the tables; of SQLite also its log."""
    if not is_server(place.database):
        return b"".join(path.read_bytes() for path in sorted(place.folder.glob("events.sqlite*")))
    server: Postgres = request.getfixturevalue("server")
    with closing(open_tables(place.database)) as tables:
        tables.change("CHECKPOINT")
        ((number,),) = tables.rows("SELECT oid FROM pg_database WHERE datname = current_database()")
        return b"".join(path.read_bytes() for path in (server.folder / "data" / "base" / str(number)).iterdir())


def test_verdicts_go_with_the_events_that_they_are_about(place: Place):
    place.ring.add(key_of_room())
    place.keep([*several(place.chain, 1), verdict("useful")])
    place.round()
    erase(place.database, LATER, at=AT)
    with closing(open_tables(place.database)) as tables:
        assert tables.rows("SELECT count(*) FROM verdict") == [(0,)]


def key_of_room() -> Key:
    room = signer("room")
    return Key(room.kid, room.public, "operator", str(ROOM))


def test_the_command_says_what_it_did(place: Place, capsys):
    place.keep(several(place.chain, 3))
    place.round()
    place.keep(several(place.chain, 1))
    assert main([*erasing(place), "--keep", "evt=30"]) == 1
    assert capsys.readouterr().out == "evt: 3 erased, 1 wait for a checkpoint: piazza witness seal\n"


def test_the_unions_own_terms_are_kept_and_the_store_signs_for_what_went(place: Place, tmp_path: Path, capsys):
    union = folder(tmp_path / "union", POLICE, keep_days={"evt": 21})
    place.keep(several(place.chain, 3))
    place.round()
    given = [*erasing(place), "--union", str(union)]
    assert main([*given, "--rehearse"]) == 0
    assert main(given) == 0
    assert "evt: 3 erased\n" in capsys.readouterr().out
    records = (tmp_path / "access" / f"{str(STORE).replace('/', '.')}.jws").read_bytes().splitlines()
    report = judge(records, place.ring, from_first=True)
    (of_store,) = report.nodes.values()
    told = [open_envelope(record, place.ring).data for record in records]
    assert (report.whole, of_store.envelopes) == (True, 12)
    assert [one.outcome for one in told if isinstance(one, AuditData) and one.subject == "erase-evt"] == [
        "rehearsed", "begun", "erased-3",
    ]  # fmt: skip


def test_nothing_is_erased_where_no_record_of_it_can_be_kept(place: Place, tmp_path: Path, capsys):
    place.keep(several(place.chain, 3))
    place.round()
    (tmp_path / "access").write_text("no folder")
    assert main([*erasing(place), "--keep", "evt=30"]) == 2
    assert main(["erase", "--db", place.database, "--keep", "evt=30"]) == 2
    assert capsys.readouterr().err.count("signs for it") == 2
    assert place.store.held(str(NODE)).last == 3
    assert [one.erased for one in erase(place.database, LATER, at=AT, rehearse=True)] == [3]


def test_a_partners_store_keeps_as_long_as_its_agreement_says(place: Place, tmp_path: Path, capsys):
    union = str(folder(tmp_path / "union", POLICE, keep_days={"evt": 3000}))
    place.keep(several(place.chain, 3))
    place.round()
    assert main([*erasing(place), "--union", union]) == 0
    assert main([*erasing(place), "--union", union, "--agreement", "police-2026"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("evt")] == [
        "evt: 0 erased", "evt: 3 erased",
    ]  # fmt: skip
    assert main([*erasing(place), "--union", union, "--agreement", "nobody"]) == 2


@pytest.mark.parametrize(
    "wishes", [["--agreement", "police"], [], ["--keep", "evt"], ["--keep", "rcpt=3"], ["--keep", "evt=-1"]]
)
def test_a_wish_that_cannot_be_read_erases_nothing(tmp_path: Path, wishes: list[str]):
    assert main(["erase", "--db", str(tmp_path / "events.sqlite"), *wishes]) == 2
