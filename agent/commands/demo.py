"""`piazza demo`: the whole path on one machine, each part a process of its own.

A broker, sense, link and store are started on keys made for this once; this process is a subscriber
that verifies what comes and shows it. Nothing outside the demonstration's folder is touched.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from agent.clock import Clock, SystemClock
from agent.commissioning import Commissioning
from agent.contract.audit import Report, judge
from agent.crew import Crew
from agent.demo import report
from agent.demo.screen import Plain, Screen, Terminal, picture
from agent.demo.stage import CAMERA, NODE, Stage, set_up
from agent.demo.viewer import Viewer
from agent.errors import UserError
from agent.notify import end_as_by_hand
from agent.provision.keys import load_ring
from agent.subscriber import Reader
from agent.subscriber.board import Board
from agent.subscriber.store import Store
from agent.transport import Address
from agent.transport.loopback import wait_until_open
from agent.transport.mqtt import MqttTransport

LOOK_S = 0.25
DRAIN_S = 25.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--camera", required=True, help="a video file, rtsp://..., a device such as /dev/video0, or a world's folder"
    )
    parser.add_argument("--seconds", type=float, default=45.0, help="how long it runs (default: 45)")
    parser.add_argument("--folder", type=Path, default=Path("run/demo"), help="where it keeps its files")
    parser.add_argument("--picture", type=Path, help="write the last screen as SVG into this file")
    parser.add_argument("--plain", action="store_true", help="lines instead of a live screen")


def run(options: argparse.Namespace) -> int:
    if options.seconds <= 0:
        raise UserError(f"--seconds {options.seconds:g}: not a time", hint="give a number above 0, such as 45")
    clock = SystemClock()
    stage = set_up(options.folder.resolve(), options.camera, at=clock.now())
    crew = Crew(clock)
    viewer = _viewer(stage, clock)
    screen: Screen = Plain() if options.plain or not sys.stdout.isatty() else Terminal()
    print(f"demo: {options.camera} for {options.seconds:g} s; files in {stage.folder}", flush=True)
    end_as_by_hand()
    try:
        _start(stage, crew, clock)
        viewer.open()
        _watch(viewer, crew, screen, clock, seconds=options.seconds)
        if options.picture:
            options.picture.write_text(picture(viewer, crew.members), encoding="utf-8")
        _drain(stage, viewer, crew, clock)
    except KeyboardInterrupt:
        print("demo: ended before its time")
        _drain(stage, viewer, crew, clock)
    finally:
        viewer.transport.close()
        crew.end_all()
    return _conclude(stage, viewer)


def _viewer(stage: Stage, clock: Clock) -> Viewer:
    address = Address("127.0.0.1", stage.port, mqtt="3.1.1")
    transport = MqttTransport(
        address, clock=clock, randomness=random.SystemRandom(), client_id="demo-viewer", session_s=0
    )
    ring = load_ring(stage.bench.ring)
    return Viewer(transport, Reader(ring), Board(), clock, stage.runtime / "numbers.json")


def _start(stage: Stage, crew: Crew, clock: Clock) -> None:
    """The broker first; the node's two processes know nothing of one another but the outbox."""
    python = [sys.executable, "-m"]
    crew.add("broker", [*python, "agent.demo.broker", str(stage.port)], log=stage.log("broker"))
    wait_until_open(stage.port, clock, log=stage.log("broker"))
    Commissioning(stage.runtime).open()
    agent = [*python, "agent"]
    crew.add(
        "store",
        [
            *agent,
            *("store", "--broker", f"127.0.0.1:{stage.port}", "--plain", "--mqtt", "3.1.1"),
            *("--keys", str(stage.bench.folder), "--db", str(stage.database)),
        ],
        log=stage.log("store"),
    )
    crew.add("link", [*agent, "link", "--config", str(stage.config)], log=stage.log("link"))
    environment = {"RUNTIME_DIRECTORY": str(stage.runtime)}
    crew.add(
        "sense",
        [*agent, "sense", "--config", str(stage.config)],
        environment=environment,
        log=stage.log("sense"),
        ends=True,
    )


def _watch(viewer: Viewer, crew: Crew, screen: Screen, clock: Clock, *, seconds: float) -> None:
    until = clock.monotonic() + seconds
    with screen.live():
        while (left_s := until - clock.monotonic()) > 0:
            new = viewer.look(min(LOOK_S, left_s))
            _raise_hopeless(crew)
            for member in crew.look():
                print(f"demo: {member.name} has died and is started again", file=sys.stderr)
            screen.show(viewer, crew.members, new, left_s=left_s)
            if all(member.state == "done" for member in crew.members if member.ends):
                return


def _raise_hopeless(crew: Crew) -> None:
    """UserError with the words of a process that says that its user must mend something."""
    for member in crew.members:
        if member.hopeless and member.log:
            said = member.log.read_text(encoding="utf-8").rpartition("piazza: ")[2].strip()
            message, _, hint = said.partition("\n  -> ")
            raise UserError(message, hint=hint)


def _drain(stage: Stage, viewer: Viewer, crew: Crew, clock: Clock) -> None:
    """End sense, then wait until the store has all that it made."""
    for member in crew.members:
        if member.name == "sense":
            crew.end(member)
    store, until = Store(stage.database), clock.monotonic() + DRAIN_S
    try:
        while clock.monotonic() < until:
            viewer.look(LOOK_S)
            chain = viewer.reader.chain(NODE)
            if chain.last and not chain.missing() and store.count() >= chain.last:
                return
    finally:
        store.close()


def _conclude(stage: Stage, viewer: Viewer) -> int:
    """Count what the store holds, say it in one line and write the report."""
    judged = _judged(stage)
    summary = _summary(judged, viewer)
    backdrop = stage.runtime / f"backdrop-{CAMERA}.png"
    page = stage.folder / "report.html"
    picture = backdrop.read_bytes() if backdrop.exists() else b""
    report.write(page, report.Story(summary, stage.view, viewer.counts, viewer.lines, picture))
    print(f"demo: report in {page}")
    print(summary)
    return 0 if judged.whole and judged.nodes else 1


def _judged(stage: Stage) -> Report:
    store = Store(stage.database)
    try:
        tokens = [token.encode() for _, token in store.tokens(NODE)]
    finally:
        store.close()
    return judge(tokens, load_ring(stage.bench.ring), from_first=True)


def _summary(judged: Report, viewer: Viewer) -> str:
    verified = sum(node.envelopes for node in judged.nodes.values())
    gaps = sum(last - first + 1 for node in judged.nodes.values() for first, last in node.check.missing())
    total = verified + len(judged.refused)
    return f"demo: {total} events, {verified} verified, {gaps} gaps, {viewer.bytes_sent} bytes sent"
