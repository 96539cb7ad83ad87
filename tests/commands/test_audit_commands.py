"""Seal, co-sign, keep, audit and erase, by the commands as docs/guide/audit.md gives them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from agent.cli import main
from agent.clock import SimulatedClock
from agent.commands.witness import watch
from agent.contract.envelope import open_envelope
from agent.contract.topics import Class, NodeName
from agent.contract.types import AuditData, HeadData
from agent.provision.bench import Bench
from agent.provision.keys import load_ring, load_signer
from agent.subscriber.accesses import folder_of
from agent.subscriber.holding import Item
from agent.subscriber.store import Store
from agent.subscriber.witness import Witness
from agent.transport import Message
from agent.transport.memory import MemoryBroker
from tests.brokers.waiting import opened
from tests.contract.makers import AT, NODE, STORE, Chain, signer
from tests.subscriber.parts import head, message, several
from tests.subscriber.test_witness import WITNESS

AUDITOR = NodeName("romagna-faentina", "centre", "auditor")


class Office:
    """A folder of keys, a store's database and the commands of its two parties."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bench = Bench.make(folder / "keys", at=AT)
        for role, name in (("node", NODE), ("store", STORE), ("witness", WITNESS), ("auditor", AUDITOR)):
            self.bench.add_signer(role, str(name), at=AT)
        self.chain = Chain(signer=load_signer(self.bench.signing_key(str(NODE))))
        self.db = folder / "events.sqlite"
        self.keep(several(self.chain, 8))

    def keep(self, messages: list[Message]) -> None:
        ring, store = load_ring(self.bench.ring), Store(self.db)
        store.commit(
            [Item(open_envelope(one.payload, ring, topic=one.topic), one.payload.decode()) for one in messages], at=AT
        )
        store.close()

    def looks(self) -> dict[str, list[tuple[str, str]]]:
        """What each party signed for: what it looked at, and what came of it."""
        ring, found = load_ring(self.bench.ring), {}
        for path in folder_of(self.db).iterdir():
            told = [open_envelope(record, ring).data for record in path.read_bytes().splitlines()]
            said = [(one.subject, one.outcome) for one in told if isinstance(one, AuditData)]
            found[path.stem.rpartition(".")[2]] = said
        return found

    def run(self, verb: str, *words: str) -> int:
        return main([verb, *words])

    def witness(self, act: str, *words: str) -> int:
        return self.run("witness", act, *words, "--keys", str(self.bench.folder))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_the_steps_of_the_guide(office: Office, capsys):
    folder = office.folder
    assert office.witness("seal", "--db", str(office.db)) == 0
    (folder / "requests.txt").write_text(capsys.readouterr().out)
    memory = ("--memory", str(folder / "witness.sqlite"))
    assert office.witness("sign", str(folder / "requests.txt"), *memory) == 0
    (folder / "notes.txt").write_text(capsys.readouterr().out)
    assert office.witness("add", str(folder / "notes.txt"), "--db", str(office.db)) == 0
    assert capsys.readouterr().out == "1 signatures added\n"
    assert office.run("witness", "show", *memory) == 0
    (folder / "seen.txt").write_text(capsys.readouterr().out)
    audit = ("--db", str(office.db), "--notes", str(folder / "seen.txt"), "--keys", str(office.bench.folder))
    assert office.run("audit", *audit) == 0
    assert office.run("erase", "--db", str(office.db), "--keep", "evt=30", "--keys", str(office.bench.folder)) == 0
    assert office.run("audit", *audit) == 0
    capsys.readouterr()
    assert office.looks() == {
        "store-1": [
            ("witness-seal", "shown"),
            ("witness-add", "shown"),
            ("erase-evt", "begun"),
            ("erase-evt", "erased-8"),
        ],
        "auditor": [("audit", "shown")] * 2,
    }
    rows = sqlite3.connect(office.db, isolation_level=None)
    rows.execute("DELETE FROM envelope WHERE seq = 7")
    rows.close()
    assert office.run("audit", *audit) == 1
    assert f"{STORE} and {WITNESS} signed for 7" in capsys.readouterr().out


def test_a_store_that_changed_the_past_is_told_so_and_the_command_ends_with_one(office: Office, capsys):
    folder, memory = office.folder, ("--memory", str(office.folder / "witness.sqlite"))
    for spoil, code in ((False, 0), (True, 1)):
        if spoil:
            rows = sqlite3.connect(office.db, isolation_level=None)
            rows.execute("UPDATE envelope SET digest = ? WHERE seq = 2", ("0a" * 32,))
            rows.close()
            office.keep(several(office.chain, 1))
        assert office.witness("seal", "--db", str(office.db)) == 0
        (folder / "requests.txt").write_text(capsys.readouterr().out)
        assert office.witness("sign", str(folder / "requests.txt"), *memory) == code
        (folder / "notes.txt").write_text(capsys.readouterr().out)
        if not spoil:
            office.witness("add", str(folder / "notes.txt"), "--db", str(office.db))
            capsys.readouterr()
    assert office.run("witness", "show", *memory) == 0
    assert "inconsistent" in capsys.readouterr().err


def test_a_witness_on_a_broker_signs_the_heads_of_the_nodes_and_catches_the_one_that_takes_back(office: Office):
    clock = SimulatedClock(AT)
    broker, ring = MemoryBroker(clock), load_ring(office.bench.ring)
    node, witness = broker.transport("node"), Witness(office.folder / "w.sqlite", signer("w"), str(WITNESS))
    opened(node, "none")
    several(office.chain, 2)
    promised = head(office.chain)
    less = message(office.chain, Class.HEAD, HeadData(seq=1, digest="ab" * 32), kind="node")
    turns = iter([promised, less, Message(promised.topic, b"rubbish")])

    def stopped() -> bool:
        if (one := next(turns, None)) is not None:
            node.publish(one.topic, one.payload, retain=True)
            return False
        return clock.now() > AT + 5.0

    watch(broker.transport("witness"), witness, ring, clock=clock, stopped=stopped)
    assert [note.splitlines()[1] for note in witness.notes()] == [str(office.chain.seq)]
    assert [why for _, why, _ in witness.evidence()] == ["rolled-back"]


def test_what_is_no_request_is_the_users_to_mend(office: Office):
    (office.folder / "letter.txt").write_text("Dear mayor\n")
    memory = ("--memory", str(office.folder / "witness.sqlite"))
    assert office.witness("sign", str(office.folder / "letter.txt"), *memory) == 2
    assert office.witness("sign", str(office.folder / "absent.txt"), *memory) == 2
    assert office.witness("add", str(office.folder / "letter.txt"), "--db", str(office.db)) == 2
