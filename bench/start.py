"""How soon and how cheaply things start: the command, each verb, and the two processes of a node.

`sense` counts until its first frame was looked at by the detector, `link` until it begins to carry, which
needs no broker; both say so to the service manager, whose part is played here. CPU time is that of all threads.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from agent.cli import VERBS
from agent.clock import SystemClock
from agent.provision.bench import Bench
from bench.machine import alternate, ordinary, show, spend
from tests.brokers.mosquitto import Mosquitto

NODE = "bench/bench/n-1"
WATCHER = "bench/bench/watcher"
PIAZZA = str(Path(sys.executable).with_name("piazza"))
MODELS = {"PIAZZA_MODELS": str(Path("models").resolve())}
PATIENCE_S = 60.0
SAID = {"sense": b"READY=1", "link": b"STATUS=connected"}
"""What each says when it has done the first of its work; link is ready before, broker or not."""
CONFIG = """
version: 1
node: {{union: bench, comune: bench, id: n-1, signing_key: {keys.signing}, keyring: {keys.ring}}}
state_dir: {folder}/state
uplink:
  broker: {{host: localhost, port: {port}, ca: {keys.ca}, certificate: {keys.certificate}, key: {keys.key}}}
cameras:
  - id: street
    input: {{driver: video, source: {clip}}}
    view:
      masks: []
      zones: [{{id: all, polygon: [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]}}]
"""


@dataclass(frozen=True)
class Keys:
    """Paths of what the node of this bench holds."""

    signing: Path
    ring: Path
    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True)
class Started:
    """What a process had taken when it said that it was ready."""

    wall_s: float
    cpu_s: float
    rss_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--rounds", type=int, default=15, help="of the command; the processes take a third")
    parser.add_argument(
        "--package", type=Path, help="measure only this: sense of a built package, its modules compiled or not"
    )
    parser.add_argument("--clip", type=Path, default=Path(".cache/vtest.avi"), help="what sense looks at")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, node(Path(folder), options.clip.resolve()) as config:
        rounds = max(1, options.rounds // 3)
        figures = (
            packaged(config, options.package.resolve(), rounds)
            if options.package
            else {
                "command": command(options.rounds),
                "verbs_cpu_ms": verbs(rounds),
                "processes": processes(config, rounds),
            }
        )
    show(figures, as_json=options.json)


def command(rounds: int) -> dict[str, Any]:
    """CPU time of `piazza --version` beside that of an interpreter that does nothing, in turn."""

    def bare() -> float:
        return spend([sys.executable, "-c", "pass"]).cpu_s

    def version() -> float:
        return spend([PIAZZA, "--version"]).cpu_s

    found = alternate(bare, version, rounds=rounds)
    return {
        "bare_python_cpu_ms": round(1000 * found.a, 1),
        "piazza_version_cpu_ms": round(1000 * found.b, 1),
        "ratio": round(found.ratio, 2),
        "rounds": found.rounds,
    }


def verbs(rounds: int) -> dict[str, float]:
    """CPU time until a verb has loaded what it needs and could begin, in ms."""
    return {
        verb: round(1000 * median(spend([PIAZZA, verb, "--help"]).cpu_s for _ in range(rounds)), 1) for verb in VERBS
    }


def processes(config: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Medians for sense and link, started in turn."""
    found: dict[str, list[Started]] = {"sense": [], "link": []}
    for _ in range(rounds):
        for verb, all_of_it in found.items():
            all_of_it.append(until(SAID[verb], [PIAZZA, verb, "--config", str(config)], config.parent))
    return {
        verb: {
            "wall_s": round(median(one.wall_s for one in rows), 2),
            "cpu_s": round(median(one.cpu_s for one in rows), 2),
            "rss_mb": round(median(one.rss_mb for one in rows), 1),
        }
        for verb, rows in found.items()
    }


def packaged(config: Path, package: Path, rounds: int) -> dict[str, float]:
    """CPU time of sense of a package whose modules are compiled, as its installation does it, and not, in turn.

    Nothing is written meanwhile, as in the units; the models are this checkout's, the standard library is compiled.
    """
    folder = config.parent / "unpacked"
    subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
    bare = folder / "usr/lib/piazza/site"
    compiled = bare.with_name("compiled")
    subprocess.run(["cp", "-al", str(bare), str(compiled)], check=True)
    # As at installation: a file that cannot be compiled is not worth an end.
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(compiled)], check=False)

    def start(site: Path) -> float:
        code = f"import sys; sys.path.insert(0, {str(site)!r}); from agent.cli import command; command()"
        command = [sys.executable, "-I", "-B", "-c", code, "sense", "--config", str(config)]
        return until(SAID["sense"], command, config.parent).cpu_s

    found = alternate(lambda: start(compiled), lambda: start(bare), rounds=rounds)
    return {
        "compiled_cpu_s": round(found.a, 2),
        "not_compiled_cpu_s": round(found.b, 2),
        "ratio": round(found.ratio, 2),
        "rounds": found.rounds,
    }


def until(said: bytes, command: list[str], folder: Path) -> Started:
    """Start a service, wait for a word of it to the service manager, note what it took, and end it."""
    address = folder / "notify"
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(PATIENCE_S)
        began = perf_counter()
        process = subprocess.Popen(
            command, env={**ordinary(), **MODELS, "NOTIFY_SOCKET": str(address)}, stderr=subprocess.PIPE
        )
        try:
            while said not in manager.recv(4096):
                pass
            return Started(perf_counter() - began, cpu_s(process.pid), rss_mb(process.pid))
        except TimeoutError:
            process.kill()
            raise SystemExit((process.stderr.read() if process.stderr else b"").decode()) from None
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)


def cpu_s(pid: int) -> float:
    """User and system time of all threads so far (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """The largest resident set so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def node(folder: Path, clip: Path) -> Iterator[Path]:
    """The configuration of a node with keys of its own and a mosquitto that takes it over TLS."""
    with placed(folder, clip) as (config, _):
        yield config


@contextmanager
def placed(folder: Path, clip: Path) -> Iterator[tuple[Path, Mosquitto]]:
    """The same, and its broker, to which WATCHER may listen."""
    at = SystemClock().now()
    bench = Bench.make(folder / "keys", at=at)
    bench.add_signer("node", NODE, at=at)
    bench.add_reader(WATCHER, at=at)
    tls = bench.tls(NODE)
    keys = Keys(bench.signing_key(NODE), bench.ring, bench.ca, tls.certificate, tls.key)
    broker = Mosquitto(folder, bench, {NODE: ("readwrite piazza/v1/#",), WATCHER: ("read piazza/v1/#",)})
    broker.start()
    try:
        path = folder / "node.yaml"
        path.write_text(CONFIG.format(keys=keys, folder=folder, port=broker.port, clip=clip))
        yield path, broker
    finally:
        broker.stop()


if __name__ == "__main__":
    main()
