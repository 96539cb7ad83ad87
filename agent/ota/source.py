"""Where a node finds what was published for it: a folder, be it the one that link fills or a stick.

The invariant: nothing is read but plain files of bounded size, and no link is followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.errors import Refused
from agent.files import read_plain
from agent.ota import bundle

MOST = bundle.MAX_BYTES + 1
"""One byte more than any right file has."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder with a bundle and its chunks."""

    folder: Path

    def bundle(self) -> bytes | None:
        """The newest bundle; None while there is none."""
        return read_plain(self.folder / bundle.BUNDLE, most=MOST)

    def chunk(self, sha256: str) -> bytes | None:
        """A chunk that is what its name says; one that is not is as good as missing."""
        path = self.folder / bundle.chunk_name(sha256)
        content = read_plain(path, most=MOST)
        if content is None or bundle.digest(content) == sha256:
            return content
        with suppress(OSError):  # a stick may be read-only; on the shelf what a power cut spoiled makes room
            path.unlink()
        return None


def wanted(digests: tuple[str, ...], shelf: Shelf) -> Iterator[str]:
    """The chunks of a file that are not there yet."""
    for one in dict.fromkeys(digests):
        if shelf.chunk(one) is None:
            yield one


def assembled(sha256: str, length: int, digests: tuple[str, ...], shelf: Shelf) -> bytes:
    """The file of these chunks; Refused('absent', 'too-long' or 'mismatch')."""
    if len(digests) * bundle.MAX_BYTES < length:
        raise Refused("absent", "the bundle names too few chunks")
    parts = []
    for one in digests:
        part = shelf.chunk(one)
        if part is None:
            raise Refused("absent", f"chunk {bundle.chunk_name(one)} is not there")
        parts.append(part)
    content = b"".join(parts)
    if len(content) > length:
        raise Refused("too-long", f"{len(content)} bytes where {length} were promised")
    if len(content) < length or bundle.digest(content) != sha256:
        raise Refused("mismatch", "the chunks make another file")
    return content
