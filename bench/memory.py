"""What each service of a node takes of the memory, beside what its unit may take.

    python bench/memory.py [--seconds N] [--json]

Real processes on mosquitto with TLS: sense with the shipped detector on a drawn camera (640x480), link with a session, an update that is brought,
tried and kept, the page of commissioning while a phone asks it for its state, the doctor, a new node that enrols at an authority, and
one that asks for a renewal until nobody has answered for a while. Peak is the most that was ever
resident (VmHWM); PSS counts a page that several share by its share, at the end.
"""

from __future__ import annotations

import argparse
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from agent.clock import SystemClock
from agent.commissioning import Commissioning
from agent.contract.topics import NodeName
from agent.provision.ca import Authority, TlsFiles
from agent.provision.enrol_desk import Desk
from agent.provision.enrol_node import Place
from agent.provision.identity import Code, Ticket
from bench.machine import show
from tests.commands.places import wait
from tests.ota.place import WIDER, Whole, whole

UNITS = Path(__file__).parents[1] / "systemd"
CLOCK = SystemClock()
MB = 1024.0
LOOK_S = 0.02
ASK_S = 5.0


def bound(service: str) -> int:
    """The most that its unit lets it have, in megabytes."""
    text = (UNITS / f"piazza-{service}.service").read_text(encoding="ascii")
    return int(re.findall(r"^MemoryMax=(\d+)M$", text, re.MULTILINE)[0])


def child(of: int, verb: str) -> int:
    """The process with this verb that `piazza run` has started; 0 while there is none."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == of and verb.encode() in words[:5]:
            return int(entry.name)
    return 0


def peak_mb(pid: int) -> float:
    return _kb(Path(f"/proc/{pid}/status"), "VmHWM") / MB


def pss_mb(pid: int) -> float:
    return _kb(Path(f"/proc/{pid}/smaps_rollup"), "Pss") / MB


def _kb(file: Path, name: str) -> int:
    return int(re.findall(rf"^{name}:\s+(\d+) kB$", file.read_text(), re.MULTILINE)[0])


def ended_mb(made: Whole, *arguments: str) -> float:
    """The peak of a command of the node that ends by itself, looked at until it does.

    What the kernel tells of a process that has ended counts its parent's pages too, from before it became a program of its own.
    """
    peak, running = (
        0.0,
        subprocess.Popen([sys.executable, "-m", "agent", *arguments], cwd=made.folder, stdout=subprocess.DEVNULL),
    )
    while running.poll() is None:
        with suppress(OSError, IndexError):  # it has just ended
            words = Path(f"/proc/{running.pid}/cmdline").read_bytes().split(b"\0")
            peak = max(peak, peak_mb(running.pid)) if words[3:4] == [arguments[0].encode()] else peak
        CLOCK.sleep(LOOK_S)
    return peak


@contextmanager
def page(made: Whole, root: Path) -> Iterator[tuple[int, str, str]]:
    """`piazza aim serve` of this node: its process, its address and the code of its label."""
    place, code = Place(root / "etc/piazza"), Code()
    (place.root / "aim").mkdir(parents=True)
    (place.root / "keys").mkdir()
    shutil.copy(made.place.bench.ring, place.ring)
    files = TlsFiles(place.certificate("aim"), place.key("aim"))
    Authority(made.folder / "keys/ca").server(files, ["localhost"], at=CLOCK.now(), days=1)
    shutil.copy(made.folder / "node.yaml", place.root / "node.yaml")
    (place.root / "aim.json").write_bytes(msgspec.json.encode(code.lock()))
    (root / "run/piazza-sense").mkdir(parents=True)
    Commissioning(root / "run/piazza-sense").open()
    port = made.broker.port + 1
    process = made.place.start("aim", "serve", "--root", str(root), "--listen", "127.0.0.1", "--port", str(port))
    yield process.pid, f"https://localhost:{port}", code.text


def enrolled(made: Whole, etc: Path) -> Iterator[tuple[str, float]]:
    """The peaks of the two that ask for certificates: of a new node, and of one that wants them renewed."""
    port, bench, place = made.broker.port + 2, made.place.bench, Place(etc)
    ticket = Ticket.new(NodeName("romagna", "faenza", "n-0099"), f"localhost:{port}", at=CLOCK.now())
    Desk(bench).expect(ticket, approved=True)
    for file, content in (
        (place.ticket, msgspec.json.encode(ticket)),
        (place.ca, bench.ca.read_bytes()),
        (etc / "node.yaml", (made.folder / "node.yaml").read_bytes()),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    place.signing.parent.mkdir()
    keys = str(bench.folder)
    made.place.start("enrol", "serve", "--keys", keys, "--listen", "127.0.0.1", "--port", str(port))
    wait(lambda: answers(port))
    yield "enrol", ended_mb(made, "enrol", "node", "--etc", str(etc))
    yield "renew", ended_mb(made, "enrol", "renew", "--etc", str(etc), "--wait", str(ASK_S))


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("localhost", port), 1.0):
        return True
    return False


def phone(made: Whole, address: str, code: str) -> None:
    """Enters by the code and asks for the state, as the page does every two seconds."""
    context = ssl.create_default_context(cafile=str(made.place.bench.ca))
    entered = urllib.request.Request(f"{address}/enter", data=msgspec.json.encode(code))
    cookie = ""

    def opens() -> bool:
        nonlocal cookie
        try:
            with urllib.request.urlopen(entered, context=context) as answer:
                cookie = answer.headers["Set-Cookie"].partition(";")[0]
        except OSError:
            return False
        return True

    wait(opens)
    for _ in range(20):
        asked = urllib.request.Request(f"{address}/state", headers={"Cookie": cookie})
        urllib.request.urlopen(asked, context=context).read()


def measured(seconds: float) -> dict[str, str]:
    """Each service once."""
    found = dict[str, str]()
    with tempfile.TemporaryDirectory() as folder, whole(Path(folder) / "node", vision={"detector": "tflite"}) as made:
        config = str(made.folder / "node.yaml")
        crew = made.place.start("run", "--config", config)
        wait(lambda: child(crew.pid, "sense") and child(crew.pid, "link"))
        CLOCK.sleep(seconds)
        for service in ("sense", "link"):
            pid = child(crew.pid, service)
            found[service] = said(service, peak_mb(pid), pss_mb(pid))
        with page(made, Path(folder) / "root") as (pid, address, code):
            phone(made, address, code)
            found["aim"] = said("aim", peak_mb(pid), pss_mb(pid))
        found["health"] = said("health", ended_mb(made, "doctor", "--root", str(Path(folder) / "root")))
        for service, peak in enrolled(made, Path(folder) / "new/etc/piazza"):
            found[service] = said(service, peak)
        made.order(made.config(mask=WIDER, vision={"detector": "tflite"}))
        published = made.piazza("ota", "publish", str(made.union.authority.folder), "--usb", "stick")
        assert published.returncode == 0, published.stderr
        update = ended_mb(made, "ota", "apply", "--config", config, "--usb", "stick", "--proof", "60")
        found["ota"] = said("ota", update)
    return {f"piazza-{service}": text for service, text in found.items()}


def said(service: str, peak: float, pss: float | None = None) -> str:
    also = f", PSS {pss:.0f} MB" if pss is not None else ""
    return f"peak {peak:.0f} MB{also}; MemoryMax {bound(service)} MB"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="how long sense and link work before they are looked at"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    show(measured(options.seconds), as_json=options.json)
