"""Parties that were revoked: named in a file beside an access list, and in no list that is made there until they are taken back.

A revocation is about a certificate and a machine, an agreement about a partner: the documents may go on naming a party
whose laptop was stolen. So the one is kept where the broker is, and wins over the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.files import write_atomic
from agent.governance.rights import Right


@dataclass(frozen=True, slots=True)
class ShutOut:
    """Who is kept out of the access list `access`, one full name a line of `access`.revoked."""

    access: Path

    @property
    def file(self) -> Path:
        return self.access.with_name(f"{self.access.name}.revoked")

    def names(self) -> tuple[str, ...]:
        """Full names, in the order in which they were shut out."""
        return tuple(self.file.read_text(encoding="ascii").split()) if self.file.exists() else ()

    def add(self, name: str) -> None:
        self._save([*self.names(), name])

    def take_back(self, name: str) -> None:
        self._save(known for known in self.names() if known != name)

    def without(self, rights: Iterable[Right]) -> tuple[Right, ...]:
        """The rights of everybody else."""
        out = set(self.names())
        return tuple(right for right in rights if right.party not in out)

    def _save(self, names: Iterable[str]) -> None:
        write_atomic(self.file, "".join(f"{name}\n" for name in dict.fromkeys(names)).encode("ascii"))
