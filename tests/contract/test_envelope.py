"""A token is opened only when everything about it is right, and each refusal has its word."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.contract.envelope import open_envelope, spell
from agent.contract.jws import GENESIS, b64, unb64
from agent.contract.topics import Class, NodeName
from agent.contract.types import AckData, CommandData, EventData, ReceiptData
from agent.errors import Refused
from tests.contract.makers import AT, NODE, STORE, Chain, event, payload, ring_of, signer

TOPIC = "piazza/v1/romagna-faentina/brisighella/n-0017/evt/loitering"
NODE_KEY = signer("node")
RING = ring_of((NODE_KEY, "node", NODE))
CHAINED: dict[str, Any] = {"kind": "loitering", "seq": 1, "prev": GENESIS, "id": "1"}


def refusal(token: str | bytes, *, topic: str | None = None) -> str:
    with pytest.raises(Refused) as refused:
        open_envelope(token, RING, topic=topic)
    return refused.value.why


def signed(raw: bytes) -> str:
    return NODE_KEY.seal(raw)[0]


def spoiled(change: Callable[[dict[str, Any]], object]) -> str:
    """A token of ours whose payload was changed before it was signed."""
    document = json.loads(spell(payload(Class.EVT, event(), **CHAINED)))
    change(document)
    return signed(json.dumps(document, separators=(",", ":")).encode())


def test_an_honest_envelope_is_opened_with_everything_in_it() -> None:
    envelope = open_envelope(Chain().make(), RING, topic=TOPIC)
    assert (str(envelope.topic), envelope.klass, envelope.maker) == (TOPIC, Class.EVT, NODE)
    assert (envelope.seq, envelope.prev, envelope.at) == (1, GENESIS, AT)
    assert isinstance(envelope.data, EventData)
    assert envelope.data.reason.observed == 41.0


def test_bytes_and_text_are_the_same_token() -> None:
    token = Chain().make()
    assert open_envelope(token.encode(), RING) == open_envelope(token, RING)


def test_a_token_under_another_topic_is_refused() -> None:
    assert refusal(Chain().make(), topic=TOPIC.replace("n-0017", "n-0018")) == "topic"
    assert refusal(Chain().make(), topic=TOPIC.replace("loitering", "crossing")) == "topic"


def test_a_node_cannot_speak_for_another_node() -> None:
    other = NodeName("romagna-faentina", "brisighella", "n-0018")
    assert refusal(signed(spell(payload(Class.EVT, event(), name=other, **CHAINED)))) == "source"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda p: p.update(picture="aGVsbG8="), "payload"),
        (lambda p: p.update(specversion="2.0"), "payload"),
        (lambda p: p.update(time="yesterday"), "payload"),
        (lambda p: p.update(time="2026-02-30T00:00:00.000Z"), "bad-instant"),
        (lambda p: p.update(type="piazza.cfg.loitering.v1"), "payload"),
        (lambda p: p.update(seq=0), "payload"),
        (lambda p: p.update(seq=2**53), "payload"),
        (lambda p: p.update(seq=1.0), "payload"),
        (lambda p: p.update(mono=12), "spelling"),
        (lambda p: p.update(id="2"), "chain"),
        (lambda p: p.pop("prev"), "chain"),
        (lambda p: p["data"].update(face="x"), "data"),
        (lambda p: p["data"].update(label="Mario Rossi"), "data"),
        (lambda p: p["data"].update(zone="gate\n"), "data"),
        (lambda p: p["data"].update(label=""), "spelling"),
        (lambda p: p["data"]["reason"].update(observed="41"), "data"),
        (lambda p: p["data"]["reason"].update(quantity="gate/person/stay_s/AB123CD"), "data"),
        (lambda p: p.update(data=[]), "data"),
        (lambda p: p.update(type="piazza.state.node.v1"), "data"),
    ],
)
def test_a_signed_payload_outside_the_contract_is_refused(change: Callable[[dict[str, Any]], object], why: str) -> None:
    assert refusal(spoiled(change)) == why


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 2000, b'{"seq":1e400}', b'{"data":' + b"[" * 1500],
)
def test_signed_nonsense_is_refused(raw: bytes) -> None:
    assert refusal(signed(raw)) == "payload"


def test_a_member_given_twice_has_no_second_meaning() -> None:
    raw = spell(payload(Class.EVT, event(), **CHAINED)).replace(b'"seq":1,', b'"seq":7,"seq":1,')
    assert refusal(signed(raw)) == "spelling"


def test_white_space_and_escapes_are_another_spelling() -> None:
    raw = spell(payload(Class.EVT, event(), **CHAINED))
    assert refusal(signed(raw.replace(b'"seq":', b'"seq": '))) == "spelling"
    assert refusal(signed(raw.replace(b'"stays"', b'"st\\u0061ys"'))) == "spelling"


def test_a_statement_may_not_carry_a_number() -> None:
    head = Chain().head()
    token = signed(spell(payload(Class.HEAD, head.data, seq=1, prev=GENESIS)))
    assert refusal(token) == "chain"


def test_each_role_signs_its_own_classes_only() -> None:
    node_says_receipt = payload(Class.RCPT, ReceiptData(node=str(NODE), cum=7), kind="store")
    assert refusal(signed(spell(node_says_receipt))) == "role"


def test_a_receipt_belongs_under_the_node_that_it_names() -> None:
    store = signer("store")
    made = payload(Class.RCPT, ReceiptData(node=str(NODE), cum=7), name=STORE, kind="store")
    envelope = open_envelope(store.seal(spell(made))[0], ring_of((store, "store", STORE)))
    assert str(envelope.topic) == f"piazza/v1/{NODE}/rcpt/store"
    assert (envelope.topic.name, envelope.maker) == (NODE, STORE)


@pytest.mark.parametrize(
    ("role", "klass", "data"),
    [
        ("operator", Class.CMD, CommandData(node=str(NODE), command="report", deadline="2026-05-01T08:31:00.000Z")),
        ("police", Class.ACK, AckData(node=str(NODE), event="00000000000000aa", verdict="useful")),
    ],
)
def test_commands_and_verdicts_are_opened_for_their_roles(role: str, klass: Class, data: Any) -> None:
    person, name = signer(role), NodeName("romagna-faentina", "brisighella", role)
    token = person.seal(spell(payload(klass, data, name=name)))[0]
    assert open_envelope(token, ring_of((person, role, name))).topic.name == NODE
    with pytest.raises(Refused, match="may not sign"):
        open_envelope(token, ring_of((person, "auditor", name)))


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"none","kid":"KID","typ":"piazza+jws"}',
        '{"alg":"HS256","kid":"KID","typ":"piazza+jws"}',
        '{"alg":"EdDSA","kid":"KID","typ":"JWT"}',
        '{"alg":"EdDSA","kid":"KID","typ":"piazza+jws","crit":["x"]}',
        '{"alg":"EdDSA","jwk":{},"kid":"KID","typ":"piazza+jws"}',
        '{"kid":"KID","alg":"EdDSA","typ":"piazza+jws"}',
        '{"alg": "EdDSA","kid":"KID","typ":"piazza+jws"}',
        "[]", "null", "{}", "[[[[", "[" * 1000 + "]" * 1000,
        '{"kid":"\\ud800"}', '{"alg":"EdDSA","kid":"\\ud800","typ":"piazza+jws"}', '{"kid":[]}', '{"kid":' + "1" * 900 + "}",
    ],
)  # fmt: skip
def test_a_header_that_is_not_exactly_ours_is_refused(header: str) -> None:
    """Half a surrogate pair is JSON and no text: it would end every reader of the broker."""
    _, body, signature = Chain().make().split(".")
    assert refusal(f"{b64(header.replace('KID', NODE_KEY.kid).encode())}.{body}.{signature}") == "header"


ANY_TEXT = some.text(some.characters(exclude_categories=()), max_size=8)
"""Also halves of surrogate pairs, which JSON can say and no text can hold."""

ANY_JSON = some.recursive(
    some.none() | some.integers() | some.floats() | ANY_TEXT,
    lambda inner: some.lists(inner) | some.dictionaries(ANY_TEXT, inner),
    max_leaves=5,
)


@given(ANY_JSON, some.sampled_from(["alg", "kid", "typ", ""]))
def test_any_json_as_a_header_or_as_a_part_of_one_is_refused_in_an_orderly_way(value: Any, where: str) -> None:
    ours = {"alg": "EdDSA", "kid": NODE_KEY.kid, "typ": "piazza+jws"}
    header = ours | {where: value} if where else value
    _, body, signature = Chain().make().split(".")
    said = json.dumps(header, separators=(",", ":")).encode()
    assert refusal(f"{b64(said)}.{body}.{signature}") in ("header", "unknown-key", "too-big")


def test_an_altered_payload_does_not_carry_the_signature() -> None:
    header, body, signature = Chain().make().split(".")
    altered = unb64(body).replace(b'"observed":41.0', b'"observed":42.0')
    assert refusal(f"{header}.{b64(altered)}.{signature}") == "signature"


def test_a_stranger_is_an_unknown_key() -> None:
    assert refusal(Chain(signer=signer("stranger")).make()) == "unknown-key"


def test_more_than_four_kibibytes_are_not_looked_at() -> None:
    assert refusal("x" * 4097) == "too-big"


@given(some.text(max_size=300) | some.binary(max_size=300))
def test_any_text_or_bytes_are_refused_in_an_orderly_way(token: str | bytes) -> None:
    refusal(token)


@given(where=some.integers(0, 10_000), change=some.binary(min_size=1, max_size=3), cut=some.integers(0, 3))
def test_any_scratch_on_a_token_is_refused_or_does_nothing(where: int, change: bytes, cut: int) -> None:
    token = Chain().make().encode()
    where %= len(token)
    scratched = token[:where] + change + token[where + cut :]
    if scratched != token:
        refusal(scratched)


@given(some.recursive(some.none() | some.booleans() | some.floats() | some.text(), some.lists, max_leaves=5))
def test_any_value_in_any_place_of_a_signed_payload_is_opened_or_refused(value: Any) -> None:
    document = json.loads(spell(payload(Class.EVT, event(), **CHAINED)))
    for holder in (document, document["data"], document["data"]["reason"]):
        for member in list(holder):
            before = holder[member]
            holder[member] = value
            with suppress(Refused):
                open_envelope(signed(json.dumps(document, separators=(",", ":")).encode()), RING)
            holder[member] = before
