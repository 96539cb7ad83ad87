"""The permission table of `piazza patto test`: certificates for every party, a broker, and what was found."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import socket
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agent.clock import SystemClock
from agent.errors import UserError
from agent.files import write_atomic
from agent.governance import lists
from agent.governance.box import Box, settings
from agent.governance.rights import Right
from agent.governance.table import Cell, Trial, topics
from agent.governance.union import PROBE, Union
from agent.provision.bench import Bench
from agent.provision.ca import Authority, TlsFiles, common_name
from agent.transport import Address
from agent.transport.mqtt import MqttTransport

HOST = "127.0.0.1"


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
            bench, (host, _, port) = Bench(options.keys), options.broker.rpartition(":")
        else:
            bench, host = Bench.make(folder / "keys", at=SystemClock().now()), HOST
            port = stack.enter_context(_broker(folder, bench, rights))
        clients = {
            party: MqttTransport(
                _address(bench, folder, party, host=host, port=int(port)),
                clock=SystemClock(),
                randomness=random.Random(0),  # noqa: S311
                session_s=0,
            )
            for party in known
        }
        cells = _cells(Trial(clients, topics(union), SystemClock()), union.id, rights)
    _print(cells, known, as_json=options.json)
    return 1 if any(cell.wrong for cell in cells) else 0


def _cells(trial: Trial, union: str, rights: Sequence[Right]) -> list[Cell]:
    try:
        trial.run(union)
    finally:
        for client in trial.clients.values():
            client.close()
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
def _broker(folder: Path, bench: Bench, rights: Sequence[Right]) -> Iterator[str]:
    """A mosquitto on a free port of loopback, with the access list that the agreements give; its port."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        raise UserError(
            "mosquitto is not installed", hint="sudo apt-get install mosquitto, or give --broker and --keys"
        )
    box, port = Box(folder / "broker"), _free_port()
    box.state.mkdir(parents=True)
    write_atomic(box.access, lists.mosquitto(rights).encode("ascii"), mode=0o600)
    text = settings(box, port=port, host=HOST, ca=bench.ca, certificate=bench.broker.certificate, key=bench.broker.key)
    box.settings.write_text(f"{text}user {folder.owner()}\n", encoding="utf-8")
    log = (folder / "broker.log").open("wb")
    process = subprocess.Popen([program, "-c", str(box.settings)], stderr=log, stdout=log)
    try:
        _wait_until_open(process, port, folder / "broker.log")
        yield str(port)
    finally:
        process.terminate()
        process.wait()
        log.close()


def _wait_until_open(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    clock = SystemClock()
    until = clock.monotonic() + 10.0
    while process.poll() is None and clock.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        clock.sleep(0.05)
    raise UserError(f"mosquitto does not start:\n{log.read_text(errors='replace')}", hint="try it by hand")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _print(cells: Sequence[Cell], known: Mapping[str, str], *, as_json: bool) -> None:
    if as_json:
        for cell in cells:
            print(json.dumps({"party": cell.party, "role": known[cell.party], "verb": cell.verb, "topic": cell.topic,
                              "expected": cell.expected, "found": cell.found}))  # fmt: skip
        return
    for cell in cells:
        if cell.wrong:
            print(f"WRONG {cell.party} {'can' if cell.found else 'cannot'} {cell.verb} {cell.topic}")
    allowed: Counter[tuple[str, str, str]] = Counter()
    for cell in cells:
        allowed[(known[cell.party], cell.topic.split("/")[5], cell.verb)] += cell.found
    _print_grid(allowed, sorted(set(known.values())), list(dict.fromkeys(cell.topic.split("/")[5] for cell in cells)))
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
