"""A look into tokens of strangers, which must never do harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.contract.jws import MAX_BYTES, b64
from agent.contract.topics import EXPIRES_S, Class
from agent.contract.types import AckData, ReceiptData
from agent.uplink import unverified
from tests.contract.makers import NODE, Chain, signer
from tests.uplink.nodes import letter

TOKEN = letter(Class.RCPT, ReceiptData(node=str(NODE), cum=7, ranges=((9, 11),))).payload


def test_a_receipt_is_read_without_its_key():
    read = unverified.receipt(TOKEN)
    assert read is not None
    assert (read.cum, read.ranges) == (7, ((9, 11),))


def test_an_event_is_no_receipt_and_no_state():
    token = Chain().make()
    assert unverified.receipt(token.encode()) is None
    assert not unverified.goes_down(token)


def test_the_key_of_a_token_stands_in_its_header():
    assert unverified.kid(Chain().make()) == signer("node").kid
    assert unverified.kid("no token") == ""


def verdict(**changed: Any) -> bytes:
    return letter(
        Class.ACK, AckData(node=str(NODE), event="0" * 16, verdict="useful"), role="operator", **changed
    ).payload


def test_a_message_lives_as_long_as_its_envelope_says():
    """So that a broker keeps it no longer than the shortest agreement, which sense alone knows."""
    token = verdict(time="2026-05-01T08:30:00.000Z", expirytime="2026-05-04T08:30:00.000Z")
    assert unverified.lasts_s(token, Class.ACK) == 3 * 86400
    assert unverified.lasts_s(verdict(), Class.ACK) == EXPIRES_S[Class.ACK]
    assert unverified.lasts_s(b"no token", Class.ACK) == EXPIRES_S[Class.ACK]
    assert unverified.lasts_s(token, Class.AUDIT) is None


def test_no_message_lives_longer_than_its_class():
    token = verdict(time="2026-05-01T08:30:00.000Z", expirytime="2036-05-01T08:30:00.000Z")
    assert unverified.lasts_s(token, Class.ACK) == EXPIRES_S[Class.ACK]
    past = verdict(time="2026-05-01T08:30:00.000Z", expirytime="2026-04-01T08:30:00.000Z")
    assert unverified.lasts_s(past, Class.ACK) == 1


def test_what_is_too_big_is_not_even_looked_at():
    assert unverified.receipt(TOKEN + b"A" * MAX_BYTES) is None


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=200).map(lambda raw: f"a.{b64(raw)}.c".encode())))
def test_no_bytes_do_harm(token: bytes):
    assert unverified.receipt(token) is None
    text = token.decode("latin-1")
    assert not unverified.goes_down(text)
    unverified.kid(text)


@pytest.mark.parametrize(
    "header", ["[" * 3000, '{"a":' * 500, '{"kid":"\\ud800"}', '{"x":' + "[" * 1500 + "]" * 1500 + "}"]
)
def test_a_header_chosen_to_do_harm_does_none(header: str):
    """A decoder passes over what it does not know, and goes as deep as that does."""
    assert unverified.kid(f"{b64(header.encode())}.e30.e30") == ""
