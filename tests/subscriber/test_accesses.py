"""Who looked at what: signed before it is shown, carried by the store, and neither invented nor lost on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import cli
from agent.clock import SimulatedClock
from agent.commands.export import tokens_of
from agent.contract.audit import judge
from agent.contract.envelope import open_envelope, source, spell, type_name
from agent.contract.jws import GENESIS
from agent.contract.topics import Class, NodeName
from agent.contract.types import AuditData
from agent.errors import Refused
from agent.provision.keys import new_signing_key, save_ring
from agent.subscriber.accesses import AGAIN_S, AccessLog, Carrier, folder_of
from agent.subscriber.holding import Held, Item
from agent.subscriber.store import Store
from tests.contract.makers import AT, NODE, ROOM, Chain, event, payload, ring_of, signer

RING = ring_of((signer("room"), "operator", ROOM), (signer("node"), "node", NODE))


@pytest.fixture
def log(tmp_path: Path) -> AccessLog:
    return AccessLog(tmp_path / "access", ROOM, signer("room"), SimulatedClock(AT))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "events.sqlite")


def carry(carrier: Carrier, store: Store, *, at: float) -> int:
    """What the store does with what the broker gives back to it."""
    waiting = list(carrier.waiting(at=at))
    store.commit([Item(open_envelope(token, RING, topic=topic), token.decode()) for topic, token in waiting], at=AT)
    return len(waiting)


def test_accesses_are_one_chain_that_whoever_audits_can_check(log: AccessLog):
    for what in ("events", "week", "events"):
        log.write(what, f"/api/{what}", "shown")
    report = judge(log.path.read_bytes().splitlines(), RING, from_first=True)
    assert (report.whole, report.nodes[str(ROOM)].envelopes) == (True, 3)


def test_another_process_of_the_party_goes_on_with_its_chain(log: AccessLog):
    log.write("events", "", "shown")
    AccessLog(log.folder, ROOM, signer("room"), SimulatedClock(AT + 9)).write("week", "", "refused")
    log.write("events", "", "shown")
    assert judge(log.path.read_bytes().splitlines(), RING, from_first=True).whole


def test_half_a_record_that_a_crash_left_is_cut_off(log: AccessLog):
    log.write("events", "", "shown")
    with log.path.open("ab") as file:
        file.write(b"eyJhbGciOi")
    log.write("week", "", "shown")
    assert judge(log.path.read_bytes().splitlines(), RING, from_first=True).whole


def test_the_store_carries_each_record_once(log: AccessLog, store: Store):
    carrier = Carrier([log.folder], RING, store.held)
    assert list(carrier.waiting(at=0.0)) == []
    log.write("events", "", "shown")
    log.write("week", "", "shown")
    assert carry(carrier, store, at=1.0) == 2
    log.write("events", "", "shown")
    assert carry(carrier, store, at=2.0) == 1
    assert carry(carrier, store, at=99.0) == 0
    assert store.held(str(ROOM)).span == ((1, 3),)


def test_what_did_not_arrive_is_carried_again_after_a_while(log: AccessLog):
    carrier = Carrier([log.folder], RING, lambda _: Held())
    log.write("events", "", "shown")
    times = (0.0, AGAIN_S - 1, AGAIN_S, AGAIN_S + 1)
    assert [len(list(carrier.waiting(at=at))) for at in times] == [1, 0, 1, 0]


def test_a_store_that_begins_anew_carries_only_what_it_lacks(log: AccessLog, store: Store):
    for _ in range(3):
        log.write("events", "", "shown")
    carry(Carrier([log.folder], RING, store.held), store, at=0.0)
    log.write("week", "", "shown")
    assert carry(Carrier([log.folder], RING, store.held), store, at=0.0) == 1


def test_a_line_that_nobody_signed_is_not_carried(log: AccessLog):
    log.write("events", "", "shown")
    AccessLog(log.folder, ROOM, signer("thief"), SimulatedClock(AT)).write("events", "", "shown")
    assert len(list(Carrier([log.folder], RING, lambda _: Held()).waiting(at=0.0))) == 1


@pytest.mark.parametrize(("who", "action"), [("room", "config-applied"), ("node", "access")])
def test_parties_speak_of_accesses_alone_and_nodes_of_everything_else(who, action):
    name = {"room": ROOM, "node": NODE}[who]
    data = AuditData(action=action)
    told = payload(Class.AUDIT, data, name=name, kind=action, id="1", seq=1, prev=GENESIS)
    assert told.source == source(name)
    assert told.type == type_name(Class.AUDIT, action)
    with pytest.raises(Refused, match="of accesses speak"):
        open_envelope(signer(who).seal(spell(told))[0], RING)


def test_who_exports_from_a_store_signs_for_it_first(tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]):
    chain = Chain()
    token = chain.make(Class.EVT, event(), kind="loitering")
    store.commit([Item(open_envelope(token, chain.ring), token)], at=AT)
    store.close()
    ring = chain.ring
    ring.add(new_signing_key(tmp_path / "sign.pem", role="operator", subject=str(ROOM)))
    save_ring(tmp_path / "ring.json", ring)
    database = tmp_path / "events.sqlite"
    export = ["export", "csv", str(database), "--keys", str(tmp_path / "ring.json")]
    assert cli.main([*export, "--signer", str(tmp_path / "sign.pem")]) == 2
    assert "how much of it?" in capsys.readouterr().err
    assert not folder_of(database).exists()
    assert cli.main([*export, "--everything"]) == 2
    assert "who looks into it signs for it" in capsys.readouterr().err
    assert cli.main([*export, "--everything", "--signer", str(tmp_path / "sign.pem")]) == 0
    (path,) = folder_of(database).iterdir()
    told = open_envelope(path.read_bytes().strip(), ring)
    assert isinstance(told.data, AuditData)
    assert (told.data.subject, str(told.maker)) == ("everything-csv", str(ROOM))
    assert "loitering" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command", [["audit", "--db"], ["witness", "show", "--db"], ["erase", "--keep", "evt=3", "--db"]]
)
def test_nobody_looks_into_a_store_without_a_signature(
    tmp_path: Path, store: Store, command: list[str], capsys: pytest.CaptureFixture[str]
):
    store.close()
    save_ring(tmp_path / "ring.json", RING)
    given = [*command, str(tmp_path / "events.sqlite")]
    assert cli.main([*given, *(["--keys", str(tmp_path / "ring.json")] if command[0] == "audit" else [])]) == 2
    assert "who looks into it signs for it" in capsys.readouterr().err
    assert list(tmp_path.glob("*.access")) == []


def test_a_key_without_a_ring_says_not_whose_it_is(tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]):
    store.close()
    new_signing_key(tmp_path / "sign.pem", role="store", subject=str(ROOM))
    given = ["erase", "--db", str(tmp_path / "events.sqlite"), "--keep", "evt=3"]
    assert cli.main([*given, "--signer", str(tmp_path / "sign.pem")]) == 2
    assert "whose key is it?" in capsys.readouterr().err


def test_a_store_carries_the_records_of_several_folders(tmp_path: Path, log: AccessLog, store: Store):
    """Who may not write beside the database has a folder of their own."""
    other = NodeName("romagna-faentina", "centre", "other")
    ring = ring_of((signer("room"), "operator", ROOM), (signer("other"), "auditor", other))
    AccessLog(tmp_path / "theirs", other, signer("other"), SimulatedClock(AT)).write("audit", "audit", "shown")
    log.write("events", "", "shown")
    carrier = Carrier([log.folder, tmp_path / "theirs"], ring, store.held)
    makers = {str(open_envelope(token, ring).maker) for _, token in carrier.waiting(at=0.0)}
    assert makers == {str(ROOM), str(other)}


def test_an_export_of_the_last_days_leaves_out_what_is_older(tmp_path: Path, store: Store):
    chain = Chain()
    token = chain.make(Class.EVT, event(), kind="loitering")
    store.commit([Item(open_envelope(token, chain.ring), token)], at=AT)
    store.close()
    database = tmp_path / "events.sqlite"
    assert len(list(tokens_of(database, since=AT - 1))) == 1
    assert list(tokens_of(database, since=AT + 1)) == []
