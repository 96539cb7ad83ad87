"""How updates travel: metadata of one comune as one message, files as chunks named by their content.

    bundle = {documents by name, SHA-256 of a file -> its chunks, the nodes whose turn it is}

Nothing here is trusted: a bundle decides only what a node looks at, and the invariant is that every
chunk is the one that its name says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.contract.topics import Class, NodeName, Topic
from agent.errors import Refused
from agent.uplink.updates import ALL, BUNDLE, MAX_BYTES

__all__ = [
    "BUNDLE",
    "MAX_BYTES",
    "MAX_RELEASE_BYTES",
    "Bundle",
    "chunk_name",
    "cut",
    "digest",
    "read",
    "topic",
    "write",
]

CHUNK_BYTES = 131_072
"""Of the chunks that we make: on a thin line less is lost when it breaks."""

MAX_CHUNKS = 256
"""Of one file."""

MAX_RELEASE_BYTES = 12_000_000
"""Of all files of one node's order together: the update process holds them in memory, of which it has 80 MiB."""

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`turn` names the nodes that may apply it, None says all; `chunks` lists those of each file in order."""

    documents: Annotated[dict[str, str], Meta(max_length=512)]
    chunks: Annotated[dict[Digest, Annotated[tuple[Digest, ...], Meta(max_length=MAX_CHUNKS)]], Meta(max_length=4096)]
    turn: tuple[str, ...] | None = None


_DECODER = msgspec.json.Decoder(Bundle)


def write(bundle: Bundle) -> bytes:
    """The message; Refused('too-big') where a comune has become too large for one."""
    content = msgspec.json.encode(bundle)
    if len(content) > MAX_BYTES:
        raise Refused("too-big", f"a bundle of {len(content)} bytes, at most {MAX_BYTES}", hint="divide the comune")
    return content


def read(content: bytes) -> Bundle:
    """The bundle in a message; Refused('too-big' or 'malformed')."""
    if len(content) > MAX_BYTES:
        raise Refused("too-big", f"a bundle of {len(content)} bytes, at most {MAX_BYTES}")
    try:
        return _DECODER.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("malformed", f"no bundle: {error}") from error


def cut(content: bytes) -> Iterator[bytes]:
    """The chunks of a file in order; an empty file has none."""
    for at in range(0, len(content), CHUNK_BYTES):
        yield content[at : at + CHUNK_BYTES]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def chunk_name(sha256: str) -> str:
    """The chunk's last topic level, and its name as a file: half of its digest finds it, all of it proves it."""
    return sha256[:32]


def topic(union: str, comune: str, kind: str) -> str:
    """Where the bundle of a comune, or one of its chunks, lies on a broker."""
    return str(Topic(NodeName(union, comune, ALL), Class.OTA, kind))
