"""Releases on the node's disk: each a folder that is whole or absent, and one link that says which runs.

    DIR/releases/000012-4f2a.../node.yaml release.json FILE...      DIR/current -> releases/000012-4f2a...

The invariant: every file of a release is on the disk before its folder has its name, and the link
changes in one step, so a power cut leaves the old release running or the new one, each whole.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from agent.files import sync_folder

CONFIG = "node.yaml"
CARD = "release.json"
CURRENT = "current"


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a release says of itself: its number, and the SHA-256 of each file."""

    seq: int
    files: dict[str, str]


class Disk(Protocol):
    """The few operations by which releases change, each of which a power cut may come before or after.

    What `write`, `rename`, `link` and `make` did is certain only after `sync` of the file or of its folder.
    """

    def make(self, folder: Path) -> None: ...
    def write(self, path: Path, content: bytes) -> None: ...
    def sync(self, path: Path) -> None: ...
    def sync_folder(self, folder: Path) -> None: ...
    def rename(self, old: Path, new: Path) -> None: ...
    def link(self, path: Path, to: str) -> None: ...
    def remove(self, path: Path) -> None: ...
    def read(self, path: Path) -> bytes: ...
    def led(self, path: Path) -> str: ...
    def names(self, folder: Path) -> list[str]: ...


class RealDisk:
    """The machine's own file system."""

    def make(self, folder: Path) -> None:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)

    def write(self, path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content)
        path.chmod(0o640)

    def sync(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sync_folder(self, folder: Path) -> None:
        sync_folder(folder)

    def rename(self, old: Path, new: Path) -> None:
        old.replace(new)

    def link(self, path: Path, to: str) -> None:
        path.symlink_to(to)

    def remove(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def led(self, path: Path) -> str:
        return str(path.readlink())

    def names(self, folder: Path) -> list[str]:
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@dataclass(frozen=True, slots=True)
class Releases:
    """The releases below one folder."""

    folder: Path
    disk: Disk

    def stage(self, seq: int, files: Mapping[str, bytes]) -> str:
        """Put a release on the disk, beside what runs; its name. One that is whole already stays."""
        card = Card(seq, {name: hashlib.sha256(content).hexdigest() for name, content in files.items()})
        name = f"{seq:06d}-{card.files[CONFIG][:16]}"
        home = self.folder / "releases"
        if self.card(name) == card and self.whole(name):
            return name
        fresh = home / f".{name}"
        for folder in (fresh, home / name):
            self.disk.remove(folder)
        self.disk.make(fresh)
        for part, content in {**files, CARD: msgspec.json.encode(card)}.items():
            self.disk.write(fresh / part, content)
            self.disk.sync(fresh / part)
        self.disk.sync_folder(fresh)
        self.disk.rename(fresh, home / name)
        self.disk.sync_folder(home)
        return name

    def switch(self, name: str) -> None:
        """Let a release be the one that runs."""
        fresh = self.folder / f".{CURRENT}"
        self.disk.remove(fresh)
        self.disk.link(fresh, f"releases/{name}")
        self.disk.rename(fresh, self.folder / CURRENT)
        self.disk.sync_folder(self.folder)

    def running(self) -> str:
        """The name of the release that runs; empty where none was ever installed."""
        try:
            return self.disk.led(self.folder / CURRENT).rpartition("/")[2]
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINVAL):
                raise
            return ""

    def card(self, name: str) -> Card | None:
        """What a release says of itself; None where there is no such release."""
        try:
            return msgspec.json.decode(self.disk.read(self.folder / "releases" / name / CARD), type=Card)
        except (OSError, msgspec.MsgspecError):
            return None

    def whole(self, name: str) -> bool:
        """Whether every file of a release is there and is the one that it should be."""
        card = self.card(name)
        return card is not None and all(self._is(name, part, sha256) for part, sha256 in card.files.items())

    def file(self, name: str, part: str = CONFIG) -> bytes:
        """A file of a release; OSError where it is missing."""
        return self.disk.read(self.folder / "releases" / name / part)

    def prune(self, *keep: str) -> None:
        """Take away all releases but these, and what an interrupted staging left."""
        for name in self.disk.names(self.folder / "releases"):
            if name not in keep:
                self.disk.remove(self.folder / "releases" / name)

    def _is(self, name: str, part: str, sha256: str) -> bool:
        try:
            return hashlib.sha256(self.file(name, part)).hexdigest() == sha256
        except OSError:
            return False
