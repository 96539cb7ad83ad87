"""Compact JWS with Ed25519 (RFC 7515, RFC 8037) in one strict profile; the only maker of signatures.

The invariant: `unseal` gives back payload bytes only after size, header, key and signature were all
found right, in that order, and looks at nothing else of the token before that.
"""

from __future__ import annotations

import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Never

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agent.contract.quick import surely
from agent.contract.times import instant, seconds
from agent.errors import KeyFileError, Refused

MAX_BYTES = 4096
TYPE = "piazza+jws"
GENESIS = "0" * 64
"""`prev` of the first envelope of a node."""


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_+/=", b"+/\0\0\0")
"""base64url to base64, and what may not stand in base64url to what may not stand in either."""

_LAST = {1: "AQgw", 2: "AEIMQUYcgkosw048"}
"""Last letters that leave no bits over, by the bytes after the last three."""


def b64(data: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE).rstrip(b"=").decode("ascii")


def unb64(text: str) -> bytes:
    """The strict inverse: padding, other alphabets and non-canonical tails are refused."""
    try:
        padded = text.encode("ascii").translate(_STANDARD) + b"=" * (-len(text) % 4)
        data = binascii.a2b_base64(padded, strict_mode=True)
    except (ValueError, binascii.Error) as error:
        raise Refused("malformed", "not base64url") from error
    if (rest := len(data) % 3) and text[-1] not in _LAST[rest]:
        raise Refused("malformed", "base64url is not canonical")
    return data


def digest(signing_input: str) -> str:
    """What the next envelope carries as `prev`: SHA-256 of header and payload as they were signed."""
    return hashlib.sha256(signing_input.encode("ascii")).hexdigest()


def thumbprint(public: bytes) -> str:
    """The key id: RFC 7638 thumbprint of the 32-byte public key."""
    jwk = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": b64(public)}, separators=(",", ":"))
    return b64(hashlib.sha256(jwk.encode("ascii")).digest())


class Signer:
    """A private key that signs; it never leaves this object."""

    def __init__(self, private: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes_raw()
        self.kid = thumbprint(self.public)
        self._header = _first_part(self.kid)

    def seal(self, payload: bytes) -> tuple[str, str]:
        """The token over `payload`, and the digest of what was signed."""
        signing_input = f"{self._header}.{b64(payload)}"
        signed = signing_input.encode("ascii")
        return f"{signing_input}.{b64(self._key.sign(signed))}", hashlib.sha256(signed).hexdigest()

    def sign_lines(self, text: str) -> bytes:
        """Ed25519 over whole lines, as a signed note has them; no signing input of a token has a line end."""
        if not text.endswith("\n"):
            raise Refused("malformed", "a note ends with a line end")
        return self._key.sign(text.encode())


@dataclass(frozen=True, slots=True)
class Key:
    """A public key and whose it is: `role` is node, store, witness, maintainer, operator, ...

    `subject` is what the role is for: a node's full name, a comune, a person's function.
    """

    kid: str
    public: bytes
    role: str
    subject: str
    until: float | None = None
    """The end of the agreement by which its owner is trusted: what was signed before stays genuine, nothing new is accepted."""

    def ended(self, at: float) -> bool:
        return self.until is not None and at >= self.until


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A token whose signature was right."""

    payload: bytes
    key: Key
    digest: str


_Trusted = tuple[Key, Ed25519PublicKey]


@dataclass(slots=True)
class KeyRing:
    """The public keys that a party trusts, as a JWK set (RFC 7517) on disk."""

    _keys: dict[str, _Trusted] = field(default_factory=dict)
    """First part of a token as its key would make it -> that key."""

    def add(self, key: Key) -> None:
        if key.kid != thumbprint(key.public):
            raise KeyFileError(f"key {key.kid} is not the key that its id names")
        self._keys[_first_part(key.kid)] = key, Ed25519PublicKey.from_public_bytes(key.public)

    def replace(self, other: KeyRing) -> None:
        """Trust the keys of another ring instead, and no others; also while other threads open tokens."""
        self._keys = dict(other._keys)

    def __iter__(self) -> Iterator[Key]:
        return (key for key, _ in self._keys.values())

    def unseal(self, token: str | bytes) -> Unsealed:
        """Payload of a token signed by a known key.

        Refused: `too-big`, `malformed`, `header`, `unknown-key` or `signature`, the first that holds.
        """
        if len(token) > MAX_BYTES:
            raise Refused("too-big", f"{len(token)} bytes, at most {MAX_BYTES}")
        text = _ascii(token)
        if text.count(".") != 2:  # noqa: PLR2004
            raise Refused("malformed", "a token has three parts")
        signing_input, _, signature = text.rpartition(".")
        header, _, body = signing_input.partition(".")
        key, public = self._keys.get(header) or _strange(header)
        signed = signing_input.encode("ascii")
        claimed = unb64(signature)
        try:
            if not surely(key.public, claimed, signed):
                public.verify(claimed, signed)
        except InvalidSignature as error:
            raise Refused("signature") from error
        return Unsealed(unb64(body), key, hashlib.sha256(signed).hexdigest())

    def signed_lines(self, kid: str, text: str, signature: bytes) -> bool:
        """Whether the key `kid`, trusted now, signed these lines."""
        trusted = self._keys.get(_first_part(kid))
        try:
            if trusted:
                trusted[1].verify(signature, text.encode())
        except InvalidSignature:
            return False
        return trusted is not None and text.endswith("\n")

    def to_jwks(self) -> dict[str, Any]:
        return {"keys": [_to_jwk(key) for key in self]}

    @classmethod
    def from_jwks(cls, document: Mapping[str, Any]) -> KeyRing:
        ring = cls()
        try:
            for jwk in document["keys"]:
                until = seconds(jwk["piazza_until"]) if "piazza_until" in jwk else None
                ring.add(Key(jwk["kid"], unb64(jwk["x"]), jwk["piazza_role"], jwk["piazza_subject"], until))
        except (KeyError, TypeError, ValueError, Refused) as error:
            raise KeyFileError(f"not a key set of Piazza: {error!r}", hint="make one with: piazza keys") from error
        return ring


def _header(kid: str) -> bytes:
    return f'{{"alg":"EdDSA","kid":"{kid}","typ":"{TYPE}"}}'.encode()


def _first_part(kid: str) -> str:
    return b64(_header(kid))


def _ascii(token: str | bytes) -> str:
    if not token.isascii():
        raise Refused("malformed", "not ASCII")
    return token.decode("ascii") if isinstance(token, bytes) else token


def _strange(part: str) -> Never:
    """Say why a first part is none that a key of the ring makes."""
    _check_ours(part)
    raise Refused("unknown-key", hint="fetch the key set of the union again")


def _check_ours(part: str) -> None:
    """Refused unless a header is exactly as ours are, byte for byte."""
    raw = unb64(part)
    try:
        ours = _header(json.loads(raw)["kid"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:  # half a surrogate pair is a ValueError
        raise Refused("header", "not a header of ours") from error
    if raw != ours:
        raise Refused("header", "alg, typ or members are not the agreed ones")


def _to_jwk(key: Key) -> dict[str, str]:
    """Readers of before know no `piazza_until` and pass it over."""
    dated = {} if key.until is None else {"piazza_until": instant(key.until)}
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": b64(key.public),
        "kid": key.kid,
        "use": "sig",
        "piazza_role": key.role,
        "piazza_subject": key.subject,
        **dated,
    }
