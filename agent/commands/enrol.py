"""`piazza enrol`: certificates for new nodes. `serve` is the authority's side, `node` the node's own.

A node that is expected and approved gets its certificates; one that is not yet approved waits for a person.
"""

from __future__ import annotations

import argparse
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from agent import logs
from agent.clock import SystemClock
from agent.commands import authority, party
from agent.commands.errands import turning
from agent.commands.link import address, load
from agent.contract.certificates import Wish, topics
from agent.contract.topics import NodeName
from agent.errors import PiazzaError, UserError
from agent.notify import Notify, on_end
from agent.provision.asking import WITHIN_S, Question
from agent.provision.bench import Bench, named
from agent.provision.ca import fingerprint
from agent.provision.enrol import Answer, Petition
from agent.provision.enrol_desk import Desk
from agent.provision.enrol_node import Place, enrol, home, over_https, renew, wish_of
from agent.provision.enrol_server import EnrolServer
from agent.provision.identity import ENROL_PORT, Ticket
from agent.provision.renewal import renew_party
from agent.transport.errand import Way
from agent.transport.trial import try_certificate
from agent.uplink.inbox import ANSWER

ETC = Path("/etc/piazza")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    serve = acts.add_parser("serve", help="answer nodes that ask for certificates")
    serve.add_argument("--listen", default="", metavar="ADDRESS", help="default: all addresses of this machine")
    serve.add_argument("--port", type=int, default=ENROL_PORT, help=f"default: {ENROL_PORT}")
    serve.add_argument("--union", type=Path, metavar="DIR", help="whose parties may renew (default: nodes alone)")
    party.add_session_arguments(serve, default="")
    listed = acts.add_parser("list", help="cards that were made, and what became of them")
    approve = acts.add_parser("approve", help="let a node have its certificates")
    approve.add_argument("name", metavar="UNION/COMUNE/ID")
    approve.add_argument("--take-over", action="store_true", help="in place of the node that has this name now")
    forget = acts.add_parser("forget", help="make a card worthless")
    forget.add_argument("name", metavar="UNION/COMUNE/ID")
    for act in (serve, listed, approve, forget):
        act.add_argument("--keys", type=Path, required=True, metavar="DIR", help="the folder that `piazza keys` made")
    node = acts.add_parser("node", help="on a node: make keys and ask for certificates until they come")
    renew = acts.add_parser("renew", help="on a node: ask for certificates that last longer, for the same keys")
    for act in (node, renew):
        act.add_argument("--etc", type=Path, default=ETC, metavar="DIR", help=f"default: {ETC}")
    parties = acts.add_parser("party", help="as a party that is no node: have a certificate that ends soon made anew")
    party.add_broker_arguments(parties)
    for act in (renew, parties):
        act.add_argument(
            "--wait",
            type=float,
            default=WITHIN_S,
            metavar="SECONDS",
            help=f"for the authority (default: {WITHIN_S:.0f})",
        )


def run(options: argparse.Namespace) -> int:
    match options.act:
        case "serve":
            _serve(options)
        case "node":
            _ask(Place(options.etc))
        case "renew":
            _renew(Place(options.etc), options.wait)
        case "party":
            return _renew_parties(options)
        case "list":
            _list(_desk(options.keys))
        case "approve":
            entry = _desk(options.keys).approve(options.name, take_over=options.take_over)
            print(f"{entry.name}: approved ({entry.keys[:12] or 'it has not asked yet'})")
        case _:
            _desk(options.keys).forget(options.name)
            print(f"{options.name}: its card is worthless now")
    return 0


def _desk(keys: Path) -> Desk:
    bench = Bench(keys)
    bench.must_be_there()
    return Desk(bench)


def _serve(options: argparse.Namespace) -> None:
    logs.start()
    clock, desk, stop = SystemClock(), _desk(options.keys), threading.Event()
    server = EnrolServer(
        (options.listen, options.port), desk.bench.broker, lambda petition: desk.take(petition, at=clock.now())
    )
    server.timeout = 0
    on_end(stop.set)
    counter = authority.counter(options, desk, clock, server.turn) if options.broker else None
    with server:
        Notify.of_service().ready("waiting for nodes" + (" and for whoever renews" if counter else ""))
        authority.serve(server, counter, stopped=stop.is_set, clock=clock)


def _renew_parties(options: argparse.Namespace) -> int:
    """Every party of the folder, or the one that is named; 1 when one of them has to do with its old certificate."""
    logs.start()
    names = [options.name] if options.name else Bench(options.keys).names()
    if not names:
        raise UserError(f"{options.keys}: no party lies there", hint="give the folder that holds ca/ and parties/")
    return max(_renew_party(options, name) for name in names)


def _renew_party(options: argparse.Namespace, name: str) -> int:
    bench, clock, there = Bench(options.keys), SystemClock(), party.address(options, name)
    files = bench.tls(name)
    way = Way.beside(files.certificate, topics(named(name), "party"))

    def send(wish: Wish) -> Answer:
        with turning(there, way, clock=clock) as turn:
            return Question(name, way, bench.ca, turn, clock, options.wait).ask(wish)

    def trial(certificate: Path) -> None:
        try_certificate(replace(there, certificate=str(certificate)), clock=clock)

    try:
        fresh = renew_party(files, name, send, trial=trial, at=clock.now())
    except PiazzaError as error:
        print(f"{name}: the old certificate stays: {error.message}\n  {error.hint}", file=sys.stderr)
        return 1
    print(f"{name}: {'a new certificate is in place' if fresh else 'the certificate lasts long enough'}")
    return 0


def _ask(place: Place) -> None:
    logs.start()
    if not place.ticket.exists():
        print(f"{place.ticket}: not there, so this node has enrolled already or was never given a card")
        return
    ticket, notify = Ticket.read(place.ticket.read_bytes()), Notify.of_service()
    told = ""

    def say(status: str) -> None:
        nonlocal told
        notify.status(status)
        if status != told:
            print(f"{ticket.name}: {status}", flush=True)
        told = status

    try:
        enrol(place, over_https(ticket.server, place.ca), clock=SystemClock(), say=say)
    except PiazzaError as error:
        notify.status(error.message)
        raise
    print(f"{ticket.name}: enrolled; the ticket is wiped")


def _renew(place: Place, wait_s: float) -> None:
    """Over the session of link, or one of its own where link does not run; tried at the broker before it counts."""
    logs.start()
    at_home, clock = home(place), SystemClock()
    if not (config := place.root / "node.yaml").exists():
        print(f"{config}: not there, so no broker is known, and the certificates stay as they are")
        return
    node = load(config)
    there = address(node.uplink.broker)
    asked = topics(NodeName.parse(at_home.name), "node")
    way = Way.beside(place.certificate("tls"), asked, answer=Path(node.state_dir) / "inbox" / ANSWER)

    def send(petition: Petition) -> Answer:
        with turning(there, way, clock=clock) as turn:
            return Question(at_home.name, way, place.ca, turn, clock, wait_s).ask(wish_of(petition))

    def trial(certificate: Path) -> None:
        try_certificate(replace(there, certificate=str(certificate)), clock=clock)

    fresh = renew(place, send, trial=trial)
    print("new certificates are in place" if fresh else "the certificates last long enough")


def _list(desk: Desk) -> None:
    entries = list(desk.entries())
    if not entries:
        print("no card was made here yet: piazza image makes one")
    for entry in entries:
        day = datetime.fromtimestamp(entry.expires, UTC).strftime("%Y-%m-%d")
        notes = [f"until {day}"] if entry.state != "enrolled" else []
        notes += ["takes over"] if entry.takes_over else []
        notes += [f"{entry.wrong} wrong tokens"] if entry.wrong else []
        notes += [f"keys {entry.keys[:12]}"] if entry.keys else []
        notes += [f"page {fingerprint(entry.page)}"] if entry.page else []
        approved = "approved" if entry.approved else "not approved"
        print(f"{entry.state:9} {approved:12} {entry.name}  {', '.join(notes)}")
