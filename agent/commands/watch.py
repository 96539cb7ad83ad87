"""`piazza watch`: a broker's events as they come, verified, one line each.

A terminal gets colour; a pipe gets plain lines, or with `--json` one object a line. Ends with 2 when
the broker does not let us in, and when at first no machine has its name.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from agent.clock import Clock, SystemClock
from agent.commands import party
from agent.commands.errands import carried
from agent.contract.sentences import TONGUES
from agent.contract.topics import OF_CERTIFICATES, Class, pattern
from agent.errors import BrokerRefused
from agent.notify import on_end
from agent.records import Severity
from agent.subscriber import Mark, Reader
from agent.subscriber.board import SILENT_S, Board, Line
from agent.transport import Connected, Disconnected, Happening, Message, Transport
from agent.transport.mqtt import MqttTransport

POLL_S = 0.5
SIGNS = {
    Mark.VERIFIED: "✓",
    Mark.DUPLICATE: "=",
    Mark.LATE: "↩",
    Mark.GAP: "…",
    Mark.ALARM: "‼",
    Mark.UNVERIFIED: "✗",
}
COLOURS = {Severity.NOTICE: "cyan", Severity.WARNING: "yellow", Severity.ALARM: "bold red"}
WATCHED = tuple(klass for klass in Class if klass not in (Class.CFG, Class.OTA, *OF_CERTIFICATES))

Show = Callable[[Line], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    party.add_broker_arguments(parser)
    parser.add_argument("--union", default="+", help="only this union")
    parser.add_argument("--comune", default="+", help="only this comune")
    parser.add_argument("--node", default="+", help="only this node")
    parser.add_argument("--class", dest="classes", action="append", choices=[*map(str, WATCHED)], metavar="CLASS")
    parser.add_argument("--all", action="store_true", help="also counts, health, heads and receipts")
    parser.add_argument("--partial", action="store_true", help="our role may not read every class: no word of gaps")
    parser.add_argument("--silent-after", type=float, default=SILENT_S, metavar="SECONDS")
    parser.add_argument("--count", type=int, default=0, metavar="N", help="end after so many lines")
    parser.add_argument("--language", choices=sorted(TONGUES), default="en", help="of the sentences of events")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(options: argparse.Namespace) -> int:
    clock = SystemClock()
    transport = _transport(options, clock)
    stop = threading.Event()
    on_end(stop.set)
    ring_file = party.ring_file(options)
    watch = Watch(
        transport,
        Reader(ring_file.ring, partial=options.partial),
        Board(
            everything=options.all or bool(options.classes),
            partial=options.partial,
            silent_s=options.silent_after,
            tongue=TONGUES[options.language],
        ),
        clock=clock,
        classes=frozenset(options.classes or ()),
        look=ring_file.look,
    )
    show = show_json if options.json else show_coloured() if sys.stdout.isatty() else show_plain
    for shown, line in enumerate(watch.lines(stop.is_set), start=1):
        show(line)
        if shown == options.count:
            break
    return 0


def _transport(options: argparse.Namespace, clock: Clock) -> Transport:
    """Of no session, so that nothing waits at the broker for who only looks; subscribed to what is asked for."""
    address = party.address(options, party.reader_name(options))
    name, randomness = options.name or "piazza-watch", random.SystemRandom()
    mqtt = MqttTransport(address, clock=clock, randomness=randomness, client_id=name, session_s=0)
    transport = carried(mqtt, address, clock=clock)
    for klass in WATCHED:
        transport.subscribe(pattern(options.union, options.comune, options.node, klass))
    return transport


class Watch:
    """News of a broker as lines, and lines about what does not come."""

    def __init__(
        self,
        transport: Transport,
        reader: Reader,
        board: Board,
        *,
        clock: Clock,
        classes: frozenset[str] = frozenset(),
        look: Callable[[float], None] = lambda _now: None,
    ) -> None:
        """`look` hears the monotonic time in every turn, for what has to be looked after meanwhile."""
        self._transport = transport
        self._reader = reader
        self._board = board
        self._clock = clock
        self._classes = classes
        self._look = look
        self._stood = False

    def lines(self, stopped: Callable[[], bool]) -> Iterator[Line]:
        """Until `stopped`; BrokerRefused when the broker does not let us in."""
        self._transport.open()
        try:
            while not stopped():
                self._look(self._clock.monotonic())
                for happening in self._transport.poll(POLL_S):
                    yield from self._told(happening)
                yield from self._board.advance(self._clock.now())
        finally:
            self._transport.close()

    def _told(self, happening: Happening) -> Iterator[Line]:
        now = self._clock.now()
        match happening:
            case Message():
                news = self._reader.read(happening)
                lines = self._board.take(news, at=now)
                yield from (line for line in lines if not self._classes or line.klass in self._classes or line.urgent)
            case Connected():
                yield Line(now, "", "the broker is there again" if self._stood else "connected")
                self._stood = True
            case Disconnected() if happening.refused or (happening.unknown and not self._stood):
                raise BrokerRefused(happening.why, hint=happening.hint)
            case Disconnected():
                yield Line(now, "", happening.why, urgent=True)


def show_plain(line: Line) -> None:
    print(text(line), flush=True)


def show_json(line: Line) -> None:
    print(json.dumps(document(line), ensure_ascii=False), flush=True)


def show_coloured() -> Show:
    """Lines with colour where rich is installed, plain ones where it is not."""
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        return show_plain
    console = Console(highlight=False)
    return lambda line: console.print(Text(text(line), style=style(line)), soft_wrap=True)


def text(line: Line) -> str:
    """`12:03:11 brisighella/n-0017 ✓    123 loitering opened: gate (gate-cam): ...`."""
    when = datetime.fromtimestamp(line.at).astimezone().strftime("%H:%M:%S")
    node = line.node.partition("/")[2] or line.node or "(watch)"
    sign = SIGNS[line.mark] if line.mark else " "
    number = str(line.seq) if line.seq else ""
    return f"{when} {node:24} {sign} {number:>6} {line.text}"


def style(line: Line) -> str:
    """How a line looks on a terminal."""
    if line.urgent:
        return "bold red"
    if line.mark is Mark.DUPLICATE or line.mark is None:
        return "dim"
    return "yellow" if line.mark in (Mark.GAP, Mark.LATE) else COLOURS.get(line.severity, "")


def document(line: Line) -> dict[str, Any]:
    """Everything that a line knows, for a program; `data` is what the contract says it is."""
    made: dict[str, Any] = {"at": round(line.at, 3), "node": line.node, "text": line.text, "urgent": line.urgent}
    if line.news is None:
        return made
    envelope = line.news.envelope
    made |= {"mark": str(line.news.mark), "topic": line.news.topic, "retained": line.news.retained}
    if envelope is None:
        return made | {"why": line.news.why}
    findings = [[str(found.word), found.first, found.last] for found in line.news.findings]
    return made | {
        "class": line.klass,
        "type": envelope.topic.type,
        "seq": line.seq,
        "time": envelope.payload.time,
        "severity": str(line.severity),
        "findings": findings,
        "data": msgspec.to_builtins(envelope.data),
    }
