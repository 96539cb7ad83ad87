"""The folder of one broker, and whose certificates lie in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import UserError
from agent.governance.agreement import DAY_S, Agreement
from agent.governance.box import Box
from agent.governance.union import Union
from agent.provision.bench import Bench
from agent.provision.ca import Authority, TlsFiles
from agent.provision.enrol_desk import DAYS
from agent.provision.issued import Issued
from agent.provision.revoked import Revoked


@dataclass(frozen=True, slots=True)
class Place:
    """DIR of every act of `piazza broker`."""

    folder: Path

    @property
    def bench(self) -> Bench:
        return Bench(self.folder / "keys")

    @property
    def box(self) -> Box:
        return Box(self.folder / "mosquitto")

    @property
    def revoked(self) -> Revoked:
        return Revoked(Authority(self.folder / "keys" / "ca"))

    @property
    def issued(self) -> Issued:
        return Issued(self.folder / "keys" / "ca")

    def certificates(self) -> Iterator[tuple[str, TlsFiles]]:
        """`broker` and the full name of every party, with their files."""
        if not self.bench.ca.exists():
            raise UserError(f"{self.folder}: no broker's folder", hint="make one with: piazza broker init")
        yield "broker", self.bench.broker
        for name in self.bench.names():
            yield name, self.bench.tls(name)


def terms(whole: Union, agreed: Sequence[Agreement], at: float) -> dict[str, tuple[str, float]]:
    """Role of everybody but nodes, who enrol by themselves, and for how many days; a partner's end with its agreement, to the second."""
    known: dict[str, tuple[str, float]] = {
        whole.full_name(party.id): (str(party.role), DAYS) for party in whole.parties
    }
    ends: dict[str, tuple[str, float]] = {}
    for one in agreed:
        name = whole.full_name(one.partner.id)
        ends[name] = (one.partner.role, max(one.ends_at, ends.get(name, ("", 0.0))[1]))
    partners = {name: (role, min(DAYS, (until - at) / DAY_S)) for name, (role, until) in ends.items() if until > at}
    return known | partners
