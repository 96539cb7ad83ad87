"""An audit names what was done to a stream, and whose signature shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.cli import main
from agent.contract.checkpoint import Checkpoint, cosign, origin
from agent.contract.envelope import spell
from agent.contract.jws import Key, digest
from agent.contract.topics import Class, NodeName
from agent.contract.types import AuditData, HeadData, ReceiptData
from agent.provision.keys import save_ring
from agent.subscriber.audit import Evidence, read_all
from agent.subscriber.audit_chain import Verdict, judge
from agent.subscriber.erase import erase
from agent.subscriber.tables import open_store
from tests.contract.makers import AT, NODE, STORE, Chain, event, payload, signer
from tests.subscriber.parts import looking, message, several
from tests.subscriber.test_witness import WITNESS, Place


@pytest.fixture
def place(tmp_path: Path, where: str) -> Iterator[Place]:
    with closing(Place(tmp_path, where)) as made:
        yield made


def audited(place: Place, lines: list[str], *notes: str, from_first: bool = True) -> list[Verdict]:
    evidence = Evidence()
    evidence.take(read_all([line.encode() for line in lines], place.ring))
    for note in notes:
        evidence.take_note(note, place.ring)
    return [judge(chain, from_first=from_first) for chain in evidence.joined()]


def wrong(place: Place, lines: list[str], *notes: str, **options: Any) -> dict[str, Any]:
    (verdict,) = audited(place, lines, *notes, **options)
    return verdict.wrong


def head(chain: Chain, seq: int | None = None, named: str = "") -> str:
    data = HeadData(seq=chain.seq if seq is None else seq, digest=named or chain.prev)
    return chain.make(Class.HEAD, data, kind="node")


def receipt(place: Place, cum: int) -> str:
    data = ReceiptData(node=str(NODE), key=place.chain.signer.kid, cum=cum)
    return signer("store").seal(spell(payload(Class.RCPT, data, name=STORE, kind="store")))[0]


def witnessed(place: Place, seq: int, named: str) -> str:
    where = origin(NODE, place.chain.signer.kid) + "/head"
    seen = Checkpoint(where, seq, bytes.fromhex(named))
    return f"{seen}\n{cosign(seen, signer('witness'), str(WITNESS), at=AT)}"


# Files


def test_a_whole_file_is_whole(place: Place):
    lines = [place.chain.make() for _ in range(9)]
    (verdict,) = audited(place, [*lines, head(place.chain), receipt(place, 9)])
    assert (verdict.wrong, verdict.noted, verdict.envelopes, verdict.last) == ({}, {}, 9, 9)


def test_what_was_left_out_is_dropped_and_whose_word_it_is_is_told(place: Place):
    lines = [place.chain.make() for _ in range(9)]
    (verdict,) = audited(place, [*lines[:2], *lines[4:], head(place.chain), receipt(place, 3)])
    assert verdict.wrong == {"dropped": ((3, 4),)}
    assert verdict.by == [(str(NODE), ((3, 4),)), (str(STORE), ((3, 3),))]


def test_a_tail_that_was_promised_is_truncated(place: Place):
    lines = [place.chain.make() for _ in range(9)]
    assert wrong(place, [*lines[:7], head(place.chain)]) == {"truncated": ((8, 9),)}


def test_a_tail_that_node_and_store_both_keep_silent_about_is_shown_by_a_witness(place: Place):
    """The reason for witnesses: neither head nor receipt speaks of 8 and 9 any more."""
    lines = [place.chain.make() for _ in range(7)]
    old_head, old_receipt = head(place.chain), receipt(place, 7)
    for _ in range(2):
        place.chain.make()
    note = witnessed(place, 9, place.chain.prev)
    assert wrong(place, [*lines, old_head, old_receipt]) == {}
    (verdict,) = audited(place, [*lines, old_head, old_receipt], note)
    assert verdict.wrong == {"truncated": ((8, 9),)}
    assert verdict.by == [(f"{NODE}, seen by {WITNESS}", ((8, 9),))]


def test_a_story_told_anew_with_the_nodes_own_key_is_shown_by_a_witness(place: Place):
    several(place.chain, 3)
    note = witnessed(place, 3, place.chain.prev)
    anew = Chain()
    lines = [anew.make(data=event(rule="calm")) for _ in range(3)]
    assert wrong(place, lines, note) == {"altered": ((3, 3),)}


def test_nothing_at_all_of_a_witnessed_chain_is_truncated(place: Place):
    several(place.chain, 3)
    assert wrong(place, [], witnessed(place, 3, place.chain.prev)) == {"truncated": ((1, 3),)}


def test_order_and_repetition_are_noted_and_no_fault(place: Place):
    lines = [place.chain.make() for _ in range(4)]
    (verdict,) = audited(place, [lines[0], lines[2], lines[1], lines[3], lines[3]])
    assert verdict.wrong == {}
    assert verdict.noted == {"duplicated": ((4, 4),), "reordered": ((2, 2),)}


def test_two_contents_under_one_number_are_forged(place: Place):
    lines = [place.chain.make() for _ in range(3)]
    clone = Chain()
    clone.seq, clone.prev = 1, place.chain.prev
    found = wrong(place, [*lines, clone.make(data=event(rule="cloned"))])
    assert found["forged"] == ((2, 2),)


def test_a_content_that_the_next_does_not_name_is_altered(place: Place):
    lines = [place.chain.make() for _ in range(3)]
    other = Chain()
    other.make()
    lines[1] = other.make(data=event(rule="calm"))
    assert wrong(place, lines) == {"altered": ((2, 2),)}


def test_numbers_that_the_node_gave_up_are_noted(place: Place):
    lines = [place.chain.make() for _ in range(3)]
    gave_up = AuditData(action="dropped", subject="evt", first=2, last=3, ranges=((2, 3),))
    (verdict,) = audited(place, [lines[0], place.chain.make(Class.AUDIT, gave_up, kind="dropped")])
    assert (verdict.wrong, verdict.noted) == ({}, {"given-up": ((2, 3),)})


def test_a_later_head_that_promises_less_is_rolled_back(place: Place):
    lines = [place.chain.make() for _ in range(3)]
    heads = [head(place.chain), head(place.chain, 2, named=_digest(lines[1]))]
    assert wrong(place, [*lines, *heads]) == {"rolled-back": ((3, 3),)}


def _digest(token: str) -> str:
    return digest(token.rpartition(".")[0])


def test_a_file_that_begins_in_the_middle_is_whole_unless_it_must_begin_at_one(place: Place):
    lines = [place.chain.make() for _ in range(4)][2:]
    assert wrong(place, lines, from_first=False) == {}
    assert wrong(place, lines) == {"dropped": ((1, 2),)}


def test_a_replaced_node_has_two_chains_and_gaps_of_the_first_are_not_forgotten(place: Place):
    lines = [place.chain.make() for _ in range(4)]
    new = Chain(signer=signer("the new card"))
    place.ring.add(Key(new.signer.kid, new.signer.public, "node", str(NODE)))
    later = [new.make() for _ in range(2)]
    verdicts = audited(place, [lines[0], later[1], *lines[2:], later[0]])
    assert sorted(verdict.last for verdict in verdicts) == [2, 4]
    assert [verdict.wrong for verdict in verdicts if verdict.wrong] == [{"dropped": ((2, 2),)}]


def test_a_renewed_key_goes_on_with_the_chain(place: Place):
    lines = [place.chain.make() for _ in range(3)]
    place.chain.signer = signer("renewed")
    place.ring.add(Key(place.chain.signer.kid, place.chain.signer.public, "node", str(NODE)))
    (verdict,) = audited(place, [*lines, *(place.chain.make() for _ in range(2))])
    assert (verdict.wrong, verdict.last, len(verdict.kids)) == ({}, 5, 2)


# Databases

AUDITOR = NodeName("romagna-faentina", "centre", "auditor")


def database(place: Place, folder: Path, *options: str) -> int:
    return main(["audit", "--db", place.database, *looking(folder, place.ring, "auditor", AUDITOR), *options])


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out))


def test_a_stores_database_is_audited_with_its_seals(place: Place, tmp_path: Path, capsys):
    place.keep(several(place.chain, 12))
    place.round()
    assert database(place, tmp_path, "--json") == 0
    (chain,) = said(capsys)["chains"]
    assert (chain["envelopes"], chain["sealed"], chain["wrong"]) == (12, 12, {})


def test_a_row_taken_out_of_a_sealed_database_is_named_with_who_signed_for_it(place: Place, tmp_path: Path, capsys):
    place.keep(several(place.chain, 12))
    place.round()
    place.change("DELETE FROM envelope WHERE seq = 5")
    assert database(place, tmp_path, "--json") == 1
    (chain,) = said(capsys)["chains"]
    assert chain["wrong"] == {"dropped": [[5, 5]]}
    assert list(chain["signed_for_by"]) == [f"{STORE} and {WITNESS}"]


def test_an_erased_database_is_as_whole_as_before(place: Place, tmp_path: Path, capsys):
    place.keep(several(place.chain, 8))
    place.round()
    place.keep(several(place.chain, 2))
    (done,) = erase(place.database, {"evt": AT + 1}, at=AT + 99)
    assert (done.erased, done.unsealed) == (8, 2)
    assert database(place, tmp_path, "--json") == 0
    (chain,) = said(capsys)["chains"]
    assert (chain["noted"], chain["sealed"], chain["envelopes"]) == ({"erased": [[1, 8]]}, 8, 10)


def test_an_erased_number_that_was_changed_shows_in_the_seal(place: Place, tmp_path: Path, capsys):
    place.keep(several(place.chain, 8))
    place.round()
    erase(place.database, {"evt": AT + 1}, at=AT + 99)
    place.change(f"UPDATE envelope SET digest = '{'0a' * 32}' WHERE seq = 3")
    assert database(place, tmp_path, "--json") == 1
    (chain,) = said(capsys)["chains"]
    assert chain["wrong"] == {"rewritten": [[1, 8]]}


@pytest.mark.slow
def test_many_lines_are_shared_among_processes_and_the_same_is_said(place: Place, tmp_path: Path, capsys):
    lines = [message(place.chain).payload.decode() for _ in range(4100)]
    save_ring(tmp_path / "ring.json", place.ring)
    (tmp_path / "events.txt").write_text("\n".join([*lines[:2000], *lines[2001:], lines[7]]))
    told = []
    for jobs in ("1", "2"):
        command = ["audit", str(tmp_path / "events.txt"), "--keys", str(tmp_path / "ring.json"), "--json"]
        assert main([*command, "--jobs", jobs]) == 1
        told.append(said(capsys))
    assert told[0] == told[1]
    assert told[0]["chains"][0]["wrong"] == {"dropped": [[2001, 2001]]}


def test_changed_and_foreign_lines_are_told_apart_with_what_they_claim(place: Place, tmp_path: Path, capsys):
    lines = [place.chain.make() for _ in range(3)]
    header, body, signature = lines[1].split(".")
    foreign = Chain(signer=signer("a stranger")).make()
    save_ring(tmp_path / "ring.json", place.ring)
    (tmp_path / "events.txt").write_text(
        "\n".join(
            [lines[0], f"{header}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}", lines[2], foreign]
        )
    )
    assert main(["audit", str(tmp_path / "events.txt"), "--keys", str(tmp_path / "ring.json"), "--json"]) == 1
    document = said(capsys)
    assert [(one["line"], one["word"], one["why"], one["claims"]["seq"]) for one in document["refused"]] == [
        (2, "altered", "signature", 2),
        (4, "forged", "unknown-key", 1),
    ]
    assert document["chains"][0]["wrong"] == {"altered": [[2, 2]]}


def test_nothing_to_judge_is_the_users_to_mend(tmp_path: Path, place: Place):
    save_ring(tmp_path / "ring.json", place.ring)
    (tmp_path / "empty.txt").write_text("\n")
    assert main(["audit", str(tmp_path / "empty.txt"), "--keys", str(tmp_path / "ring.json")]) == 2
    assert main(["audit", str(tmp_path / "absent.txt"), "--keys", str(tmp_path / "ring.json")]) == 2


def test_the_text_names_word_numbers_and_signers(place: Place, tmp_path: Path, capsys):
    place.keep(several(place.chain, 5))
    place.round()
    place.change("DELETE FROM envelope WHERE seq = 2")
    assert database(place, tmp_path) == 1
    out = capsys.readouterr().out
    assert "WRONG  dropped: 2" in out
    assert f"{STORE} and {WITNESS} signed for 2" in out
    assert out.endswith("something is wrong\n")


def test_a_database_is_reopened_by_its_store_after_an_erasure(place: Place):
    batch = several(place.chain, 4)
    place.keep(batch)
    place.round()
    erase(place.database, {"evt": AT + 1}, at=AT + 99)
    place.store.close()
    place.store = open_store(place.database)
    place.keep(batch)
    assert place.store.held(str(NODE)).span == ((1, 4),)
    assert place.store.count() == 4
