"""`piazza rollout`: bring a signed release to all nodes in waves, and stop when nodes do not like it.

All that it knows lies in one file, so it goes on after the laptop has crashed, or on another one. What a
person asks of a rollout that runs (`pause`, `abort`) is a word in a file beside it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from agent.anomaly.calendar import Wall
from agent.clock import Clock, SimulatedClock, SystemClock, local_offset
from agent.commands import ota_publish, party
from agent.contract.jws import KeyRing
from agent.contract.topics import Class, NodeName, pattern
from agent.documents import read
from agent.errors import UserError
from agent.files import write_atomic
from agent.notify import on_end
from agent.ota import board, drafts, metadata, publish, rollout, running
from agent.ota.authority import Authority
from agent.ota.rollout import Member, Progress, Rules, Stage, Told
from agent.ota.running import Running
from agent.transport import Message, Transport

SHORT = 12
LOOK_S = 1.0


class Inventory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of nodes beside their names: `nodes` by union/comune/id."""

    nodes: dict[str, Entry]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Groups of one node."""

    tags: tuple[str, ...] = ()
    hardware: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    planning = acts.add_parser("plan", help="choose nodes and write down the waves")
    planning.add_argument("authority", type=Path, metavar="DIR")
    planning.add_argument("file", type=Path, help="where the rollout is kept")
    planning.add_argument("--comune", action="append", default=[], help="only nodes of this one")
    planning.add_argument("--tag", action="append", default=[], help="only nodes with this tag")
    planning.add_argument("--hardware", default="", help="only nodes of this hardware")
    planning.add_argument("--inventory", type=Path, metavar="FILE", help="tags and hardware of nodes")
    planning.add_argument("--rules", type=Path, metavar="FILE", help="soak_s, patience_s, failures, share, windows")
    for act in ("start", "resume"):
        running = acts.add_parser(act, help="begin, or go on; ends when the rollout has ended")
        running.add_argument("authority", type=Path, metavar="DIR")
        running.add_argument("file", type=Path)
        running.add_argument("--html", type=Path, metavar="FILE", help="a page that shows how it stands")
        party.add_broker_arguments(running)
    rehearse = acts.add_parser("rehearse", help="try it on simulated nodes first; nothing real changes")
    rehearse.add_argument("authority", type=Path, metavar="DIR")
    rehearse.add_argument("file", type=Path)
    rehearse.add_argument("--bad", action="append", default=[], metavar="NODE", help="it does not work on this one")
    rehearse.add_argument("--html", type=Path, metavar="FILE", help="a page that shows how it ended")
    watch = acts.add_parser("watch", help="show how it stands until it has ended")
    watch.add_argument("file", type=Path)
    watch.add_argument("--once", action="store_true", help="only now")
    for act, does in (("pause", "begin no further wave"), ("abort", "end it, touch nobody further")):
        acts.add_parser(act, help=does).add_argument("file", type=Path)


def run(options: argparse.Namespace) -> int:
    clock = SystemClock()
    match options.act:
        case "plan":
            return _plan(options)
        case "watch":
            return _watch(options, clock)
        case "rehearse":
            return _rehearse(options, clock)
        case "pause" | "abort":
            load(options.file)
            _wish(options.file).write_text(options.act, encoding="ascii")
            return 0
    stop = threading.Event()
    on_end(stop.set)
    transport = ota_publish.connection(options, clock)
    union = Authority(options.authority)
    ring = party.ring_file(options)
    engine = Engine(union, options.file, transport, ring=ring.ring, clock=clock, html=options.html, look=ring.look)
    ended = engine.run(stop.is_set)
    running.keep(union, engine.running)
    return 0 if ended.stage in (Stage.DONE, Stage.RUNNING, Stage.PAUSED) else 3


def load(path: Path) -> Progress:
    """The rollout in a file; UserError where there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Progress)
    except (OSError, msgspec.MsgspecError) as error:
        raise UserError(f"{path}: no rollout: {error}", hint="make one: piazza rollout plan DIR FILE") from error


def members(authority: Authority, inventory: Mapping[str, Entry]) -> list[Member]:
    """Every node with a signed order."""
    found = []
    for comune in authority.comuni():
        signed = authority.signed(comune)
        for path, target in sorted(metadata.offered(signed).items()) if signed else ():
            name = NodeName(authority.settings.union, comune, path.split("/")[1]) if target.custom else None
            if name and path == drafts.config_path(name):
                entry = inventory.get(str(name), Entry())
                order = int(target.custom["seq"])
                found.append(Member(str(name), target.sha256[:SHORT], order, entry.tags, entry.hardware))
    return found


def _plan(options: argparse.Namespace) -> int:
    if options.file.exists():
        raise UserError(f"{options.file} is there already", hint="a rollout is planned once; take another name")
    inventory = read(options.inventory, Inventory).nodes if options.inventory else {}
    chosen = [
        member
        for member in members(Authority(options.authority), inventory)
        if (not options.comune or member.comune in options.comune)
        and set(options.tag) <= set(member.tags)
        and options.hardware in ("", member.hardware)
    ]
    progress = rollout.plan(chosen, read(options.rules, Rules) if options.rules else Rules())
    save(options.file, progress)
    for number, wave in enumerate(progress.waves, start=1):
        soak = f", then {progress.rules.soak_s:g} s of quiet" if number - 1 in progress.soaks else ""
        print(f"wave {number}: {len(wave)} nodes{soak}")
    return 0


def _rehearse(options: argparse.Namespace, real: Clock) -> int:
    """The same engine on a copy of the plan, in a folder that is thrown away."""
    from agent.commands.rehearsal import Rehearsal

    clock, authority, progress = SimulatedClock(real.now()), Authority(options.authority), load(options.file)
    with tempfile.TemporaryDirectory() as place:
        rehearsal = Rehearsal(authority, Path(place) / "nodes", clock, options.bad)
        rehearsal.put_up(progress)
        copy = Path(place) / "rollout.json"
        save(copy, msgspec.structs.replace(progress, stage=Stage.PLANNED, wave=-1, standing={}, why=""))
        transport = rehearsal.broker.transport("maintainer", session_s=0)
        engine = Engine(authority, copy, transport, ring=rehearsal.ring, clock=clock, html=options.html)
        ended = engine.run(rehearsal.turn)
    hours = (clock.now() - real.now()) / 3600.0
    print(f"rehearsed: {ended.stage} after {hours:.1f} h, {len(ended.touched)} of {len(ended.members)} nodes touched")
    return 0 if ended.stage is Stage.DONE else 3


def save(path: Path, progress: Progress) -> None:
    write_atomic(path, msgspec.json.format(msgspec.json.encode(progress), indent=1) + b"\n")


def _watch(options: argparse.Namespace, clock: Clock) -> int:
    shown = ""
    while True:
        progress = load(options.file)
        shown = show(progress, shown)
        if options.once or progress.stage not in (Stage.PLANNED, Stage.RUNNING, Stage.PAUSED):
            return 0
        clock.sleep(LOOK_S)


def show(progress: Progress, shown: str) -> str:
    """The board where it has changed: in place on a terminal, the headline alone in a pipe."""
    text = "\n".join(board.lines(progress)) if sys.stdout.isatty() else board.headline(progress)
    if text != shown:
        print(f"\x1b[H\x1b[2J{text}" if sys.stdout.isatty() else text, flush=True)
    return text


def _wish(path: Path) -> Path:
    return path.with_name(f"{path.name}.ask")


class Engine:
    """Publishes whose turn it is, hears what they say, and writes down how it stands; one at a time for a file."""

    def __init__(
        self,
        authority: Authority,
        file: Path,
        transport: Transport,
        *,
        ring: KeyRing,
        clock: Clock,
        html: Path | None = None,
        look: Callable[[float], None] = lambda _now: None,
    ) -> None:
        """`look` hears the monotonic time in every turn, for a ring that may have changed."""
        self._authority = authority
        self._file = file
        self._transport = transport
        self._ring = ring
        self._clock = clock
        self._html = html
        self._look = look
        self._told: dict[str, Told] = {}
        self.running: dict[str, Running] = {}
        """What each node that was heard says that it runs."""
        self._published: tuple[str, ...] | None = None
        self._shown = ""

    def run(self, stopped: Callable[[], bool]) -> Progress:
        """Until the rollout has ended, or `stopped`; then it can go on from its file."""
        progress = load(self._file)
        ended = (Stage.DONE, Stage.STOPPED, Stage.ABORTED)
        if progress.stage in ended:
            raise UserError(f"this rollout has ended: {board.headline(progress)}", hint="plan another")
        self._check_still_signed(progress)
        self._transport.subscribe(pattern(self._authority.settings.union, klass=Class.STATE))
        if progress.stage is not Stage.RUNNING:
            progress = rollout.start(progress, self._clock.now())
        _wish(self._file).unlink(missing_ok=True)
        self._keep(progress)
        while progress.stage not in ended and not stopped():
            progress = self.turn(progress)
        self._end(progress)
        return progress

    def turn(self, progress: Progress) -> Progress:
        """One look: what was asked, what was told, what follows from it."""
        self._publish(progress)
        self._look(self._clock.monotonic())
        for happening in self._transport.poll(LOOK_S):
            if isinstance(happening, Message):
                self._hear(happening)
        at = self._clock.now()
        after = rollout.advance(self._asked(progress), self._told, at, open_now=self._open(progress, at))
        if after != progress:
            self._keep(after)
        return after

    def _asked(self, progress: Progress) -> Progress:
        path = _wish(self._file)
        word = path.read_text(encoding="ascii") if path.is_file() else ""
        path.unlink(missing_ok=True)
        return {"pause": rollout.pause, "abort": rollout.abort}.get(word, lambda same: same)(progress)

    def _hear(self, message: Message) -> None:
        """A node's state, if its own key signed it; anything else is nothing."""
        word = running.heard(message.payload, self._ring, topic=message.topic)
        if word:
            name, one = word
            self.running[name] = one
            self._told[name] = Told(one.cfg, one.seq, one.phase, one.why, up=one.up)

    def _publish(self, progress: Progress) -> None:
        """Say whose turn it is, once for each change."""
        if progress.touched != self._published:
            publish.to_broker(self._parcels(progress, progress.touched), self._transport, self._clock, heard=self._hear)
            self._published = progress.touched

    def _end(self, progress: Progress) -> None:
        """No chunk is left behind; who is well keeps what it has, who had not begun does not begin."""
        if progress.stage in (Stage.DONE, Stage.STOPPED, Stage.ABORTED):
            parcels = self._parcels(progress, progress.touched if progress.stage is Stage.DONE else ())
            publish.to_broker([one.without_chunks() for one in parcels], self._transport, self._clock)
        self._transport.close()

    def _parcels(self, progress: Progress, touched: Sequence[str]) -> list[publish.Parcel]:
        names = [NodeName.parse(name) for name in touched]
        comuni = sorted({member.comune for member in progress.members})
        return [
            publish.parcel(self._authority, comune, turn=[name.node for name in names if name.comune == comune])
            for comune in comuni
        ]

    def _check_still_signed(self, progress: Progress) -> None:
        now = {member.name: member for member in members(self._authority, {})}
        other = [
            one.name
            for one in progress.members
            if (now.get(one.name, one).wants, now.get(one.name, one).seq) != (one.wants, one.seq)
        ]
        if other:
            raise UserError(f"{other[0]}: another order has been signed since", hint="plan another rollout")

    def _open(self, progress: Progress, at: float) -> bool:
        windows = progress.rules.windows
        return not windows or Wall(local_offset(progress.rules.timezone)).within(windows, at)

    def _keep(self, progress: Progress) -> None:
        save(self._file, progress)
        if self._html:
            write_atomic(self._html, board.page(progress, at=self._clock.now()).encode())
        self._shown = show(progress, self._shown)
