"""Certificates that no longer count: their numbers in a file, and the signed list that a broker reads.

The invariant: a number that is in the file is in every list made from then on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.files import write_atomic
from agent.provision.ca import Authority, common_name
from agent.provision.issued import Issued

DAYS = 365
"""A list that is older is no longer believed; `piazza broker renew` makes it anew."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """The revocations of one authority."""

    authority: Authority

    @property
    def numbers_file(self) -> Path:
        return self.authority.folder / "revoked"

    @property
    def list_file(self) -> Path:
        """What the broker reads (`crlfile` of mosquitto)."""
        return self.authority.folder / "crl.pem"

    def numbers(self) -> list[int]:
        """Serial numbers, in the order in which they were revoked."""
        if not self.numbers_file.exists():
            return []
        return [int(line, 16) for line in self.numbers_file.read_text(encoding="ascii").split()]

    def shut_out(self, name: str, serials: Iterable[int] = (), *, at: float) -> None:
        """Revoke every certificate that was ever made for a party, and `serials` beside them."""
        self.add([*Issued(self.authority.folder).serials(common_name(name)), *serials], at=at)

    def add(self, serials: Iterable[int], *, at: float) -> None:
        """Revoke for good, and sign the list anew."""
        numbers = list(dict.fromkeys([*self.numbers(), *serials]))
        write_atomic(self.numbers_file, "".join(f"{number:x}\n" for number in numbers).encode("ascii"))
        write_atomic(self.list_file, self.authority.revocations(numbers, at=at, days=DAYS).encode("ascii"))
