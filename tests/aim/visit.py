"""A whole commissioning by a scripted browser: a real node, a real broker and a real control room, the page on a phone.

    python -m tests.aim.visit [--shots FOLDER]

Everything is real but the hardware: the camera is drawn (nobody is in its pictures but drawn figures, and the page shows the
place without them), and supply, heat and clock are files in a folder. The phone opens the name on the label and believes
the union's authority and nobody else. Prints steps, taps and time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import yaml
from playwright.sync_api import Page, expect

from agent.aim.report import Report
from agent.aim.server import AimServer
from agent.clock import SystemClock
from agent.commands.accept import closed
from agent.commands.aim import desk
from agent.commands.facts import Machine
from agent.commissioning import Commissioning
from agent.config import TRIAL
from agent.contract.jws import unb64
from agent.crew import Crew
from agent.provision.ca import Authority, TlsFiles
from agent.provision.enrol_node import Place
from agent.provision.identity import Code
from agent.subscriber.store import Store
from agent.uplink import rights
from tests.aim.legible import Legible
from tests.aim.phone import phone
from tests.brokers.town import NODE, Town, town

CLOCK = SystemClock()
HOST = f"{NODE.node}.local"
"""What the label calls the node."""

PATIENCE_MS = 60_000
HIDDEN = [[0, 0], [1, 0], [1, 1], [0, 1]]
WALKERS = [{"at_s": at_s, "at": [-0.1, 0.8], "does": [{"do": "go", "to": [1.1, 0.8]}]} for at_s in range(5, 1800, 25)]
WORLD = {"start": "2024-05-14T10:00:00+02:00", "duration_s": 1800, "actors": WALKERS}
BOARD = {
    "run/systemd/timesync/synchronized": "",
    "sys/class/hwmon/hwmon0/name": "rpi_volt\n",
    "sys/class/hwmon/hwmon0/in0_lcrit_alarm": "0\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "48300\n",
}
"""What the kernel of a Raspberry Pi shows of itself."""
ALIVE = "ActiveState=active\nLoadState=loaded\nNRestarts=0\nStatusText=\n"


@dataclass
class Site:
    """A node that hangs on a pole, as far as files and processes go."""

    folder: Path
    town: Town
    crew: Crew = field(default_factory=lambda: Crew(CLOCK))
    code: Code = field(default_factory=Code)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def runtime(self) -> Path:
        return self.root / "run/piazza-sense"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def document(self) -> Path:
        return self.root / "etc/piazza/node.yaml"

    def set_up(self) -> None:
        """What a card, an enrolment and a first boot leave: keys, and a camera that is wholly masked."""
        place, bench = Place(self.root / "etc/piazza"), self.town.bench
        for path, text in BOARD.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)
        for folder in (place.root / "keys", place.root / "aim", place.root / "tls", self.runtime, self.state / "inbox"):
            folder.mkdir(parents=True, exist_ok=True)
        mirror = self.root / str(self.state).lstrip("/")
        mirror.parent.mkdir(parents=True, exist_ok=True)
        mirror.symlink_to(self.state)
        link = bench.tls(str(NODE))
        for source, target in (
            (bench.signing_key(str(NODE)), place.signing), (bench.ring, place.ring), (bench.ca, place.ca),
            (link.certificate, place.certificate("tls")), (link.key, place.key("tls")),
        ):  # fmt: skip
            target.write_bytes(source.read_bytes())
            target.chmod(0o600)
        files = TlsFiles(place.certificate("aim"), place.key("aim"))
        Authority(bench.folder / "ca").server(files, [HOST], at=CLOCK.now(), days=1)
        (place.root / "aim.json").write_bytes(msgspec.json.encode(self.code.lock()))
        (self.folder / "world.yaml").write_text(yaml.safe_dump(WORLD))
        self.document.write_text(yaml.safe_dump(self._config(place)))

    def _config(self, place: Place) -> dict[str, Any]:
        broker = {
            "host": "localhost", "port": self.town.broker.port, "keepalive_s": 5, "ca": str(place.ca),
            "certificate": str(place.certificate("tls")), "key": str(place.key("tls")),
        }  # fmt: skip
        drawn = {"driver": "synthetic", "world": str(self.folder / "world.yaml"), "pace": "timestamps", "fps": 8}
        return {
            "version": 1,
            "node": {
                "union": NODE.union, "comune": NODE.comune, "id": NODE.node, "signing_key": str(place.signing),
                "keyring": str(place.ring),
            },
            "state_dir": str(self.state),
            "uplink": {"broker": broker, "head_s": 5},
            "vision": {"detector": "chroma"},
            "cameras": [{"id": "square", "input": drawn, "view": {"masks": [HIDDEN]}}],
        }  # fmt: skip

    def start(self) -> None:
        """Sense and link, each minded as systemd would; the store and the control room far away."""
        self.town.start("store")
        agent = [sys.executable, "-m", "agent"]
        runtime = {"RUNTIME_DIRECTORY": str(self.runtime)}
        for verb in ("link", "sense"):
            log = self.folder / f"{verb}.log"
            self.crew.add(
                verb, [*agent, verb, "--config", str(self.document)], environment=runtime, log=log, ends=verb == "link"
            )

    def ask(self, *command: str) -> str:
        """A service manager that knows the two processes."""
        running = {f"piazza-{one.name}.service" for one in self.crew.members if one.state != "dead"}
        return ALIVE if any(word in running for word in command) else ""


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A node at work, commissioning open, until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with town(folder / "town") as made:
        one, over = Site(folder, made), threading.Event()
        one.set_up()
        Commissioning(one.runtime).open()
        rights.ask(one.state / "inbox")
        one.start()
        minding = threading.Thread(target=_mind, args=(one.crew, over))
        room = threading.Thread(target=_answer, args=(made, over), daemon=True)
        minding.start()
        room.start()
        try:
            yield one
        finally:
            over.set()
            minding.join()
            one.crew.end_all()


def _mind(crew: Crew, over: threading.Event) -> None:
    while not over.wait(0.1):
        crew.look()


def _answer(made: Town, over: threading.Event) -> None:
    """The control room: an operator who says `received` to every test event that the store has."""
    answered: set[str] = set()
    common = ["--broker", f"localhost:{made.broker.port}", "--keys", str(made.bench.folder)]
    while not over.wait(0.2):
        for event in {one["correlationid"] for one in told(made, "evt") if one["data"]["rule"] == TRIAL} - answered:
            answered.add(event)
            ack = [sys.executable, "-m", "agent", "command", "ack", str(NODE), event, "received", *common]
            done = subprocess.run(ack, capture_output=True, text=True, check=False)
            print(f"control room: {done.stdout}{done.stderr}", end="", file=sys.stderr)


def told(made: Town, klass: str) -> list[dict[str, Any]]:
    """What the store has of a class."""
    if not made.stored():
        return []
    store = Store(made.database)
    try:
        payloads = [json.loads(unb64(token.split(".")[1])) for _, token in store.tokens(str(NODE))]
    finally:
        store.close()
    return [one for one in payloads if one["type"].startswith(f"piazza.{klass}.")]


def audits(made: Town) -> list[tuple[str, str]]:
    """The node's own acts: action and outcome."""
    return [(one["data"]["action"], one["data"].get("outcome", "")) for one in told(made, "audit")]


@contextmanager
def page_of(one: Site) -> Iterator[str]:
    """The page of commissioning of this node, served as `piazza aim serve` does; its address with the label's code."""
    place = Place(one.root / "etc/piazza")
    made = desk(one.root, place, CLOCK)
    made.facts = Machine(one.root, ask=one.ask).facts
    with AimServer(("127.0.0.1", 0), TlsFiles(place.certificate("aim"), place.key("aim")), made) as server:
        serving = threading.Thread(target=server.run)
        serving.start()
        try:
            yield f"https://{HOST}:{server.server_port}/#{one.code.text}"
        finally:
            made.finished = True
            serving.join()


@dataclass
class Thumb:
    """Who taps on the phone, and counts."""

    page: Page
    shots: Path | None = None
    taps: int = 0
    taken: list[str] = field(default_factory=list)
    legible: Legible = field(default_factory=Legible)

    def tap(self, selector: str) -> None:
        self.page.locator(selector).scroll_into_view_if_needed()
        self.page.tap(selector)
        self.taps += 1

    def type(self, selector: str, text: str) -> None:
        """A field is touched, and each of its characters."""
        self.page.fill(selector, text)
        self.taps += 1 + len(text)

    def touch(self, *points: tuple[float, float]) -> None:
        """Points of the picture, in fractions of it."""
        canvas = self.page.locator("#canvas")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box
        for x, y in points:
            canvas.tap(position={"x": x * box["width"], "y": y * box["height"]})
            self.taps += 1

    def sees(self, step: str, state: str = "ok") -> None:
        expect(self.page.locator(f"[data-step={step}].{state}")).to_be_visible(timeout=PATIENCE_MS)

    def shoot(self, name: str, above: str) -> None:
        """The screen as it is with `above` near its top, measured and, where a folder was given, kept."""
        self.legible.look(self.page)
        if self.shots:
            self.page.locator(above).evaluate(
                "one => window.scrollTo(0, one.getBoundingClientRect().top + scrollY - 60)"
            )
            path = self.shots / f"visit-{len(self.taken) + 1:02d}-{name}.png"
            self.page.screenshot(path=path)
            self.taken.append(path.name)


def walk_through(thumb: Thumb) -> None:
    """Every step of the guide, in its order."""
    page = thumb.page
    page.wait_for_selector("[data-step=power]", timeout=PATIENCE_MS)
    thumb.shoot("opened", "#node")
    thumb.tap("#load")
    for step in ("network", "clock", "identity", "rights", "camera"):
        thumb.sees(step)
    # The page's policy lets nobody evaluate in it, so Playwright cannot wait inside.
    for _ in range(PATIENCE_MS // 100):
        if page.evaluate("background !== null"):
            break
        page.wait_for_timeout(100)
    thumb.tap("[data-step=aim] [data-ok]")
    thumb.sees("aim")
    thumb.shoot("aim", "#camera")
    thumb.sees("focus")
    thumb.shoot("focus", "[data-step=aim]")
    thumb.tap("[data-tool=lengths]")
    for left, row in ((0.46, 0.45), (0.38, 0.95)):
        thumb.touch((left, row), (1 - left, row))
        thumb.type("#metres", "2")
        thumb.tap("#set")
    thumb.sees("scale")
    thumb.shoot("scale", "#camera")
    thumb.tap("[data-tool=masks]")
    thumb.touch((0.05, 0.05), (0.35, 0.05), (0.35, 0.3), (0.05, 0.3), (0.06, 0.06))
    thumb.tap("[data-tool=zones]")
    thumb.touch((0.15, 0.45), (0.85, 0.45), (0.85, 0.97), (0.15, 0.97), (0.16, 0.46))
    thumb.tap("#save")
    thumb.sees("zones")
    thumb.shoot("zones", "#camera")
    thumb.sees("masks")
    thumb.sees("sensors")
    thumb.tap("#walk")
    expect(page.locator("[data-step=walk] .number")).to_have_text("1 of 1 found", timeout=PATIENCE_MS)
    thumb.tap("#walked")
    thumb.sees("walk")
    thumb.shoot("walk", "[data-step=sensors]")
    thumb.tap("[data-say=test]")
    thumb.sees("event")
    thumb.shoot("event", "[data-step=walk]")
    thumb.sees("night", "later")
    for step in ("power", "heat"):
        thumb.sees(step)
    thumb.shoot("load", "#node")
    thumb.tap("#finish")
    expect(page.locator("#over")).to_be_visible(timeout=PATIENCE_MS)
    thumb.shoot("done", "#node")


@dataclass(frozen=True)
class Outcome:
    """What a visit came to."""

    report: Report
    taps: int
    seconds: float
    shots: list[str]
    chain: list[tuple[str, str]]
    legible: Legible


def visited(folder: Path, chromium: str, shots: Path | None = None) -> Outcome:
    """One visit, from the label's code to the digest in the chain."""
    with site(folder) as one:
        believes = one.town.bench.ca
        with page_of(one) as address, phone(folder / "phone", chromium, believes=believes, node=HOST) as page:
            began = CLOCK.monotonic()
            page.goto(address)
            thumb = Thumb(page, shots)
            walk_through(thumb)
            seconds = CLOCK.monotonic() - began
        report = msgspec.json.decode((one.runtime / "report.json").read_bytes(), type=Report)
        closed(one.root)
        one.town.wait(lambda: ("accepted", "night-open") in audits(one.town))
        return Outcome(report, thumb.taps, seconds, thumb.taken, audits(one.town), thumb.legible)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shots", type=Path, help="a folder for one picture of each step")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        found = visited(Path(made), shutil.which("chromium") or "", options.shots)
    for step in found.report.steps:
        print(f"{step.state:6} {step.id:9} {step.number[0]}")
    print(f"accepted: {found.report.accepted}; {found.taps} taps; {found.seconds / 60:.1f} min")
    print(found.chain)
