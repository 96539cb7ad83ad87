"""A key whose agreement has ended: what it signed before stays genuine, and nothing new of it is acted on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.contract.checkpoint import HEAD, Checkpoint, cosign, joined, opened, origin, sign
from agent.contract.command import Memory, NotAllowed
from agent.contract.envelope import Envelope, open_envelope, spell
from agent.contract.jws import Key, KeyRing
from agent.contract.times import instant
from agent.contract.topics import Class, NodeName
from agent.contract.types import AckData, CommandData, Data
from agent.errors import KeyFileError, Refused
from tests.conftest import CHECKOUT
from tests.contract.makers import AT, NODE, STORE, payload, signer

POLICE = NodeName("romagna-faentina", "centre", "police")
WITNESS = NodeName("romagna-faentina", "centre", "ravenna")
END = 1_777_627_800.0
COMMAND = CommandData(node=str(NODE), command="report", deadline=instant(END + 30))
VERDICT = AckData(node=str(NODE), event="00000000000000aa", verdict="useful")


def dated(role: str, name: NodeName = POLICE, *, until: float | None = END) -> Key:
    return Key(signer(role).kid, signer(role).public, role, str(name), until)


def asked(klass: Class, data: Data, *, role: str, until: float | None = END) -> Envelope:
    ring = KeyRing()
    ring.add(dated(role, until=until))
    made = payload(klass, data, name=POLICE, kind="node", id=f"{1:016x}")
    return open_envelope(signer(role).seal(spell(made))[0], ring)


def why(envelope: Envelope, *, at: float, **sure: Any) -> tuple[str, bool]:
    """The word of refusal, and whether who asked is told."""
    try:
        Memory().admit(envelope, at=at, retained=False, **sure)
    except Refused as refused:
        return refused.why, isinstance(refused, NotAllowed)
    return "", False


def test_until_its_last_instant_a_key_counts_and_from_then_on_it_does_not():
    command, verdict = asked(Class.CMD, COMMAND, role="operator"), asked(Class.ACK, VERDICT, role="police")
    assert [why(one, at=END - 0.001) for one in (command, verdict)] == [("", False)] * 2
    assert [why(one, at=END) for one in (command, verdict)] == [("ended", True), ("ended", False)]


def test_where_nobody_knows_the_time_a_key_with_an_end_has_no_power():
    """And one that has none is of the union itself, whose word counts as ever."""
    command, verdict = asked(Class.CMD, COMMAND, role="operator"), asked(Class.ACK, VERDICT, role="police")
    assert [why(one, at=END - 100, is_sure=False) for one in (command, verdict)] == [("clock", True), ("clock", False)]
    assert why(asked(Class.CMD, COMMAND, role="operator", until=None), at=END - 100, is_sure=False) == ("", False)


def test_a_clock_that_nobody_vouches_for_and_is_past_the_end_says_so():
    """It never goes back behind what was vouched for, so the end has surely come."""
    assert why(asked(Class.CMD, COMMAND, role="operator"), at=END, is_sure=False) == ("ended", True)


def test_what_was_signed_before_the_end_stays_genuine():
    assert asked(Class.ACK, VERDICT, role="police", until=AT - 1e6).data == VERDICT


# On disk


def test_an_end_is_written_down_and_read_again():
    ring = KeyRing()
    ring.add(dated("police"))
    (jwk,) = ring.to_jwks()["keys"]
    assert jwk["piazza_until"] == instant(END)
    assert [key.until for key in KeyRing.from_jwks({"keys": [jwk]})] == [END]


def test_a_key_without_an_end_is_written_as_before():
    ring = KeyRing()
    ring.add(dated("store", STORE, until=None))
    assert "piazza_until" not in ring.to_jwks()["keys"][0]


@pytest.mark.parametrize("until", ["tomorrow", "2026-13-01T00:00:00.000Z", 1, None, ""])
def test_an_end_that_is_no_instant_is_no_key_ring(until):
    ring = KeyRing()
    ring.add(dated("police"))
    (jwk,) = ring.to_jwks()["keys"]
    with pytest.raises(KeyFileError):
        KeyRing.from_jwks({"keys": [jwk | {"piazza_until": until}]})


def test_a_ring_of_a_release_before_has_keys_without_ends():
    """And a reader of then passes an end over: it asks a key for four members and no others."""
    then = json.loads((CHECKOUT / "docs/reference/schemas/1.0.0/ring.json").read_text())
    ring = KeyRing.from_jwks(then)
    assert {key.until for key in ring} == {None}
    assert ring.to_jwks() == then


# Witnesses


def note_of(second: float) -> tuple[str, KeyRing]:
    """A store's checkpoint with the line of a witness, who says when it signed."""
    ring = KeyRing()
    ring.add(dated("store", STORE, until=None))
    ring.add(dated("witness", WITNESS))
    checkpoint = Checkpoint(origin(NODE, signer("node").kid), 3, bytes(32))
    text = sign(checkpoint, signer("store"), str(STORE))
    return joined(text, cosign(checkpoint, signer("witness"), str(WITNESS), at=second)), ring


@pytest.mark.parametrize(("second", "counts"), [(END - 1, True), (END, False), (END + 86_400, False)])
def test_a_witness_counts_until_its_agreement_ends(second, counts):
    note, ring = note_of(second)
    assert [key.subject for key, _ in opened(note, ring).witnesses] == ([str(WITNESS)] if counts else [])
    assert not opened(note, ring).checkpoint.origin.endswith(HEAD)
