"""What a card says of its node before the node has keys: a ticket to enrol with, and a code for the label.

The invariant: nothing on a card is a key. The ticket's token can ask once for certificates under one name and
ends by itself; of the code on the label the card holds only a digest that is dear to guess from.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Self

import msgspec

from agent.contract.topics import NodeName
from agent.errors import KeyFileError

LASTS_S = 30 * 86_400.0
"""How long a card may lie in a drawer before its ticket ends."""

ENROL_PORT = 8884
AIM_PORT = 8443
_TOKEN_BYTES = 32
_CODE_BYTES = 10
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}
"""About 50 ms and 16 MB on a Pi 4, for each guess (RFC 7914)."""


class Ticket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lets one node ask one server for certificates, once; `expires` is an instant."""

    name: str
    server: str
    token: str
    expires: float

    @classmethod
    def new(cls, name: NodeName, server: str, *, at: float) -> Self:
        """A ticket that nobody else has; `server` is HOST:PORT."""
        return cls(str(name), server, secrets.token_urlsafe(_TOKEN_BYTES), at + LASTS_S)

    @classmethod
    def read(cls, text: bytes) -> Self:
        """KeyFileError where the text is no ticket."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.DecodeError as error:
            raise KeyFileError(
                f"no ticket to enrol with: {error}", hint="make a new card with: piazza image"
            ) from error

    def digest(self) -> str:
        """What the server keeps of the token."""
        return token_digest(self.token)


def token_digest(token: str) -> str:
    """SHA-256 in hexadecimal; a token has 256 random bits, so a plain digest tells nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a node keeps of the code on its label: salt and scrypt of it, in hexadecimal."""

    salt: str
    digest: str

    def opens(self, code: str) -> bool:
        """Whether `code` is the one on the label; small letters and dashes do not matter."""
        return hmac.compare_digest(_stretched(code, self.salt), self.digest)


@dataclass(frozen=True, slots=True)
class Code:
    """The code on the label, 16 letters and digits in groups of four."""

    text: str = field(default_factory=lambda: _grouped(base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode()))

    def lock(self) -> Lock:
        salt = secrets.token_hex(16)
        return Lock(salt, _stretched(self.text, salt))

    def address(self, name: NodeName) -> str:
        """What the QR label holds: the node's own page; the code stays in the phone, behind the #."""
        return f"https://{name.node}.local:{AIM_PORT}/#{self.text}"


def _grouped(text: str) -> str:
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _stretched(code: str, salt: str) -> str:
    plain = code.upper().replace("-", "").replace(" ", "").encode()
    return hashlib.scrypt(plain, salt=bytes.fromhex(salt), dklen=32, **_SCRYPT).hex()
