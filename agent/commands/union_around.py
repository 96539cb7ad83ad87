"""What stands around the simulated union: verdicts, exports, the citizens' pages and the report form.

Everything is made by the commands that a real union calls, each with the key of the party that would.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import msgspec

from agent.clock import Clock
from agent.console.archive import Archive
from agent.console.search import Question
from agent.console.sight import Sight
from agent.contract.jws import Signer
from agent.contract.topics import Class, NodeName
from agent.contract.types import AckData, Verdict
from agent.crew import Crew
from agent.errors import BrokerAbsent
from agent.provision.bench import Bench
from agent.provision.keys import load_ring, load_signer
from agent.simulation.nodes import SimulatedNode, hand_over
from agent.simulation.stage import FORM, ROOM, SQUARE, Town
from agent.subscriber.speaker import Speaker, Word
from agent.transport import Acknowledged, Transport
from agent.transport.loopback import HOST, free_port, wait_until_open

EXPORTS = {
    "csv": "events.csv",
    "ngsi-ld": "entities.jsonl",
    "onvif": "onvif.jsonl",
    "home-assistant": "discovery.txt",
    "cap": "alerts.xml",
}
EXPORTED_DAYS = 1.0
SAID: tuple[Verdict, ...] = ("useful", "false", "useful", "received")
"""What the control room says of the latest events, the newest first, before anybody sits down there."""

VISITS = (("centro", "noise"), ("centro", "noise"), ("stazione", "help"), ("stazione", "dark"))
"""What people report by the form."""

AREAS = {"centro": "Centro storico", "stazione": "Stazione", "borgo": "Borgo Durbecco", "scuole": "Scuole"}
AGENT = (sys.executable, "-m", "agent")
TURN_S = 0.25
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """Calls commands of ours; `wait` is what is done meanwhile, again and again."""

    clock: Clock
    wait: Callable[[], None]

    def __call__(self, *arguments: str) -> None:
        """To its end; CalledProcessError where it fails."""
        process = subprocess.Popen([*AGENT, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            self.wait()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, arguments)


def judge(town: Town, bench: Bench, transport: Transport, database: Path, clock: Clock) -> int:
    """Say something of the latest events, as an operator would; how many verdicts the broker handed on."""
    archive = Archive(database, load_ring(bench.ring), Sight(town.union, town.agreements, ROOM))
    latest = archive.events(Question(), at=clock.now())
    archive.close()
    speaker = Speaker(NodeName.parse(ROOM), load_signer(bench.signing_key(ROOM)), clock=clock)
    events = [item for item in latest if item["phase"] == "opened"]
    words = [
        speaker.say(Class.ACK, "verdict", AckData(node=item["node"], event=item["id"], verdict=verdict))
        for item, verdict in zip(events, SAID, strict=False)
    ]
    return _handed_on(transport, words, clock)


def export(town: Town, bench: Bench, database: Path, folder: Path, call: Call) -> None:
    """The same events in the words of other systems, with the operator's signature in the log of accesses."""
    folder.mkdir(exist_ok=True)
    for form, name in EXPORTS.items():
        keys = ("--keys", str(bench.ring), "--signer", str(bench.signing_key(ROOM)), "--union", str(town.folder))
        call("export", form, str(database), *keys, "--days", str(EXPORTED_DAYS), "--out", str(folder / name))


def publish(town: Town, bench: Bench, database: Path, broker: str, call: Call) -> None:
    """The citizens' site and the public counts on the broker, as their publisher would."""
    where = (
        "--db",
        str(database),
        "--out",
        str(town.folder / "public"),
        "--secret",
        str(town.folder / "public.secret"),
    )
    call("public", str(town.folder), *where, "--keys", str(bench.folder), "--broker", broker, "--name", SQUARE)


def open_pages(crew: Crew, town: Town, bench: Bench, port: int, call: Call) -> tuple[str, str]:
    """A report form with a link, and a web server with the citizens' pages; the addresses of both pages."""
    form, site = free_port(), free_port()
    config, pages = town.folder / "form.yaml", town.folder / "public"
    config.write_bytes(msgspec.json.encode(_form(town.folder, bench, port, form)))
    for name, verb in (("form", "form"), ("form-link", "link")):
        crew.add(name, [*AGENT, verb, "--config", str(config)], log=town.folder / f"{name}.log")
    call("form", "--config", str(config), "--page", str(pages / "segnala.html"), "--to", f"http://{HOST}:{form}/report")
    serve = [sys.executable, "-m", "http.server", str(site), "--bind", HOST, "--directory", str(pages)]
    crew.add("citizens", serve, log=town.folder / "citizens.log")
    for number, name in ((form, "form"), (site, "citizens")):
        wait_until_open(number, call.clock, log=town.folder / f"{name}.log")
    visit(f"http://{HOST}:{form}/report", VISITS)
    return f"http://{HOST}:{site}/", f"http://{HOST}:{site}/segnala.html"


def visit(address: str, choices: Sequence[tuple[str, str]]) -> None:
    """People who fill in the form."""
    for area, what in choices:
        body = urlencode({"area": area, "what": what}).encode()
        with urlopen(address, body, timeout=PATIENCE_S) as answer:  # noqa: S310 -- our own, on loopback
            answer.read()


def forge(victim: SimulatedNode, transport: Transport) -> None:
    """Somebody holds the node's certificate and not its signing key."""
    hand_over(transport, SimulatedNode(victim.name, Signer(os.urandom(32)), victim.clock).birth())


def _form(folder: Path, bench: Bench, port: int, listens: int) -> dict[str, object]:
    name, files = NodeName.parse(FORM), bench.tls(FORM)
    return {
        "version": 1,
        "node": {
            "union": name.union,
            "comune": name.comune,
            "id": name.node,
            "signing_key": str(bench.signing_key(FORM)),
            "keyring": str(bench.ring),
        },
        "uplink": {
            "broker": {
                "host": HOST,
                "port": port,
                "ca": str(bench.ca),
                "certificate": str(files.certificate),
                "key": str(files.key),
            }
        },
        "state_dir": str(folder / "form"),
        "form": {
            "title": "Faenza",
            "areas": [{"id": one, "name": title} for one, title in AREAS.items()],
            "port": listens,
        },
    }


def _handed_on(transport: Transport, words: Sequence[Word], clock: Clock) -> int:
    """Publish; BrokerAbsent where the store does not take them."""
    waiting = {transport.publish(str(word.topic), word.token) for word in words}
    until, taken = clock.monotonic() + PATIENCE_S, 0
    while waiting and clock.monotonic() < until:
        for news in transport.poll(TURN_S):
            if isinstance(news, Acknowledged) and news.mid in waiting:
                waiting.discard(news.mid)
                taken += news.delivered
    if waiting:
        raise BrokerAbsent("the broker took no verdict", hint="read broker.log")
    return taken
