"""Signing keys and key rings as files.

A private key is Ed25519 in PKCS#8 PEM with mode 0600, as `openssl genpkey` writes it; a key ring is
a JWK set. The invariant: nothing here is overwritten, and a key that others can read is not used.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from agent.contract.jws import Key, KeyRing, Signer
from agent.errors import KeyFileError, why
from agent.files import write_atomic, write_once

_PRIVATE_DER = bytes.fromhex("302e020100300506032b657004220420")
"""All of an Ed25519 private key in DER before its 32 bytes (RFC 8410 section 7)."""
_PUBLIC_DER = bytes.fromhex("302a300506032b6570032100")
"""The same for a public key (RFC 8410 section 4)."""
_MAKE_KEYS = "make keys with: piazza keys"


def load_signer(path: Path) -> Signer:
    """The private key at `path`; KeyFileError where it is missing, open to others or no such key."""
    text = _read(path)
    if path.stat().st_mode & stat.S_IRWXO:
        raise KeyFileError(f"{path}: everybody on this machine can read this private key", hint=f"chmod o= {path}")
    return Signer(_from_pem(text, "PRIVATE KEY", _PRIVATE_DER, path))


def load_public(path: Path) -> bytes:
    """The 32 bytes of a public key in PEM."""
    return _from_pem(_read(path), "PUBLIC KEY", _PUBLIC_DER, path)


def load_ring(path: Path) -> KeyRing:
    """The public keys that are trusted; KeyFileError where the file is missing or no key ring."""
    try:
        return KeyRing.from_jwks(json.loads(_read(path)))
    except (json.JSONDecodeError, RecursionError) as error:
        raise KeyFileError(f"{path}: {why(error)}", hint=_MAKE_KEYS) from error


def save_ring(path: Path, ring: KeyRing) -> None:
    """Put a key ring in place of the older one, whole or not at all."""
    write_atomic(path, f"{json.dumps(ring.to_jwks(), indent=1)}\n".encode("ascii"))


def without(ring: KeyRing, role: str, subject: str) -> KeyRing:
    """A ring of all keys but those of one party in one role."""
    kept = KeyRing()
    for key in ring:
        if (key.role, key.subject) != (role, subject):
            kept.add(key)
    return kept


def until_ends(ring: KeyRing, ends: Mapping[str, float]) -> KeyRing:
    """A ring in which the keys of these subjects count until their ends, all others as they were."""
    made = KeyRing()
    for key in ring:
        made.add(replace(key, until=ends.get(key.subject, key.until)))
    return made


def new_signing_key(path: Path, *, role: str, subject: str) -> Key:
    """Write a new private key to `path` and its public half beside it; what a ring takes in."""
    private = os.urandom(32)
    signer = Signer(private)
    write_secret(path, _pem(_PRIVATE_DER + private, "PRIVATE KEY"))
    write_atomic(path.with_suffix(".pub.pem"), public_pem(signer.public).encode("ascii"))
    return Key(signer.kid, signer.public, role, subject)


def public_pem(public: bytes) -> str:
    """A public key as openssl reads it."""
    return _pem(_PUBLIC_DER + public, "PUBLIC KEY")


def write_secret(path: Path, text: str) -> None:
    """Write what only the owner may read; KeyFileError where something is already there.

    After a full disk or a power cut it is whole or not there, since half a key could never be replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_once(path, text.encode("ascii"), mode=0o600)
    except FileExistsError as error:
        raise KeyFileError(f"{path} is there already and is not replaced", hint="take another folder") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{path}: {why(error)}", hint=_MAKE_KEYS) from error


def _pem(der: bytes, kind: str) -> str:
    return f"-----BEGIN {kind}-----\n{base64.b64encode(der).decode('ascii')}\n-----END {kind}-----\n"


def _from_pem(text: str, kind: str, head: bytes, path: Path) -> bytes:
    body = text.strip().removeprefix(f"-----BEGIN {kind}-----").removesuffix(f"-----END {kind}-----")
    try:
        der = base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error:
        der = b""
    if not (der.startswith(head) and len(der) == len(head) + 32):
        raise KeyFileError(f"{path}: not an Ed25519 {kind.lower()} in PEM", hint=_MAKE_KEYS)
    return der[len(head) :]
