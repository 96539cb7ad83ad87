"""The control room's page in a real browser: how soon an event is on the screen, and whether memory stays flat.

    python -m bench.console [--seconds N] [--events N] [--json]

Real processes: mosquitto with the access list of a union of 600 nodes, `piazza console` and Chromium with the page
open. One connection speaks for all nodes; every envelope has its own node's signature and chain. First 50 events a
second for --seconds, timed from the moment before publishing to the frame after the page has drawn the line; pages are
loaded meanwhile. Then --events in all, 500 a second, with the sizes of the page's heap (after its garbage was
collected) and of the console after each tenth.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from agent.clock import Clock, SimulatedClock, SystemClock
from agent.commands.loopback import prepare
from agent.commands.union import connected
from agent.contract.jws import Key, Signer
from agent.crew import Crew
from agent.governance import lists
from agent.governance.rights import rights
from agent.provision.bench import Bench
from agent.provision.keys import load_ring, save_ring
from agent.records import Event, Phase, Reason, Severity
from agent.simulation import stage
from agent.simulation.nodes import SimulatedNode, hand_over
from agent.simulation.script import CAMERA, GATE
from agent.simulation.stage import ROOM, SEAT
from agent.subscriber.store import Store
from agent.transport import Transport
from agent.transport.loopback import HOST, free_port, wait_until_open
from agent.uplink.door import correlation
from bench import machine

NODES = 600
RATE, FAST = 50, 500
OPEN = 100
"""Events that are open at a time."""

LOADS = 10
VOICE = f"{SEAT}/voice"
WATCH = """
window.drawn = [];
const seen = window.seen = new Set();
addEventListener("DOMContentLoaded", () => new MutationObserver(changes => {
  const fresh = [];
  for (const change of changes) for (const node of change.addedNodes)
    if (node.id && !seen.has(node.id)) { seen.add(node.id); fresh.push(node.id); }
  if (fresh.length) requestAnimationFrame(() => setTimeout(() => { for (const id of fresh) window.drawn.push([id, Date.now() / 1000]); }));
}).observe(document.getElementById("open"), { childList: true }));
"""
"""Notes when the frame with a new line of the list has been drawn; what it noted is forgotten before the heap is weighed."""


@dataclass
class Town:
    """Everything that runs, and the nodes that speak."""

    nodes: list[SimulatedNode]
    voice: Transport
    clock: Clock
    address: str
    console: int
    said: dict[str, float] = field(default_factory=dict)
    count: int = 0
    _open: deque[tuple[SimulatedNode, Event]] = field(default_factory=deque)

    def speak(self) -> None:
        """One event: a new one, or the end of the oldest that is open."""
        at = self.clock.now()
        if len(self._open) >= OPEN and self.count % 2:
            node, event = self._open.popleft()
            event = replace(event, phase=Phase.CLOSED, at=at, duration_s=1.0, closed_by="rule")
        else:
            node = self.nodes[self.count % NODES]
            reason = Reason(f"{GATE}/person/stay_s", "stay", 200.0, 180.0)
            event = Event(
                f"{self.count}", "stays", "loitering", Phase.OPENED, Severity.NOTICE, at, CAMERA, reason, GATE, "person"
            )
            self._open.append((node, event))
            self.said[f"event-{correlation(node.name, event.id)}"] = at
        for outgoing in node.seal(event):
            hand_over(self.voice, outgoing)
        self.count += 1

    def speak_at(self, rate: float, until: float) -> Iterator[None]:
        """Events at a rate until an instant of the monotonic clock; it gives way after each turn."""
        began, before = self.clock.monotonic(), self.count
        while (now := self.clock.monotonic()) < until:
            while self.count - before < (now - began) * rate:
                self.speak()
            self.voice.poll(0.005)
            yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    clock = SystemClock()
    crew = Crew(clock)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        try:
            town = begin(Path(folder), crew, clock)
            flags = ["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info", "--js-flags=--expose-gc"]
            browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            page = browser.new_page(viewport={"width": 1200, "height": 800})
            page.add_init_script(WATCH)
            page.goto(town.address)
            page.wait_for_selector("body[data-ready]")
            figures = delays(town, page, options.seconds) | loads(town, browser)
            figures |= sizes(town, page, options.events)
            machine.show(figures, as_json=options.json)
            browser.close()
        finally:
            crew.end_all()


def begin(folder: Path, crew: Crew, clock: Clock) -> Town:
    """Keys, broker, console; the page's address once it is printed."""
    whole = stage.write(folder, nodes=NODES, seed=1, at=clock.now(), broken_at=clock.now())
    bench = Bench.make(folder / "keys", at=clock.now())
    bench.add_signer("operator", ROOM, at=clock.now())
    bench.add_reader(VOICE, at=clock.now())
    ring, nodes = load_ring(bench.ring), []
    for spot in whole.spots:
        signer = Signer(os.urandom(32))
        ring.add(Key(signer.kid, signer.public, "node", str(spot.name)))
        nodes.append(SimulatedNode(spot.name, signer, SimulatedClock(clock.now())))
    save_ring(bench.ring, ring)
    access = lists.mosquitto(rights(whole.union, whole.agreements, at=clock.now()))
    access += f"\nuser {VOICE.replace('/', '.')}\ntopic write piazza/v1/#\n"
    port, log = free_port(), folder / "broker.log"
    crew.add("broker", prepare(folder / "broker", bench, access, port=port), log=log)
    wait_until_open(port, clock, log=log)
    Store(folder / "events.sqlite").close()
    command = [sys.executable, "-m", "agent", "console", str(folder), "--broker", f"{HOST}:{port}", "--port", "0"]
    files = ["--keys", str(bench.folder), "--name", ROOM, "--db", str(folder / "events.sqlite")]
    console = crew.add("console", [*command, *files], log=folder / "console.log")
    voice = connected(bench, VOICE, port, clock)
    while not (found := re.search(r"open (http\S+)", (folder / "console.log").read_text())):
        clock.sleep(0.1)
    return Town(nodes, voice, clock, found[1], console.process.pid if console.process else 0)


def delays(town: Town, page: Page, seconds: float) -> dict[str, Any]:
    """From before an event is signed to the frame that shows it."""
    for _ in town.speak_at(RATE, town.clock.monotonic() + 5.0):
        page.wait_for_timeout(5)
    page.evaluate("window.drawn = []")
    before = len(town.said)
    for _ in town.speak_at(RATE, town.clock.monotonic() + seconds):
        page.wait_for_timeout(5)
    page.wait_for_timeout(3000)
    taken = [at - town.said[event] for event, at in page.evaluate("window.drawn") if event in town.said]
    return {
        "events_per_s": RATE,
        "nodes": NODES,
        "opened": len(town.said) - before,
        "drawn": len(taken),
        "to_screen_ms_median": round(statistics.median(taken) * 1000),
        "to_screen_ms_p95": round(statistics.quantiles(taken, n=20)[-1] * 1000),
        "to_screen_ms_most": round(max(taken) * 1000),
    }


def loads(town: Town, browser: Any) -> dict[str, Any]:
    """First paint with content, and all data on the page, of browsers that open it anew."""
    painted, ready = [], []
    for _ in range(LOADS):
        context = browser.new_context()
        page = context.new_page()
        page.goto(town.address)
        page.wait_for_selector("body[data-ready]")
        ready.append(page.evaluate("performance.now()"))
        painted.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        context.close()
    return {
        "first_paint_ms_median": round(statistics.median(painted)),
        "first_paint_ms_most": round(max(painted)),
        "all_data_ms_median": round(statistics.median(ready)),
        "all_data_ms_most": round(max(ready)),
    }


def sizes(town: Town, page: Page, events: int) -> dict[str, Any]:
    """MiB of the page's heap and of the console's process, after each tenth of the events."""
    heap, console, began = [], [], town.count
    for tenth in range(1, 11):
        goal = began + events * tenth / 10
        for _ in town.speak_at(FAST, float("inf")):
            page.wait_for_timeout(1)
            if town.count >= goal:
                break
        page.wait_for_timeout(3000)
        page.evaluate("window.drawn = []; seen.clear(); gc()")
        heap.append(round(page.evaluate("performance.memory.usedJSHeapSize") / 2**20, 1))
        console.append(round(_rss_mib(town.console), 1))
    return {"fed": town.count - began, "page_heap_mib": heap, "console_mib": console}


def _rss_mib(process: int) -> float:
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(process)], capture_output=True, text=True, check=True)
    return int(told.stdout) / 1024


if __name__ == "__main__":
    main()
