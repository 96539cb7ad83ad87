"""Every certificate that an authority has made, by number and name: all of one name's are revoked together.

A certificate that was renewed stays good until its own end, so the newest alone does not shut anybody out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Issued:
    """One line a certificate in `folder`/issued: the number in hexadecimal, its end as an instant, and the common name."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "issued"

    def note(self, serial: int, common: str, *, until: float) -> None:
        """Write down a certificate before it is handed over."""
        with self.file.open("a", encoding="utf-8") as file:
            file.write(f"{serial:x} {until:.0f} {common}\n")

    def serials(self, common: str) -> list[int]:
        """The numbers of all that were made for a name, oldest first."""
        return [serial for serial, _, name in self._lines() if name == common]

    def until(self, common: str) -> float:
        """When the one that lasts longest ends; 0 where none was made."""
        return max((until for _, until, name in self._lines() if name == common), default=0.0)

    def _lines(self) -> Iterator[tuple[int, float, str]]:
        if self.file.exists():
            for line in self.file.read_text(encoding="utf-8").splitlines():
                serial, until, name = line.split(" ", 2)
                yield int(serial, 16), float(until), name
