"""`piazza broker renew`: what the authority does for the certificates in its own folder, each tried before it counts."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from agent.clock import SystemClock
from agent.commands.broker_place import Place, date_ring, terms
from agent.commands.in_force import Agreed, reloaded
from agent.commands.party import host_and_port
from agent.errors import PiazzaError
from agent.provision.ca import TlsFiles, serial_of
from agent.provision.enrol_desk import DAYS
from agent.provision.renewal import Trial, is_due, switch
from agent.transport import Address
from agent.transport.trial import try_certificate


def renew(place: Place, options: argparse.Namespace, at: float) -> int:
    """1 when a certificate had to stay as it is."""
    agreed = Agreed.load(options.union)
    days = {name: days for name, (_, days) in terms(agreed.union, agreed.agreements, at).items()}
    turn = _Turn(place, options.broker, at)
    found = [
        turn.renew(name, files, days=days.get(name, 0)) for name, files in place.certificates() if name != "broker"
    ]
    found.append(turn.renew("broker", place.bench.broker, days=DAYS))
    if dated := date_ring(place, agreed.union, agreed.agreements, at):
        print(f"{place.bench.ring}: {dated} keys count until another day; give it to stores and nodes")
    place.revoked.add((), at=at)
    print(f"{found.count('renewed')} renewed; {reloaded(options.reload)}")
    return 1 if "stays" in found else 0


@dataclass(frozen=True, slots=True)
class _Turn:
    """One look at every certificate; without `broker` (HOST[:PORT]) new ones are not tried."""

    place: Place
    broker: str | None
    at: float

    def renew(self, name: str, files: TlsFiles, *, days: float) -> str:
        """`renewed`, `good`, or `stays` for a certificate whose successor the broker did not let in."""
        text = files.certificate.read_text(encoding="ascii")
        if serial_of(text) in self.place.revoked.numbers() or not is_due(text, days, self.at):
            return "good"
        is_tried = self.broker is not None and name != "broker"
        try:
            again = self.place.revoked.authority.again(files, at=self.at, days=days)
            switch(files, again, self._trial(files) if is_tried else _untried)
        except PiazzaError as error:
            print(f"{name}: the old certificate stays: {error.message}\n  {error.hint}", file=sys.stderr)
            return "stays"
        print(f"{name}: renewed for {round(days)} days{'' if is_tried else ', untried'}")
        return "renewed"

    def _trial(self, files: TlsFiles) -> Trial:
        """A second connection as that party."""
        host, port = host_and_port(self.broker or "")
        there = Address(host, port, str(self.place.bench.ca), str(files.certificate), str(files.key))
        return lambda staged: try_certificate(replace(there, certificate=str(staged)), clock=SystemClock())


def _untried(staged: Path) -> None:
    """Where no broker was named, and for the broker's own certificate, which it reads when it is told to."""
