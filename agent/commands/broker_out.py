"""Who is no longer let in, until taken back: `piazza broker revoke` and `readmit`."""

from __future__ import annotations

from pathlib import Path

from agent.commands.broker_place import Place, date_ring, terms
from agent.commands.in_force import Agreed, reloaded
from agent.commands.keys import SIGNERS
from agent.errors import UserError
from agent.files import write_atomic
from agent.governance import lists
from agent.governance.beforehand import Beforehand
from agent.governance.shut_out import ShutOut
from agent.provision.ca import serial_of
from agent.provision.keys import load_ring, save_ring, without


def revoke(place: Place, name: str, pid_file: Path | None, at: float) -> int:
    """End every certificate of a party, and its rights in this list and in all that follow."""
    files = place.bench.tls(name)
    if not files.certificate.exists():
        known = ", ".join(sorted(name for name, _ in place.certificates()))
        raise UserError(f"no party '{name}'", hint=f"there are: {known}")
    place.revoked.shut_out(name, [serial_of(files.certificate.read_text(encoding="ascii"))], at=at)
    ShutOut(place.box.access).add(name)
    _take_rights(place.box.access, name)
    print(f"{name}: revoked, and has no right in {place.box.access.name} any more; {reloaded(pid_file)}")
    print(f"it stays out, whatever union.yaml or an agreement says, until: piazza broker readmit {place.folder} {name}")
    return 0


def _take_rights(access: Path, name: str) -> None:
    """A session that is open outlives its certificate, but mosquitto asks its list again for each message."""
    for path in (access, *Beforehand(access).lists()):
        if path.exists():
            text = lists.mosquitto_without(path.read_text(encoding="ascii"), name)
            write_atomic(path, text.encode("ascii"), mode=0o600, keep_owner=True)


def readmit(place: Place, name: str, union: Path, at: float) -> int:
    """Let a party in again, with new keys: the old ones may be in other hands, and stay worthless."""
    out, agreed = ShutOut(place.box.access), Agreed.load(union)
    if name not in out.names():
        raise UserError(f"'{name}' was not revoked", hint=f"these were: {', '.join(out.names()) or 'none'}")
    known = terms(agreed.union, agreed.agreements, at)
    if name not in known:
        raise UserError(f"neither union.yaml nor an agreement names '{name}'", hint="name it there first")
    role, days = known[name]
    _retire(place, name, role)
    if role in SIGNERS:
        place.bench.add_signer(role, name, at=at, days=days)
        date_ring(place, agreed.union, agreed.agreements, at)
    else:
        place.bench.add_reader(name, at=at, days=days)
    out.take_back(name)
    print(
        f"{name}: has new keys in {place.bench.tls(name).certificate.parent}; the next `piazza patto apply` names it again"
    )
    return 0


def _retire(place: Place, name: str, role: str) -> None:
    """Put the old keys aside and forget the one that signed; done again after a cut it finds nothing to do."""
    old = place.bench.tls(name).certificate
    if old.exists():
        aside = place.bench.folder / "retired" / f"{old.parent.name}-{serial_of(old.read_text(encoding='ascii')):x}"
        aside.parent.mkdir(mode=0o700, exist_ok=True)
        old.parent.rename(aside)
    save_ring(place.bench.ring, without(load_ring(place.bench.ring), role, name))
