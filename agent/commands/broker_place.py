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
from agent.provision.keys import load_ring, save_ring, until_ends
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
    until = ends(whole, agreed)
    partners = {
        name: (str(one.partner.role), min(DAYS, (until[name] - at) / DAY_S))
        for name, one in ((whole.full_name(one.partner.id), one) for one in agreed)
        if until[name] > at
    }
    return known | partners


def ends(whole: Union, agreed: Sequence[Agreement]) -> dict[str, float]:
    """Full name of every partner, and the instant at which the last agreement with them is over."""
    found: dict[str, float] = {}
    for one in agreed:
        name = whole.full_name(one.partner.id)
        found[name] = max(one.ends_at, found.get(name, 0.0))
    return found


def date_ring(place: Place, whole: Union, agreed: Sequence[Agreement], at: float) -> int:
    """Give the keys of partners the ends of their agreements, and end those that nobody names any more; how many changed."""
    until, ring = ends(whole, agreed), load_ring(place.bench.ring)
    named = {whole.full_name(party.id) for party in whole.parties} | until.keys()
    gone = {key.subject: min(key.until, at) for key in ring if key.until is not None and key.subject not in named}
    fresh = until_ends(ring, until | gone)
    changed = sum(key not in set(ring) for key in fresh)
    if changed:
        save_ring(place.bench.ring, fresh)
    return changed
