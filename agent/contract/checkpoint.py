"""Checkpoints: how much of one chain somebody holds or has seen, in a few signed lines of text.

    piazza/v1/UNION/COMUNE/NODE/KID        origin: one chain of one node; KID is the key that began it
    1200                                   size: everything from number 1 up to here
    base64                                 root of the tree over the digests of these numbers
    vacant 7-9                             numbers that the node gave up, where there are any

    — SUBJECT base64                       one line a signature

The form is C2SP's (tlog-checkpoint, signed-note, tlog-cosignature), so tools for transparency logs can
read it. A head that a witness saw has the origin with `/head` behind it; its size is the number and its
root the digest that the node itself signed. The invariant: `opened` gives back a text only if nobody
whom the ring knows is misquoted.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.contract.chain import Range
from agent.contract.jws import Key, KeyRing, Signer
from agent.contract.topics import PREFIX, NodeName
from agent.contract.types import MAX_SEQ
from agent.errors import Refused

HEAD = "/head"
_PLAIN, _COSIGNED = 1, 4
"""Kinds of signature in a note: Ed25519, and Ed25519 with the time of a witness."""

_ROLES = {_PLAIN: "store", _COSIGNED: "witness"}
_DASH = "— "
_ORIGIN = re.compile(r"piazza/v1/([a-z0-9-]{1,32}/[a-z0-9-]{1,32}/[a-z0-9-]{1,32})/([A-Za-z0-9_-]{43})(/head)?")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_MOST_LINES = 64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is signed; as text it ends with a line end."""

    origin: str
    size: int
    root: bytes
    vacant: tuple[Range, ...] = ()

    def __str__(self) -> str:
        more = f"vacant {' '.join(f'{first}-{last}' for first, last in self.vacant)}\n" if self.vacant else ""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n{more}"

    @property
    def node(self) -> str:
        """Full name of the node whose chain it is."""
        return _parts(self.origin)[0]

    @property
    def kid(self) -> str:
        """The key of the chain: the one that began it, in a head the one that signed it."""
        return _parts(self.origin)[1]

    @property
    def is_head(self) -> bool:
        """Whether the root is a node's own digest and not that of a tree."""
        return self.origin.endswith(HEAD)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """The inverse of `str`; Refused('malformed') for any other text."""
        lines = text.split("\n")
        if not 4 <= len(lines) <= 5 or lines[-1]:  # noqa: PLR2004 -- three lines or four, and what stands behind the last end
            raise Refused("malformed", "a checkpoint has an origin, a size and a root")
        _parts(lines[0])
        found = cls(lines[0], _number(lines[1]), _bytes(lines[2], 32), tuple(_vacant(lines[3])) if lines[3] else ())
        if str(found) != text:
            raise Refused("malformed", "a checkpoint in another spelling")
        return found


@dataclass(frozen=True, slots=True)
class Opened:
    """A note whose known signatures are right: who signed it, and who saw it when (whole seconds since 1970)."""

    checkpoint: Checkpoint
    signers: tuple[Key, ...] = ()
    witnesses: tuple[tuple[Key, int], ...] = ()


def origin(node: NodeName | str, kid: str) -> str:
    """The name of the chain that the key `kid` began."""
    return "/".join((*PREFIX, str(node), kid))


def sign(checkpoint: Checkpoint, signer: Signer, name: str) -> str:
    """The signed note of a store called `name`."""
    text = str(checkpoint)
    return f"{text}\n{_line(name, _PLAIN, signer.public, signer.sign_lines(text))}"


def cosign(checkpoint: Checkpoint, signer: Signer, name: str, *, at: float) -> str:
    """The line with which a witness called `name` says that it saw the checkpoint and that it went on from what it saw before."""
    second = int(at)
    signature = second.to_bytes(8, "big") + signer.sign_lines(_seen(str(checkpoint), second))
    return _line(name, _COSIGNED, signer.public, signature)


def opened(note: str, ring: KeyRing) -> Opened:
    """A note looked into; Refused('malformed'), ('signature') or ('unknown-key') when nobody known signed it."""
    text, gap, lines = note.partition("\n\n")
    text += "\n"
    checkpoint = Checkpoint.parse(text)
    known = {(kind, _id(key.subject, kind, key.public)): key for key in ring for kind in _ROLES if _may(key, kind)}
    signers: list[Key] = []
    witnesses: list[tuple[Key, int]] = []
    for name, raw in _signatures(lines) if gap else ():
        for kind in _ROLES:
            key = known.get((kind, raw[:4]))
            if key is None or key.subject != name:
                continue
            second = int.from_bytes(raw[4:12], "big")
            said, signature = (text, raw[4:]) if kind == _PLAIN else (_seen(text, second), raw[12:])
            if not ring.signed_lines(key.kid, said, signature):
                raise Refused("signature", f"this is not the signature of {name}")
            if kind == _COSIGNED and key.ended(second):
                continue  # as if it had not signed: its agreement was over
            signers += [key] if kind == _PLAIN else []
            witnesses += [(key, second)] if kind == _COSIGNED else []
    if not signers and not witnesses:
        raise Refused("unknown-key", "no store and no witness of the ring signed it")
    return Opened(checkpoint, tuple(signers), tuple(witnesses))


def joined(note: str, lines: str) -> str:
    """A note with further signatures; the same line is not repeated."""
    text, _, signatures = note.partition("\n\n")
    all_lines = dict.fromkeys([*signatures.splitlines(), *lines.splitlines()])
    return f"{text}\n\n" + "".join(f"{line}\n" for line in all_lines if line)


def notes(text: str) -> Iterator[str]:
    """The notes of a file that holds one after the other, with an empty line between them."""
    parts = [part.strip("\n") for part in text.replace("\r\n", "\n").split("\n\n") if part.strip("\n")]
    for body, signatures in zip(parts[::2], parts[1::2], strict=False):
        yield f"{body}\n\n{signatures}\n"
    if len(parts) % 2:
        raise Refused("malformed", "a note without signatures")


def _line(name: str, kind: int, public: bytes, signature: bytes) -> str:
    return f"{_DASH}{name} {b64encode(_id(name, kind, public) + signature).decode()}\n"


def _id(name: str, kind: int, public: bytes) -> bytes:
    """The four bytes by which a note finds its key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def _may(key: Key, kind: int) -> bool:
    return key.role == _ROLES[kind]


def _seen(text: str, second: int) -> str:
    """What a witness signs."""
    return f"cosignature/v1\ntime {second}\n{text}"


def _signatures(lines: str) -> Iterator[tuple[str, bytes]]:
    found = lines.splitlines()
    if len(found) > _MOST_LINES:
        raise Refused("too-big", f"{len(found)} signatures, at most {_MOST_LINES}")
    for line in found:
        match = _SIGNATURE.fullmatch(line)
        if match is None:
            raise Refused("malformed", "a line that is no signature")
        yield match[1], _bytes(match[2])


def _vacant(line: str) -> Iterable[Range]:
    word, _, rest = line.partition(" ")
    if word != "vacant":
        raise Refused("malformed", "a line that no checkpoint of ours has")
    for pair in rest.split(" "):
        first, _, last = pair.partition("-")
        yield _number(first), _number(last)


def _parts(name: str) -> tuple[str, str]:
    found = _ORIGIN.fullmatch(name)
    if found is None:
        raise Refused("malformed", "not the name of a chain")
    return found[1], found[2]


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > MAX_SEQ:
        raise Refused("malformed", "not a number of a chain")
    return int(text)


def _bytes(text: str, length: int = 0) -> bytes:
    try:
        found = b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Refused("malformed", "not base64") from error
    if (length and len(found) != length) or b64encode(found).decode() != text:
        raise Refused("malformed", "not base64 of the right length")
    return found
