"""Checkpoints as text, their signatures, and the tree whose root they carry."""

from __future__ import annotations

import hashlib
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.contract import tree
from agent.contract.checkpoint import (
    HEAD,
    Checkpoint,
    _id,
    _line,
    cosign,
    joined,
    notes,
    opened,
    origin,
    sign,
)
from agent.contract.jws import Key, KeyRing, thumbprint
from agent.contract.topics import NodeName
from agent.errors import Refused
from tests.contract.makers import AT, NODE, STORE, ring_of, signer

WITNESS = NodeName("romagna-faentina", "faenza", "witness")
WHERE = origin(NODE, signer("node").kid)
MADE = Checkpoint(WHERE, 12, hashlib.sha256(b"twelve").digest(), ((3, 5), (9, 9)))
RING = ring_of(
    (signer("node"), "node", NODE), (signer("store"), "store", STORE), (signer("witness"), "witness", WITNESS)
)
NOTE = sign(MADE, signer("store"), str(STORE))
LEAVES = [tree.leaf(bytes([number])) for number in range(40)]


def why(note: str, ring: KeyRing = RING) -> str:
    with pytest.raises(Refused) as refused:
        opened(note, ring)
    return refused.value.why


# The tree


def test_the_root_is_the_one_of_transparency_logs():
    """The roots of the empty list and of the list of one empty entry, as every RFC 6962 log has them."""
    assert tree.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert tree.root([tree.leaf(b"")]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@given(st.integers(1, 40), st.data())
def test_a_list_proves_each_of_its_beginnings(size: int, data: st.DataObject):
    old = data.draw(st.integers(1, size))
    proof = tree.consistency(LEAVES[:size], old)
    new = (size, tree.root(LEAVES[:size]))
    assert tree.begins_with(proof, old=(old, tree.root(LEAVES[:old])), new=new)
    assert not tree.begins_with(proof, old=(old, tree.root([*LEAVES[1:old], LEAVES[-1]])), new=new)
    assert not tree.begins_with([*proof, LEAVES[0]], old=(old, tree.root(LEAVES[:old])), new=new)


@given(st.integers(1, 40), st.data())
def test_a_list_proves_each_of_its_entries(size: int, data: st.DataObject):
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion(LEAVES[:size], index)
    expected = tree.root(LEAVES[:size])
    assert tree.includes(proof, bytes([index]), index=index, size=size, expected=expected)
    assert not tree.includes(proof, bytes([index + 1]), index=index, size=size, expected=expected)
    assert not tree.includes(proof, bytes([index]), index=size, size=size, expected=expected)


def test_a_list_that_was_changed_does_not_go_on_from_the_old_one():
    changed = [LEAVES[7], *LEAVES[1:20]]
    for old in range(1, 20):
        proof = tree.consistency(changed, old)
        begins = (old, tree.root(LEAVES[:old]))
        assert not tree.begins_with(proof, old=begins, new=(20, tree.root(changed)))


# The text


def test_a_checkpoint_is_read_as_it_was_written():
    assert Checkpoint.parse(str(MADE)) == MADE
    assert (MADE.node, MADE.kid, MADE.is_head) == (str(NODE), signer("node").kid, False)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("\n12\n", "\n012\n"),
        lambda text: text.replace("\n12\n", "\n-12\n"),
        lambda text: text.replace("\n12\n", "\n12 \n"),
        lambda text: text.replace("vacant 3-5", "vacant 3-5 "),
        lambda text: text.replace("vacant", "vakant"),
        lambda text: text.replace("piazza/v1", "piazza/v2"),
        lambda text: text.replace("=\n", "\n"),
        lambda text: text + "more\n",
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("\n", "\r\n"),
    ],
)
def test_another_spelling_is_no_checkpoint(spoil):
    with pytest.raises(Refused):
        Checkpoint.parse(spoil(str(MADE)))


# Signatures


def test_a_signature_line_is_that_of_other_tools_for_signed_notes():
    """The key and the note with which golang.org/x/mod/sumdb/note documents the form."""
    public = b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:]
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    line = (
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert _id("PeterNeumann", 1, public).hex() == "c74f20a3"
    signature = b64decode(line.split()[2])[4:]
    assert _line("PeterNeumann", 1, public, signature) == line
    ring = KeyRing()
    ring.add(Key(thumbprint(public), public, "store", "PeterNeumann"))
    assert ring.signed_lines(thumbprint(public), text, signature)
    assert not ring.signed_lines(thumbprint(public), text.replace("is", "was"), signature)


def test_who_signed_and_who_saw_it_when_is_told():
    note = joined(NOTE, cosign(MADE, signer("witness"), str(WITNESS), at=AT))
    found = opened(note, RING)
    assert found.checkpoint == MADE
    assert [key.subject for key in found.signers] == [str(STORE)]
    assert [(key.subject, at) for key, at in found.witnesses] == [(str(WITNESS), int(AT))]


def test_a_changed_note_is_refused():
    assert why(NOTE.replace("\n12\n", "\n13\n")) == "signature"
    assert why(NOTE.replace("3-5", "3-6")) == "signature"


def test_a_witness_whose_time_was_changed_is_refused():
    early, late = (cosign(MADE, signer("witness"), str(WITNESS), at=at) for at in (AT, AT + 60))
    raw_early, raw_late = (b64decode(line.split()[2]) for line in (early, late))
    mixed = _line(str(WITNESS), 4, signer("witness").public, raw_late[4:12] + raw_early[12:])
    assert why(joined(NOTE, mixed)) == "signature"


def test_signatures_of_strangers_are_passed_over_but_do_not_count():
    stranger = cosign(MADE, signer("stranger"), "elsewhere/else/witness", at=AT)
    assert opened(joined(NOTE, stranger), RING).witnesses == ()
    assert why(f"{MADE}\n{stranger}") == "unknown-key"


def test_only_a_store_seals_and_only_a_witness_co_signs():
    assert why(sign(MADE, signer("node"), str(NODE))) == "unknown-key"
    assert why(f"{MADE}\n{cosign(MADE, signer('store'), str(STORE), at=AT)}") == "unknown-key"


def test_a_note_cannot_pass_for_a_token_nor_a_token_for_a_note():
    with pytest.raises(Refused):
        signer("store").sign_lines("no end of line")
    assert "\n" not in signer("store").seal(b"{}")[0]


def test_notes_of_a_file_come_one_by_one():
    head = Checkpoint(WHERE + HEAD, 4, bytes(32))
    other = f"{head}\n{cosign(head, signer('witness'), str(WITNESS), at=AT)}"
    assert list(notes(f"{NOTE}\n{other}\n")) == [NOTE, other]
    assert opened(other, RING).checkpoint.is_head
    with pytest.raises(Refused):
        list(notes(f"{NOTE}\nhalf a note\n"))


@given(st.text(alphabet="abc/0123456789+=- \n—", max_size=300))
def test_any_text_is_a_note_or_refused(text: str):
    with pytest.raises(Refused):
        opened(text, RING)
