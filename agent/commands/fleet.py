"""`piazza fleet`: hundreds of simulated nodes with real envelopes, to try a broker and its stores.

`keys` makes what the nodes need in a folder of keys, before broker and store are started on it;
`simulate` connects them and lets days go by.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

from agent import logs
from agent.clock import Clock, SystemClock
from agent.commands import party
from agent.contract.topics import NodeName
from agent.errors import UserError
from agent.fleet.carrier import RESEND_S, Carrier
from agent.fleet.simulation import Fleet, Report, names
from agent.fleet.wire import Wire
from agent.provision.bench import Bench, named
from agent.provision.keys import load_signer
from agent.subscriber.tables import open_tables
from agent.transport import Transport
from agent.transport.mqtt import MqttTransport

UNION = "romagna"
SINCE = 1_777_593_600.0
"""2026-05-01: the content of a fleet is the same whenever it is made."""

SPEAKER = "fleet/one/speaker"
"""Who publishes for all nodes where they share a connection."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    keys = acts.add_parser("keys", help="add the nodes' keys and certificates to a folder of keys")
    keys.add_argument("--keys", type=Path, required=True, metavar="DIR", help="the folder that `piazza keys` made")
    simulate = acts.add_parser("simulate", help="let the nodes live")
    party.add_broker_arguments(simulate)
    for each in (keys, simulate):
        each.add_argument("--union", default=UNION, help=f"default: {UNION}")
        each.add_argument("--comuni", type=int, default=6, help="default: 6")
        each.add_argument("--nodes", type=int, default=600, help="default: 600")
    simulate.add_argument("--hours", type=float, default=72.0, help="simulated time (default: 72)")
    simulate.add_argument("--seed", type=int, default=1, help="another one makes other lives (default: 1)")
    simulate.add_argument(
        "--broker-of",
        action="append",
        default=[],
        metavar="COMUNE=HOST[:PORT]",
        help="where a comune has its own broker",
    )
    simulate.add_argument("--db", default="", metavar="FILE|URI", help="count what the store has of it afterwards")
    simulate.add_argument("--one", action="store_true", help="one connection for all nodes instead of one for each")
    simulate.add_argument("--puback", action="store_true", help="wait for the broker only, where no store is")
    simulate.add_argument("--json", action="store_true", help="the report as one JSON object")


def run(options: argparse.Namespace) -> int:
    if options.nodes < 1 or options.comuni < 1:
        raise UserError("a fleet has at least one comune and one node", hint="give --comuni and --nodes above 0")
    named(f"{options.union}/comune-1/n-0000")
    who = names(options.union, comuni=options.comuni, nodes=options.nodes)
    if options.act == "keys":
        add_keys(options.keys, who, at=SystemClock().now())
        print(f"{len(who)} nodes in {options.keys}; start the store after this, so that it knows them")
        return 0
    logs.start()
    logging.getLogger("agent.transport").setLevel(logging.ERROR)  # hundreds of connections would each say it
    report = simulate(options, who, say=_progress)
    stored = {"stored": kept(options.db, who)} if options.db else {}
    missing = {"missing": report.envelopes - stored["stored"]} if stored else {}
    print(json.dumps(asdict(report) | stored | missing) if options.json else _sentence(report, stored | missing))
    return int(report.lost > 0 or any(missing.values()))


def add_keys(folder: Path, who: list[NodeName], *, at: float) -> None:
    """Certificates and signing keys of those who have none yet; all join the ring at once."""
    bench = Bench(folder)
    missing = [str(name) for name in who if not bench.signing_key(str(name)).exists()]
    bench.add_signers("node", missing, at=at)
    if not bench.tls(SPEAKER).certificate.exists():
        bench.add_reader(SPEAKER, at=at)


def simulate(options: argparse.Namespace, who: list[NodeName], *, say: Callable[[float, int], None]) -> Report:
    """The whole run; UserError for nodes without keys."""
    clock = SystemClock()
    carriers = [carrier(options.keys, name, seed=options.seed) for name in who]
    for one in carriers:
        one.by_puback = options.puback
    fleet = Fleet(carriers, list(_wires(options, carriers, clock)), clock=clock)
    with closing(fleet):
        fleet.connect()
        return fleet.live(seed=options.seed, since=SINCE, hours=options.hours, say=say)


def kept(where: str, who: list[NodeName]) -> int:
    """How many envelopes of the nodes' latest chains a store's database has, each number once."""
    counted = "SELECT node, chain, count(*) FROM envelope GROUP BY node, chain ORDER BY chain"
    with closing(open_tables(where)) as tables:
        latest = {node: count for node, _, count in tables.rows(counted)}
    return sum(latest.get(str(name), 0) for name in who)


def carrier(keys: Path, name: NodeName, *, seed: int, resend_s: float = RESEND_S) -> Carrier:
    path = Bench(keys).signing_key(str(name))
    if not path.exists():
        raise UserError(f"{keys}: no key of {name}", hint=f"make them with: piazza fleet keys --keys {keys}")
    return Carrier(name, load_signer(path), since=SINCE, seed=seed, resend_s=resend_s)


def _wires(options: argparse.Namespace, carriers: list[Carrier], clock: Clock) -> Iterator[Wire]:
    if options.one:
        yield Wire(_transport(options, SPEAKER, clock), carriers, clock=clock)
    else:
        for one in carriers:
            yield Wire(_transport(options, str(one.name), clock), [one], clock=clock)


def _transport(options: argparse.Namespace, name: str, clock: Clock) -> Transport:
    address = replace(party.address(options, name), keepalive_s=60)
    if name.split("/")[1] in (own := _brokers(options.broker_of)):
        host, port = own[name.split("/")[1]]
        address = replace(address, host=host, port=port)
    return MqttTransport(
        address, clock=clock, randomness=random.SystemRandom(), client_id=name.replace("/", "."), session_s=600
    )


def _brokers(wishes: list[str]) -> dict[str, tuple[str, int]]:
    """Host and port by comune; UserError for a wish that names none."""
    for wish in wishes:
        if not all(wish.partition("=")):
            raise UserError(f"--broker-of {wish}: not a comune and its broker", hint="such as comune-1=broker.example")
    return {comune: party.host_and_port(where) for comune, _, where in (wish.partition("=") for wish in wishes)}


def _progress(hour: float, made: int) -> None:
    if sys.stderr.isatty():
        print(f"\rhour {hour:.0f}: {made} envelopes", end="", file=sys.stderr, flush=True)


def _sentence(report: Report, counted: dict[str, int]) -> str:
    more = "".join(f" {number} {word}," for word, number in counted.items())
    return (
        f"{report.nodes} nodes over {report.connections} connections, {report.hours:g} h: {report.envelopes} envelopes,"
        f" {report.published} published ({report.resent} again), {report.refused} refused, {report.lost} lost,{more}"
        f" {report.seconds} s, {report.per_s} a second"
    )
