"""Keys of people: Ed25519 in PEM, as `piazza ota keys` and `openssl genpkey` make them.

The invariant: a private key is read where it is used, and only a signature comes out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent.errors import KeyFileError, why
from agent.ota.metadata import key_id
from agent.provision.keys import load_public, new_signing_key

PUBLIC = ".pub.pem"
_MAKE = "make a key with: piazza ota keys new FILE"


class Pen:
    """A private key that signs documents of updates."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()
        self.id = key_id(self.public)

    def sign(self, body: bytes) -> str:
        """The signature in hexadecimal."""
        return self._private.sign(body).hex()


def make(path: Path) -> Path:
    """A new private key at `path`, its public half beside it; the path of the latter."""
    new_signing_key(path, role="update", subject=path.stem)
    return path.with_suffix(PUBLIC)


def pen(path: Path) -> Pen:
    """The private key at `path`; KeyFileError where it is missing, protected or of another kind."""
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, TypeError, ValueError) as error:
        raise KeyFileError(f"{path}: {why(error)}", hint=_MAKE) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: a private key, but not Ed25519", hint=_MAKE)
    return Pen(private)


def public(path: Path) -> bytes:
    """The 32 bytes of a public key file."""
    return load_public(path)


def name(path: Path) -> str:
    """Whose key a public key file is: `anna` of `anna.pub.pem`."""
    return path.name.removesuffix(PUBLIC)


def names(folder: Path) -> dict[str, str]:
    """Key id -> name, of all public keys in a folder."""
    return {key_id(public(path)): name(path) for path in sorted(folder.glob(f"*{PUBLIC}"))}


def called(ids: Iterable[str], known: dict[str, str]) -> str:
    """Keys as a person calls them, those without a name by the start of their id."""
    return ", ".join(known.get(one, one[:8]) for one in ids)
