"""`piazza broker`: a mosquitto for a union, with its keys, access list and the settings that the contract needs.

DIR/keys/...                        authority, broker and parties, as `piazza keys` makes them
DIR/mosquitto/mosquitto.conf acl    what the broker is started with
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from agent.clock import SystemClock
from agent.commands.broker_out import readmit, revoke
from agent.commands.broker_place import Place, date_ring, terms
from agent.commands.broker_renewal import renew
from agent.commands.in_force import Agreed, beforehand
from agent.commands.keys import SIGNERS
from agent.commands.party import TLS_PORT
from agent.errors import UserError
from agent.files import write_atomic
from agent.governance import lists
from agent.governance.beforehand import Beforehand
from agent.governance.box import settings
from agent.governance.rights import rights
from agent.provision.bench import Bench
from agent.provision.ca import common_name, ends_at, serial_of
from agent.provision.enrol_desk import DAYS

SOON_S = 30 * 86_400
"""Two weeks after a renewal was due: it has failed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    init = acts.add_parser("init", help="make everything that a broker and its parties need")
    init.add_argument("folder", type=Path, metavar="DIR", help="a new folder")
    init.add_argument("--union", type=Path, required=True, metavar="DIR", help="with union.yaml and agreements/")
    init.add_argument("--host", action="append", required=True, help="a name or address of the broker; may be repeated")
    init.add_argument("--port", type=int, default=TLS_PORT, help=f"default: {TLS_PORT}")
    listed = acts.add_parser("list", help="certificates and until when they are good")
    again = acts.add_parser(
        "renew", help="make certificates anew that end within 45 days, and the list of revoked ones"
    )
    out = acts.add_parser("revoke", help="no longer let a party in, whatever the agreements say")
    back = acts.add_parser("readmit", help="let a party that was revoked in again, with new keys")
    for act in (listed, again, out, back):
        act.add_argument("folder", type=Path, metavar="DIR", help="the folder that `piazza broker init` made")
    for act in (out, back):
        act.add_argument("name", metavar="UNION/COMUNE/ID")
    for act in (again, back):
        act.add_argument("--union", type=Path, required=True, metavar="DIR", help="with union.yaml and agreements/")
    again.add_argument("--broker", metavar="HOST[:PORT]", help="where each is tried first (default: untried)")
    for act in (again, out):
        act.add_argument("--reload", type=Path, metavar="PIDFILE", help="have the broker read what changed")


def run(options: argparse.Namespace) -> int:
    place, at = Place(options.folder), SystemClock().now()
    match options.act:
        case "init":
            return _init(place, options, at)
        case "list":
            return _list(place, at)
        case "renew":
            return renew(place, options, at)
        case "revoke":
            return revoke(place, options.name, options.reload, at)
        case _:
            return readmit(place, options.name, options.union, at)


def _init(place: Place, options: argparse.Namespace, at: float) -> int:
    if place.folder.exists():
        raise UserError(f"{place.folder} is there already", hint="take a new folder; keys are never replaced")
    agreed = Agreed.load(options.union)
    bench = Bench.make(place.folder / "keys", at=at, hosts=options.host, days=DAYS)
    for name, (role, days) in terms(agreed.union, agreed.agreements, at).items():
        if role in SIGNERS:
            bench.add_signer(role, name, at=at, days=days)
        else:
            bench.add_reader(name, at=at, days=days)
    date_ring(place, agreed.union, agreed.agreements, at)
    place.revoked.add((), at=at)
    place.box.state.mkdir(parents=True)
    write_atomic(
        place.box.access, lists.mosquitto(rights(agreed.union, agreed.agreements, at=at)).encode("ascii"), mode=0o600
    )
    beforehand(place.box.access, agreed, lists.mosquitto, at)
    write_atomic(place.box.settings, _settings(place, options.port).encode())
    print(f"{place.box.settings}: start it with: mosquitto -c {place.box.settings}")
    print(f"{place.box.access}: keep it true with: piazza patto apply {options.union} --write {place.box.access}")
    print(
        f"agreements end without that too: sh {Beforehand(place.box.access).switch} {place.box.access} PIDFILE, every minute"
    )
    print(f"{bench.folder / 'parties'}: give every party its own folder, and nobody another's")
    return 0


def _settings(place: Place, port: int) -> str:
    broker = place.bench.broker
    return settings(
        place.box, port=port, ca=place.bench.ca, certificate=broker.certificate, key=broker.key,
        revoked=place.revoked.list_file,
    )  # fmt: skip


def _list(place: Place, at: float) -> int:
    """1 when something ends within 30 days or is revoked."""
    words = set()
    for name, files in place.certificates():
        text = files.certificate.read_text(encoding="ascii")
        until = max(ends_at(text), place.issued.until(common_name(name)))  # a party that renewed has another than we
        word = "revoked" if serial_of(text) in place.revoked.numbers() else _condition(until, at)
        words.add(word)
        print(f"{name:48} until {datetime.fromtimestamp(until, UTC).date()}  {word}")
    return 0 if words == {"good"} else 1


def _condition(until: float, at: float) -> str:
    if until <= at:
        return "has ended"
    return "ends soon" if until - at < SOON_S else "good"
