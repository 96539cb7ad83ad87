"""The permission table of `piazza patto test`: certificates for every party, a broker, and what was found."""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from agent.clock import SystemClock
from agent.commands.loopback import prepare
from agent.commands.party import host_and_port
from agent.contract.topics import ACCESS, PREFIX, Class, NodeName, Topic
from agent.errors import UserError
from agent.governance import lists
from agent.governance.rights import Right
from agent.governance.table import Cell, Trial, Way, topics, wide
from agent.governance.table_strict import StrictTrial
from agent.governance.table_wills import WillTrial
from agent.governance.union import PROBE, Union
from agent.provision.bench import Bench
from agent.provision.ca import Authority, TlsFiles, common_name
from agent.transport import Address, Will
from agent.transport.loopback import HOST, free_port, wait_until_open
from agent.transport.mqtt import MqttTransport

LISTENER = "trial/every/listener"
"""May read everything on a broker of our own, where it takes down what is said for the lost."""


def try_table(options: argparse.Namespace, union: Union, rights: Sequence[Right], roles: Mapping[str, str]) -> int:
    """Print the table; 1 when a cell is not as the agreements say."""
    if bool(options.broker) != bool(options.keys):
        raise UserError(
            "--broker and --keys go together", hint="give both for a broker that runs, none for one of our own"
        )
    known = dict(roles) | {str(name): "node" for name in _nodes(union)}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="piazza-patto-")))
        if options.broker:
            bench, (host, port) = Bench(options.keys), host_and_port(options.broker)
        else:
            bench = Bench.make(folder / "keys", at=SystemClock().now())
            host, port = HOST, stack.enter_context(_broker(folder, bench, rights))
        addresses = {party: _address(bench, folder, party, host=host, port=port) for party in (*known, LISTENER)}
        if options.one_by_one:
            cells = _strictly(known, addresses, union, rights, retained=options.retained)
        elif options.broker:
            cells = Trial(tuple(known), topics(union), _opener(addresses), SystemClock()).run(rights)
        else:
            cells = _every_way(known, addresses, union, rights)
    _print(cells, known, as_json=options.json)
    return 1 if any(cell.wrong for cell in cells) else 0


def _opener(addresses: Mapping[str, Address]) -> Callable[[str], MqttTransport]:
    return lambda party: _client(addresses[party])


def _client(address: Address, will: Will | None = None) -> MqttTransport:
    return MqttTransport(address, clock=SystemClock(), randomness=random.Random(0), session_s=0, will=will)  # noqa: S311


def _every_way(
    known: Mapping[str, str], addresses: Mapping[str, Address], union: Union, rights: Sequence[Right]
) -> list[Cell]:
    """On a broker of our own also what nobody would want on a real one: retained messages, and wills."""
    some, clock = topics(union), SystemClock()
    trial = Trial(tuple(known), some, _opener(addresses), clock, retain=True)
    cells = [cell for way in (Way.SHARED, Way.PLAIN, Way.RETAINED) for cell in trial.run(rights, way)]
    wills = WillTrial(
        list(_two_of_each(known)), _one_of_each(some, union),
        lambda party, will: _client(replace(addresses[party], mqtt="auto"), will), _client(addresses[LISTENER]), clock,
    )  # fmt: skip
    return [*cells, *wills.run(rights)]


def _two_of_each(known: Mapping[str, str]) -> Iterator[str]:
    """Two parties of each role, of the first and the last comune where there are more: each will costs a session."""
    for role in dict.fromkeys(known.values()):
        of_role = [party for party, own in known.items() if own == role]
        yield from dict.fromkeys((of_role[0], of_role[-1]))


def _one_of_each(some: Sequence[Topic], union: Union) -> list[Topic]:
    """A topic of each class in the first comune, and the seat's own."""
    here = NodeName(union.id, union.comuni[0].id, PROBE)
    first = {topic.klass: topic for topic in reversed(some) if topic.name == here}
    return [*first.values(), Topic(NodeName(union.id, union.seat, PROBE), Class.AUDIT, ACCESS)]


def _strictly(
    known: Mapping[str, str], addresses: Mapping[str, Address], union: Union, rights: Sequence[Right], *, retained: bool
) -> list[Cell]:
    """Only who has any right: such a broker knows no other, and does not let them in at all."""
    named = {right.party for right in rights}
    parties = [party for party in known if party in named]
    trial = StrictTrial(parties, topics(union), _opener(addresses), SystemClock(), wide(union), retain=retained)
    trial.run()
    return list(trial.cells(rights))


def _address(bench: Bench, folder: Path, party: str, *, host: str, port: int) -> Address:
    """With a certificate of one day for this trial only; the party's own stays where it is."""
    files = TlsFiles(folder / f"{common_name(party)}.pem", folder / f"{common_name(party)}.key")
    Authority(bench.folder / "ca").client(files, party, at=SystemClock().now(), days=1)
    return Address(host, port, str(bench.ca), str(files.certificate), str(files.key), mqtt="3.1.1")


def _nodes(union: Union) -> Iterator[str]:
    """The probe and the first node of every comune: enough to show that none can speak for another."""
    first = {comune.id: {PROBE, *comune.nodes[:1]} for comune in union.comuni}
    yield from (str(name) for name in union.node_names() if name.node in first[name.comune])


@contextmanager
def _broker(folder: Path, bench: Bench, rights: Sequence[Right]) -> Iterator[int]:
    """A broker with the access list that the agreements give; its port."""
    port, log = free_port(), folder / "broker.log"
    listened = f"\nuser {lists.user(LISTENER)}\ntopic read #\n"
    command = prepare(folder / "broker", bench, lists.mosquitto(rights) + listened, port=port)
    with log.open("wb") as said:
        process = subprocess.Popen(command, stderr=said, stdout=said)
    try:
        wait_until_open(port, SystemClock(), log=log)
        yield port
    finally:
        process.terminate()
        process.wait()


def _print(cells: Sequence[Cell], known: Mapping[str, str], *, as_json: bool) -> None:
    if as_json:
        for cell in cells:
            print(json.dumps({"party": cell.party, "role": known[cell.party], "verb": cell.verb, "topic": cell.topic,
                              "way": cell.way, "expected": cell.expected, "found": cell.found}))  # fmt: skip
        return
    for cell in cells:
        if cell.wrong:
            print(f"WRONG {cell.party} {'can' if cell.found else 'cannot'} {cell.verb} {cell.topic} ({cell.way})")
    allowed: Counter[tuple[str, str, str]] = Counter()
    for cell in cells:
        if cell.way is Way.PLAIN and cell.topic.startswith("/".join(PREFIX)):
            allowed[(known[cell.party], cell.topic.split("/")[5], cell.verb)] += cell.found
    _print_grid(allowed, sorted(set(known.values())), list(Class))
    ways = Counter(cell.way for cell in cells)
    groups = "" if Way.SHARED in ways or Way.WIDE not in ways else "; no groups: `$share` is refused as a filter (wide)"
    print(", ".join(f"{way} {count}" for way, count in ways.items()) + groups)
    wrong = sum(cell.wrong for cell in cells)
    print(f"patto: {len(cells)} cells tried, {sum(cell.found for cell in cells)} allowed, {wrong} wrong")


def _print_grid(allowed: Mapping[tuple[str, str, str], int], roles: Sequence[str], classes: Sequence[str]) -> None:
    print(" " * 14 + " ".join(f"{klass:>6}" for klass in classes))
    for role in roles:
        marks = (
            ("r" if allowed[(role, klass, "read")] else "") + ("w" if allowed[(role, klass, "write")] else "") or "-"
            for klass in classes
        )
        print(f"{role:13} " + " ".join(f"{mark:>6}" for mark in marks))
