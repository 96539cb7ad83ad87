"""What a party and the authority of the union say to each other over the broker when a certificate is to last longer.

    csr/{type}  Wish   party -> authority        crt/{type}  Reply  authority -> party

Both are JSON and no envelopes: not every party signs. The invariant: a reply counts only under the signature of the
authority itself and with the nonce of the wish, so whoever carries either of them can hold it back and nothing else.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.contract.topics import END, Class, NodeName, Topic

MAX_WISH_BYTES = 16_384
MAX_REPLY_BYTES = 262_144
"""Less than a broker of the contract lets through (`max_packet_size`)."""

Pem = Annotated[str, Meta(max_length=4096)]
Nonce = Annotated[str, Meta(pattern=rf"^[0-9a-f]{{32}}{END}", description="16 random bytes in hexadecimal")]


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A request (PKCS#10) for the key of the certificate that the party has; requests and certificates are PEM.

    A node also wants one for its own page, and binds both requests to its signing key (`signing`, base64url) by `proof`.
    """

    nonce: Nonce
    request: Pem
    certificate: Pem = ""
    page: Pem = ""
    signing: Annotated[str, Meta(max_length=43)] = ""
    proof: Annotated[str, Meta(max_length=2048)] = ""


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The authority's word: certificates in PEM and, for a node, the keys of the union; or why not."""

    nonce: Nonce
    name: str
    word: Literal["granted", "refused"]
    why: str = ""
    link: Pem = ""
    page: Pem = ""
    ring: str = ""


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `Given` as JSON, and the authority's signature (ECDSA over P-256 with SHA-256, DER, base64url) over both."""

    given: Annotated[str, Meta(max_length=MAX_REPLY_BYTES)]
    signature: Annotated[str, Meta(max_length=200)]


SIGNED = b"piazza-crt-v1\0"
"""Begins what the authority signs, which signs certificates with the same key."""

SPOKEN: dict[Class, tuple[type[msgspec.Struct], int]] = {
    Class.CSR: (Wish, MAX_WISH_BYTES),
    Class.CRT: (Reply, MAX_REPLY_BYTES),
}
"""What is said under each of the two classes, and how long it may be."""


def topics(name: NodeName, kind: Literal["node", "party"]) -> tuple[str, str]:
    """Where somebody asks, and where they are answered."""
    return str(Topic(name, Class.CSR, kind)), str(Topic(name, Class.CRT, kind))
