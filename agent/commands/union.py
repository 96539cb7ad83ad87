"""`piazza union simulate`: a whole union on this machine, with a real broker, store and console.

A week is told at once, so that there is a past to look at; then the story goes on, sixty times as
fast as life until it has caught up with the clock. A market, a football evening, a node that falls
silent and somebody who forges an event are in it.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock, SimulatedClock, SystemClock
from agent.commands import union_around
from agent.commands.loopback import prepare
from agent.crew import Crew
from agent.errors import BrokerAbsent, UserError
from agent.governance import lists
from agent.governance.rights import rights
from agent.notify import end_as_by_hand
from agent.provision.bench import Bench
from agent.provision.keys import load_signer
from agent.simulation import stage
from agent.simulation.nodes import Outgoing, SimulatedNode, hand_over
from agent.simulation.script import records
from agent.simulation.stage import ROOM, SIGNERS, Town
from agent.subscriber.store import Store
from agent.transport import Acknowledged, Address, Connected, Disconnected, Transport
from agent.transport.loopback import HOST, free_port, wait_until_open
from agent.transport.mqtt import MqttTransport

DAY_S = 86_400.0
BEHIND_S = 6 * 3600.0
"""So long before the present the story is told live; it catches up sixty times as fast."""

SPEED = 60.0
WINDOW = 200
TURN_S = 0.25
HEAD_S = 60.0
SHOW_S = 2.0
PATIENCE_S = 60.0
ATTACK_AFTER_S = 20.0
"""Of live telling; then an event comes under a node's name with a signature that no key of the union made."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    act = acts.add_parser("simulate", help="a union that does not exist, with all that surrounds it")
    act.add_argument("--folder", type=Path, default=Path("run/union"), help="where its files are (run/union)")
    act.add_argument("--nodes", type=int, default=40, help="how many nodes (40)")
    act.add_argument("--days", type=float, default=7.0, help="how much past there is (7)")
    act.add_argument("--seconds", type=float, default=0.0, help="end after so long (default: with Ctrl-C)")
    act.add_argument("--events", type=float, default=2.0, help="ordinary events a day at each node (2)")
    act.add_argument("--seed", type=int, default=1, help="another story (1)")
    act.add_argument("--port", type=int, default=8600, help="of the console (8600; 0 for any)")


@dataclass(slots=True)
class Played:
    """One node and its connection."""

    node: SimulatedNode
    transport: Transport
    told_until: float
    head_at: float = 0.0
    sent: int = 0


def run(options: argparse.Namespace) -> int:
    if not 1 <= options.nodes <= 600 or options.days <= 0:  # noqa: PLR2004 -- the largest union we speak of
        raise UserError("--nodes is 1 to 600 and --days more than 0", hint="such as --nodes 40 --days 7")
    clock, folder = SystemClock(), options.folder.resolve()
    if (folder / "union.yaml").exists():
        raise UserError(f"{folder} is there already", hint="take another --folder, or remove it")
    live_at = clock.now() - BEHIND_S
    town = stage.write(
        folder,
        nodes=options.nodes,
        seed=options.seed,
        at=clock.now(),
        broken_at=live_at + 1800,
        events_a_day=options.events,
    )
    bench = _keys(town, clock)
    crew, port = Crew(clock), free_port()
    end_as_by_hand()
    try:
        played = _start(crew, town, bench, port, clock, since=live_at - options.days * DAY_S)
        print(f"union: telling {options.days:g} days of {len(played)} nodes ...", flush=True)
        _wait_for_store(played[0], clock)
        for one in played:
            _tell(one, town, live_at, clock)
        _catch_up(town, played, clock)
        _surround(crew, town, bench, port, Company(played, clock))
        _open_console(crew, town, bench, port, options.port)
        _live(town, played, clock, live_at, seconds=options.seconds, crew=crew)
    except KeyboardInterrupt:
        print()
    finally:
        crew.end_all()
    return _conclude(town, played)


def _keys(town: Town, clock: Clock) -> Bench:
    print("union: making keys and certificates ...", flush=True)
    bench = Bench.make(town.folder / "keys", at=clock.now())
    for spot in town.spots:
        bench.add_signer("node", str(spot.name), at=clock.now())
    for name, role in SIGNERS.items():
        bench.add_signer(role, name, at=clock.now())
    return bench


def _start(crew: Crew, town: Town, bench: Bench, port: int, clock: Clock, *, since: float) -> list[Played]:
    access = lists.mosquitto(rights(town.union, town.agreements, at=clock.now()))
    log = town.folder / "broker.log"
    crew.add("broker", prepare(town.folder / "broker", bench, access, port=port), log=log)
    wait_until_open(port, clock, log=log)
    agent = [sys.executable, "-m", "agent"]
    reach = ["--broker", f"{HOST}:{port}", "--keys", str(bench.folder)]
    crew.add("store", [*agent, "store", *reach, "--db", str(_database(town))], log=town.folder / "store.log")
    return [
        Played(
            SimulatedNode(spot.name, load_signer(bench.signing_key(str(spot.name))), SimulatedClock(since)),
            connected(bench, str(spot.name), port, clock),
            since,
        )
        for spot in town.spots
    ]


def _open_console(crew: Crew, town: Town, bench: Bench, port: int, page: int) -> None:
    command = [sys.executable, "-m", "agent", "console", str(town.folder)]
    reach = ["--broker", f"{HOST}:{port}", "--keys", str(bench.folder), "--name", ROOM]
    log = ["--db", str(_database(town)), "--port", str(page)]
    crew.add("console", [*command, *reach, *log])


@dataclass(frozen=True, slots=True)
class Company:
    """The nodes while something else is done: a broker drops who says nothing for long."""

    played: Sequence[Played]
    clock: Clock

    def wait(self) -> None:
        """Some time, in which every session is kept alive."""
        for one in self.played:
            one.transport.poll(0.0)
        self.clock.sleep(TURN_S)


def _surround(crew: Crew, town: Town, bench: Bench, port: int, company: Company) -> None:
    """Verdicts, exports and the citizens' pages, so that there is something of everything to look at."""
    room, database = connected(bench, ROOM, port, company.clock), _database(town)
    said = union_around.judge(town, bench, room, database, company.clock)
    room.close()
    call = union_around.Call(company.clock, company.wait)
    union_around.export(town, bench, database, town.folder / "exports", call)
    print(f"union: {said} verdicts, exports in {town.folder / 'exports'}", flush=True)
    union_around.publish(town, bench, database, f"{HOST}:{port}", call)
    site, form = union_around.open_pages(crew, town, bench, port, call)
    print(f"union: for citizens {site}\nunion: to report something {form}", flush=True)


def connected(bench: Bench, name: str, port: int, clock: Clock) -> Transport:
    files = bench.tls(name)
    address = Address(HOST, port, str(bench.ca), str(files.certificate), str(files.key))
    transport = MqttTransport(address, clock=clock, randomness=random.SystemRandom(), session_s=0)
    transport.open()
    until = clock.monotonic() + PATIENCE_S
    while clock.monotonic() < until:
        for happening in transport.poll(TURN_S):
            if isinstance(happening, Connected):
                return transport
            if isinstance(happening, Disconnected):
                raise BrokerAbsent(happening.why, hint=happening.hint or "read broker.log")
    raise BrokerAbsent(f"no session for {name}", hint="read broker.log")


def _tell(one: Played, town: Town, until: float, clock: Clock) -> None:
    """Hand over everything up to `until`, a window at a time, and end with the head."""
    waiting: dict[int, Outgoing] = {}
    for outgoing in _told(one, town, until):
        _hand_over(one, outgoing, waiting)
        one.sent += 1
        while len(waiting) >= WINDOW:
            _hear(one, waiting)
    one.told_until = until
    _drain(one, waiting, clock)


def _told(one: Played, town: Town, until: float) -> Iterator[Outgoing]:
    spot = next(spot for spot in town.spots if spot.name == one.node.name)
    if not one.sent:
        yield one.node.birth()
    for record in records(town.story, spot, one.told_until, until):
        yield from one.node.seal(record)
    broken = str(spot.name) == town.story.broken and until >= town.story.broken_at
    if until - one.head_at >= HEAD_S and not broken:
        one.head_at = until
        one.node.clock.advance_to(until)
        yield one.node.head()


def _drain(one: Played, waiting: dict[int, Outgoing], clock: Clock) -> None:
    until = clock.monotonic() + PATIENCE_S
    while waiting and clock.monotonic() < until:
        _hear(one, waiting)


def _hand_over(one: Played, outgoing: Outgoing, waiting: dict[int, Outgoing]) -> None:
    while not (mid := hand_over(one.transport, outgoing)):
        _hear(one, waiting)
    waiting[mid] = outgoing


def _hear(one: Played, waiting: dict[int, Outgoing]) -> None:
    """What the broker has; after a session that was lost, what it had not acknowledged is said again."""
    again: list[Outgoing] = []
    for news in one.transport.poll(TURN_S):
        match news:
            case Acknowledged():
                waiting.pop(news.mid, None)
            case Connected():
                again = list(waiting.values())
                waiting.clear()
    for outgoing in again:
        _hand_over(one, outgoing, waiting)


def _wait_for_store(one: Played, clock: Clock) -> None:
    """Until somebody hears a birth: the store subscribes to it after all that it keeps."""
    until = clock.monotonic() + PATIENCE_S
    while clock.monotonic() < until:
        mid, answer = hand_over(one.transport, one.node.birth()), None
        while answer is None and clock.monotonic() < until:
            answers = (news for news in one.transport.poll(TURN_S) if isinstance(news, Acknowledged))
            answer = next((news for news in answers if news.mid == mid), None)
        if answer is not None and answer.delivered:
            return
        clock.sleep(TURN_S)
    raise BrokerAbsent("the store does not listen", hint="read store.log")


def _catch_up(town: Town, played: Sequence[Played], clock: Clock) -> None:
    """Until the store has all that was told."""
    told, until, shown = sum(one.node.tail.seq for one in played), clock.monotonic() + PATIENCE_S, -1.0
    store = Store(_database(town))
    try:
        while (stored := store.count()) < told and clock.monotonic() < until:
            if clock.monotonic() - shown >= SHOW_S:
                print(f"union: {stored} of {told} records are stored", flush=True)
                shown = clock.monotonic()
            clock.sleep(TURN_S)
    finally:
        store.close()
    print(f"union: {stored} of {told} records are stored", flush=True)


def _live(town: Town, played: Sequence[Played], clock: Clock, live_at: float, *, seconds: float, crew: Crew) -> None:
    """Go on telling until the end, faster than life while there is something to catch up with."""
    print(
        f"union: watch for {played[0].node.name}, under whose name somebody speaks without its key in {ATTACK_AFTER_S:g} s,\n"
        f"union: and for {town.story.broken}, which falls silent and is missed after three minutes", flush=True,
    )  # fmt: skip
    began, attacked = clock.monotonic(), False
    while not seconds or clock.monotonic() - began < seconds:
        passed = clock.monotonic() - began
        until = min(live_at + passed * SPEED, clock.now())
        for one in played:
            _tell(one, town, until, clock)
        if not attacked and passed >= ATTACK_AFTER_S:
            union_around.forge(played[0].node, played[0].transport)
            attacked = True
        for member in crew.look():
            print(f"union: {member.name} has died and is started again", file=sys.stderr)
        clock.sleep(TURN_S)


def _conclude(town: Town, played: Sequence[Played]) -> int:
    store = Store(_database(town))
    told = sum(one.node.tail.seq for one in played)
    spans = [store.held(str(one.node.name)).span for one in played]
    stored = sum(last - first + 1 for span in spans for first, last in span)
    store.close()
    print(f"union: {len(played)} nodes, {told} records told, {stored} stored; files in {town.folder}")
    return 0 if stored == told else 1


def _database(town: Town) -> Path:
    return town.folder / "events.sqlite"
