"""Where a card's files go: a mounted boot partition, or the first partition of an image file by mtools.

No root is needed for either, and nothing outside the boot partition is touched.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from agent.errors import UserError
from agent.files import write_atomic

_SECTOR = 512
_FAT_TYPES = frozenset({0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E})
_TABLE, _ENTRY, _MAGIC = 446, 16, b"\x55\xaa"


@dataclass(frozen=True, slots=True)
class Folder:
    """A mounted boot partition."""

    root: Path

    def read(self, path: str) -> bytes | None:
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def write(self, path: str, content: bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, content)

    def paths(self, folder: str) -> list[str]:
        return sorted(str(file.relative_to(self.root)) for file in (self.root / folder).rglob("*") if file.is_file())

    def remove(self, path: str) -> None:
        (self.root / path).unlink()


@dataclass(frozen=True, slots=True)
class FatImage:
    """An image file that holds a FAT partition at `offset` bytes."""

    image: Path
    offset: int

    @classmethod
    def open(cls, image: Path) -> FatImage:
        """UserError where the file holds no FAT partition that can be found."""
        with image.open("rb") as file:
            return cls(image, _fat_offset(file.read(_SECTOR), image))

    def read(self, path: str) -> bytes | None:
        done = self._run("mcopy", "-n", f"::{path}", "-")
        return done.stdout if done.returncode == 0 else None

    def write(self, path: str, content: bytes) -> None:
        self._make_folders(path)
        with tempfile.NamedTemporaryFile() as fresh:
            fresh.write(content)
            fresh.flush()
            done = self._run("mcopy", "-o", "-m", fresh.name, f"::{path}")
        if done.returncode:
            raise UserError(
                f"{self.image}: {path}: {_last_line(done.stderr)}", hint="is there room on the boot partition?"
            )

    def paths(self, folder: str) -> list[str]:
        done = self._run("mdir", "-/", "-b", f"::{folder}")
        listed = [line.removeprefix("::/") for line in done.stdout.decode(errors="replace").splitlines()]
        return sorted(path for path in listed if path and not path.endswith("/"))

    def remove(self, path: str) -> None:
        self._run("mdel", f"::{path}")

    def _make_folders(self, path: str) -> None:
        folders = Path(path).parents
        for folder in reversed(folders[: len(folders) - 1]):
            self._run("mmd", "-D", "s", f"::{folder}")

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        if not shutil.which(program):
            raise UserError(f"{program} is not here, and an image file needs it", hint="apt-get install mtools")
        return subprocess.run(
            [program, "-i", f"{self.image}@@{self.offset}", *arguments],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def open_target(path: Path) -> Folder | FatImage:
    """The boot partition that `path` is or holds."""
    if path.is_dir():
        return Folder(path)
    if path.is_file():
        return FatImage.open(path)
    raise UserError(f"{path}: neither a folder nor an image file", hint="mount the card, or give the .img file")


def _fat_offset(sector: bytes, image: Path) -> int:
    """Where the first FAT partition begins: at once, or where the partition table says."""
    if b"FAT" in sector[54:90]:
        return 0
    if sector[510:512] == _MAGIC:
        for number in range(4):
            kind, first = struct.unpack_from("<4xB3xI", sector, _TABLE + number * _ENTRY)
            if kind in _FAT_TYPES:
                return int(first) * _SECTOR
    raise UserError(f"{image}: no FAT boot partition found", hint="give the unpacked .img of Raspberry Pi OS (64-bit)")


def _last_line(said: bytes) -> str:
    return (said.decode(errors="replace").strip().splitlines() or ["mtools gave no reason"])[-1]
