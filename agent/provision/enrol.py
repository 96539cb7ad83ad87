"""What a node and the authority say to each other when a node asks for its certificates.

A node sends requests for two certificates (its way to the broker, its own page) and its public signing key, all
under one token. The proof, signed with that key, binds them together: nobody between can exchange one of them.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.contract.certificates import Pem
from agent.contract.jws import Key, KeyRing, Signer, b64, thumbprint, unb64
from agent.errors import Refused
from agent.provision.ca import request_digest
from agent.provision.identity import token_digest

PATH = "/enrol"
MAX_BYTES = 16_384


class Word(StrEnum):
    """How the authority answers."""

    GRANTED = "granted"
    WAIT = "wait"
    REFUSED = "refused"


class Petition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a node asks; requests are PKCS#10 in PEM, `signing` its public key in base64url."""

    name: Annotated[str, Meta(max_length=100)]
    token: Annotated[str, Meta(max_length=100)]
    link: Pem
    page: Pem
    signing: Annotated[str, Meta(max_length=43)]
    proof: Annotated[str, Meta(max_length=2048)]

    @classmethod
    def of(cls, *, name: str, token: str, link: str, page: str, signer: Signer) -> Petition:
        """A petition whose proof `signer` makes."""
        proof, _ = signer.seal(_bound(token, link, page))
        return cls(name, token, link, page, b64(signer.public), proof)

    def key(self) -> Key:
        """The node's signing key for the ring."""
        public = unb64(self.signing)
        return Key(thumbprint(public), public, "node", self.name)

    def keys(self) -> str:
        """One digest over all three keys: what a person approves, and what a token is bound to.

        Raises:
            Refused: the proof is not of the signing key, or is for something else.
        """
        ring = KeyRing()
        ring.add(self.key())
        if ring.unseal(self.proof).payload != _bound(self.token, self.link, self.page):
            raise Refused("proof", "the proof is for other requests")
        whole = "".join((request_digest(self.link), request_digest(self.page), self.signing))
        return hashlib.sha256(whole.encode()).hexdigest()


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the authority says: certificates in PEM and the keys of the union, or why not yet, or why not."""

    word: Word
    why: str = ""
    link: str = ""
    page: str = ""
    ring: str = ""
    wait_s: float = 0.0


def _bound(token: str, link: str, page: str) -> bytes:
    """What the proof covers: small, whatever the requests' length."""
    parts = (token_digest(token), hashlib.sha256(link.encode()).hexdigest(), hashlib.sha256(page.encode()).hexdigest())
    return ".".join(parts).encode()
