"""`piazza broker`: a mosquitto for a union, with its keys, access list and the settings that the contract needs.

DIR/keys/...                        authority, broker and parties, as `piazza keys` makes them
DIR/mosquitto/mosquitto.conf acl    what the broker is started with
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.clock import SystemClock
from agent.commands.keys import SIGNERS
from agent.commands.patto import load_union, reloaded
from agent.errors import UserError
from agent.files import write_atomic
from agent.governance import lists
from agent.governance.agreement import Agreement
from agent.governance.box import Box, settings
from agent.governance.rights import rights
from agent.governance.union import Union
from agent.provision.bench import Bench
from agent.provision.ca import Authority, TlsFiles, ends_at, serial_of
from agent.provision.revoked import Revoked

LEAF_DAYS = 90
SOON_S = 30 * 86_400
DAY_S = 86_400
TLS_PORT = 8883


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one broker."""

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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    init = acts.add_parser("init", help="make everything that a broker and its parties need")
    init.add_argument("folder", type=Path, metavar="DIR", help="a new folder")
    init.add_argument("--union", type=Path, required=True, metavar="DIR", help="with union.yaml and agreements/")
    init.add_argument("--host", action="append", required=True, help="a name or address of the broker; may be repeated")
    init.add_argument("--port", type=int, default=TLS_PORT, help=f"default: {TLS_PORT}")
    listed = acts.add_parser("list", help="certificates and until when they are good")
    renew = acts.add_parser(
        "renew", help="make certificates anew that end within 30 days, and the list of revoked ones"
    )
    revoke = acts.add_parser("revoke", help="no longer let a party in")
    for act in (listed, renew, revoke):
        act.add_argument("folder", type=Path, metavar="DIR", help="the folder that `piazza broker init` made")
    revoke.add_argument("name", metavar="UNION/COMUNE/ID")
    for act in (renew, revoke):
        act.add_argument("--reload", type=Path, metavar="PIDFILE", help="have the broker read what changed")


def run(options: argparse.Namespace) -> int:
    place, at = Place(options.folder), SystemClock().now()
    match options.act:
        case "init":
            return _init(place, options, at)
        case "list":
            return _list(place, at)
        case "renew":
            return _renew(place, options.reload, at)
        case _:
            return _revoke(place, options.name, options.reload, at)


def _init(place: Place, options: argparse.Namespace, at: float) -> int:
    if place.folder.exists():
        raise UserError(f"{place.folder} is there already", hint="take a new folder; keys are never replaced")
    whole, agreed = load_union(options.union)
    bench = Bench.make(place.folder / "keys", at=at, hosts=options.host)
    for name, role, days in _parties(whole, agreed, at):
        if role in SIGNERS:
            bench.add_signer(role, name, at=at, days=days)
        else:
            bench.add_reader(name, at=at, days=days)
    place.revoked.add((), at=at)
    place.box.state.mkdir(parents=True)
    write_atomic(place.box.access, lists.mosquitto(rights(whole, agreed, at=at)).encode("ascii"), mode=0o600)
    write_atomic(place.box.settings, _settings(place, options.port).encode())
    print(f"{place.box.settings}: start it with: mosquitto -c {place.box.settings}")
    print(f"{place.box.access}: keep it true with: piazza patto apply {options.union} --write {place.box.access}")
    print(f"{bench.folder / 'parties'}: give every party its own folder, and nobody another's")
    return 0


def _settings(place: Place, port: int) -> str:
    broker = place.bench.broker
    return settings(
        place.box, port=port, ca=place.bench.ca, certificate=broker.certificate, key=broker.key,
        revoked=place.revoked.list_file,
    )  # fmt: skip


def _parties(whole: Union, agreed: Sequence[Agreement], at: float) -> Iterator[tuple[str, str, int]]:
    """Name, role and days of everybody but nodes, who enrol by themselves; a partner's certificate ends with its agreement."""
    for party in whole.parties:
        yield whole.full_name(party.id), party.role, LEAF_DAYS
    ends: dict[str, tuple[str, float]] = {}
    for one in agreed:
        name = whole.full_name(one.partner.id)
        ends[name] = (one.partner.role, max(one.ends_at, ends.get(name, ("", 0.0))[1]))
    for name, (role, until) in ends.items():
        if until > at:
            yield name, role, min(LEAF_DAYS, math.ceil((until - at) / DAY_S))


def _list(place: Place, at: float) -> int:
    """1 when something ends within 30 days or is revoked."""
    words = set()
    for name, files in _certificates(place):
        text = files.certificate.read_text(encoding="ascii")
        word = "revoked" if serial_of(text) in place.revoked.numbers() else _condition(ends_at(text), at)
        words.add(word)
        print(f"{name:48} until {datetime.fromtimestamp(ends_at(text), UTC).date()}  {word}")
    return 0 if words == {"good"} else 1


def _condition(until: float, at: float) -> str:
    if until <= at:
        return "has ended"
    return "ends soon" if until - at < SOON_S else "good"


def _renew(place: Place, pid_file: Path | None, at: float) -> int:
    renewed = 0
    for name, files in _certificates(place):
        text = files.certificate.read_text(encoding="ascii")
        if ends_at(text) - at < SOON_S and serial_of(text) not in place.revoked.numbers():
            again = place.revoked.authority.again(files, at=at, days=LEAF_DAYS)
            write_atomic(files.certificate, again.encode("ascii"))
            renewed += 1
            print(f"{name}: renewed for {LEAF_DAYS} days")
    place.revoked.add((), at=at)
    print(f"{renewed} renewed; {reloaded(pid_file)}")
    return 0


def _revoke(place: Place, name: str, pid_file: Path | None, at: float) -> int:
    files = place.bench.tls(name)
    if not files.certificate.exists():
        known = ", ".join(sorted(name for name, _ in _certificates(place)))
        raise UserError(f"no party '{name}'", hint=f"there are: {known}")
    place.revoked.add([serial_of(files.certificate.read_text(encoding="ascii"))], at=at)
    _shut_out(place.box.access, name)
    print(f"{name}: revoked, and has no right in {place.box.access.name} any more; {reloaded(pid_file)}")
    print("take it out of union.yaml or its agreement too: the next `piazza patto apply` would name it again")
    return 0


def _shut_out(access: Path, name: str) -> None:
    """A session that is open outlives its certificate, but mosquitto asks its list again for each message."""
    if access.exists():
        text = lists.mosquitto_without(access.read_text(encoding="ascii"), name)
        write_atomic(access, text.encode("ascii"), mode=0o600)


def _certificates(place: Place) -> Iterator[tuple[str, TlsFiles]]:
    if not place.bench.ca.exists():
        raise UserError(f"{place.folder}: no broker's folder", hint="make one with: piazza broker init")
    yield "broker", place.bench.broker
    for folder in sorted((place.bench.folder / "parties").glob("*")):
        yield folder.name.replace(".", "/"), TlsFiles(folder / "tls.pem", folder / "tls.key")
