"""A disk for releases that exists only in memory, and what a power cut would have left of it.

An entry of a folder lasts once the folder was synced, the content of a file once the file was. What was
not synced may be there, not there, or (content) there in part; one that lasts is always there.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

KEPT = 0.5
"""Chance that something which was not synced reached the disk all the same."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happened; `at` is its path, `to` the second path of a rename or what a link says."""

    kind: Literal["make", "write", "sync", "sync_folder", "rename", "link", "remove"]
    at: Path
    to: str = ""
    content: bytes = b""


@dataclass
class Tree:
    """What is on the disk: None is a folder, text a link, bytes a file."""

    entries: dict[Path, bytes | str | None] = field(default_factory=dict)

    def apply(self, act: Act) -> None:
        """As the file system does it; an act whose ground is missing does nothing."""
        if act.kind == "rename":
            self._rename(act.at, Path(act.to))
        elif act.kind == "remove":
            for path in [path for path in self.entries if path == act.at or act.at in path.parents]:
                del self.entries[path]
        elif self.is_folder(act.at.parent):
            if act.kind == "make":
                self.entries.setdefault(act.at, None)
            elif act.kind == "link":
                self.entries[act.at] = act.to
            elif act.kind == "write":
                self.entries[act.at] = act.content

    def is_folder(self, path: Path) -> bool:
        return path in self.entries and self.entries[path] is None

    def _rename(self, old: Path, new: Path) -> None:
        if old not in self.entries or not self.is_folder(new.parent):
            return
        moved = {path: entry for path, entry in self.entries.items() if path == old or old in path.parents}
        for path in moved:
            del self.entries[path]
        for path, entry in moved.items():
            self.entries[new / path.relative_to(old)] = entry


@dataclass
class ImaginedDisk:
    """Keeps the promises of `releases.Disk`, and writes down in `log` what happens."""

    tree: Tree
    log: list[Any] = field(default_factory=list)

    def make(self, folder: Path) -> None:
        for path in (*reversed(folder.parents), folder):
            if path not in self.tree.entries:
                self._do(Act("make", path))

    def write(self, path: Path, content: bytes) -> None:
        self._do(Act("write", path, content=content))

    def sync(self, path: Path) -> None:
        self._do(Act("sync", path))

    def sync_folder(self, folder: Path) -> None:
        self._do(Act("sync_folder", folder))

    def rename(self, old: Path, new: Path) -> None:
        self._do(Act("rename", old, to=str(new)))

    def link(self, path: Path, to: str) -> None:
        if path in self.tree.entries:
            raise FileExistsError(errno.EEXIST, "there already", str(path))
        self._do(Act("link", path, to=to))

    def remove(self, path: Path) -> None:
        self._do(Act("remove", path))

    def read(self, path: Path) -> bytes:
        found = self.tree.entries.get(path)
        if not isinstance(found, bytes):
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return found

    def led(self, path: Path) -> str:
        found = self.tree.entries.get(path)
        if not isinstance(found, str):
            raise FileNotFoundError(errno.ENOENT, "no such link", str(path))
        return found

    def names(self, folder: Path) -> list[str]:
        return sorted(path.name for path in self.tree.entries if path.parent == folder and path != folder)

    def _do(self, act: Act) -> None:
        self.tree.apply(act)
        self.log.append(act)


def image(before: Tree, log: Sequence[Act], randomness: random.Random) -> Tree:
    """What a power cut leaves when `log` has happened to the tree `before`, chosen at random."""
    tree = Tree(dict(before.entries))
    for act, lasts in zip(log, _lasting(log), strict=True):
        entry, content = lasts
        if entry or randomness.random() < KEPT:
            tree.apply(act if content or act.kind != "write" else _torn(act, randomness))
    return tree


def _torn(act: Act, randomness: random.Random) -> Act:
    """A file whose content was not synced: all of it, none of it, or its beginning."""
    length = randomness.choice([len(act.content), 0, randomness.randrange(len(act.content) + 1)])
    return Act("write", act.at, content=act.content[:length])


def _lasting(log: Sequence[Act]) -> list[tuple[bool, bool]]:
    """For each act, whether its entry and its content were synced by the end."""
    lasting: list[tuple[bool, bool]] = []
    folders: set[Path] = set()
    files: set[Path] = set()
    for act in reversed(log):
        if act.kind == "sync_folder":
            folders.add(act.at)
        if act.kind == "sync":
            files.add(act.at)
        lasting.append((act.at.parent in folders, act.at in files))
    return lasting[::-1]
