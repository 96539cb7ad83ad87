"""What libsodium says at once, OpenSSL would say too: what is genuine does not depend on what is installed."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from agent.contract import quick
from agent.errors import Refused
from tests.contract.makers import NODE, Chain, ring_of

ORDER = 2**252 + 27742317777372353535851937790883648493
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
NEUTRAL = (1).to_bytes(32, "little")
"""The point of order one: whoever has it as a key has signed everything, with itself and the number 0."""


def in_openssl(public: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def test_a_signature_is_known_at_once_where_the_library_is_installed():
    pytest.importorskip("nacl", reason="libsodium is in the extra `store`")
    assert quick.surely(PUBLIC, KEY.sign(b"a.b"), b"a.b")


@given(signed=st.binary(max_size=200), bit=st.integers(0, 511))
def test_one_bit_of_a_signature_changed_is_no_signature_to_either(signed: bytes, bit: int):
    changed = int.from_bytes(KEY.sign(signed), "little") ^ (1 << bit)
    signature = changed.to_bytes(64, "little")
    assert (quick.surely(PUBLIC, signature, signed), in_openssl(PUBLIC, signature, signed)) == (False, False)


@pytest.mark.parametrize("length", [0, 1, 32, 63, 65, 128])
def test_a_signature_of_another_length_is_none(length: int):
    assert not quick.surely(PUBLIC, KEY.sign(b"a.b").ljust(length, b"\0")[:length], b"a.b")


def test_the_same_number_spelled_larger_is_no_signature_to_either():
    signature = KEY.sign(b"a.b")
    larger = (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")
    assert not quick.surely(PUBLIC, signature[:32] + larger, b"a.b")
    assert not in_openssl(PUBLIC, signature[:32] + larger, b"a.b")


def test_a_signature_does_not_begin_in_what_was_signed():
    """Joined again, a signature cut short and its last bytes before what was signed are the same bytes."""
    signature = KEY.sign(b"a.b")
    assert not quick.surely(PUBLIC, signature[:60], signature[60:] + b"a.b")


def test_what_only_openssl_takes_is_left_to_openssl():
    """A key of small order is no key of a node, but which library is installed may not decide that."""
    signature = NEUTRAL + bytes(32)
    assert not quick.surely(NEUTRAL, signature, b"a.b")
    assert in_openssl(NEUTRAL, signature, b"a.b")


@pytest.mark.parametrize("there", sorted({quick.THERE, False}))
def test_a_ring_says_the_same_with_and_without_the_library(monkeypatch: pytest.MonkeyPatch, *, there: bool):
    monkeypatch.setattr(quick, "THERE", there)
    chain = Chain()
    ring = ring_of((chain.signer, "node", NODE))
    token = chain.make()
    assert ring.unseal(token).digest == chain.prev
    head, _, tail = token.rpartition(".")
    with pytest.raises(Refused) as refused:
        ring.unseal(f"{head}.{'A' * len(tail)}")
    assert refused.value.why == "signature"
