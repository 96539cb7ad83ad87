"""How long an update takes and what it costs: a configuration, a model of 5 MB, and a look that finds nothing.

A real node (sense, link and the update process) on mosquitto with TLS on this machine. `push` counts from
the start of `piazza ota publish` until the update process says that the update is kept, or put back, each with its
usual options; it contains 15 s in which the node must show that it runs, or the 75 s after which one that has not
goes back. The model counts from the node's wish for its chunks until the last one lies in its inbox; once as it is,
once with link killed (-9) again and again meanwhile. Memory is the largest of the update process at a model of 5 MB
and at the largest order that there may be, CPU that of a look that finds nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from agent.ota.bundle import MAX_RELEASE_BYTES
from bench.machine import ordinary, show
from tests.commands.places import CLOCK, wait
from tests.ota.place import WIDER, Whole, whole

MODEL_BYTES = 5_000_000
LARGEST = MAX_RELEASE_BYTES - 100_000
KILLS = 5
CHUNK_NAME = 32


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, whole(Path(folder) / "node") as made:
        made.place.start("run", "--config", str(made.folder / "node.yaml"))
        wait((made.place.state / "inbox" / ".link.json").is_file)
        figures["push to kept, s"] = pushed(made, made.config(mask=WIDER), "committed")
        blind = json.loads(made.config(mask=WIDER).read_text())["cameras"]
        blind[0]["input"] |= {"fps": 0.001}
        config = made.config(mask=WIDER, cameras=blind)
        figures["push to put back, s"] = pushed(made, config, "rolled-back")
        figures |= idle(made)
        for name, size in (("a model of 5 MB", MODEL_BYTES), ("the largest order", LARGEST)):
            files = {"model.tflite": random.Random(1).randbytes(size)}
            made.order(made.config(mask=WIDER, name="again.yaml"), files=files)
            assert made.publish().returncode == 0
            figures[f"update process at work, {name}, MiB"] = memory(made)
    for kills in (0, KILLS):
        with tempfile.TemporaryDirectory() as folder, whole(Path(folder) / "node") as made:
            said = f", link killed {kills} times" if kills else ""
            figures[f"model of 5 MB{said}, s"] = carried(made, kills=kills)
    show(figures, as_json=options.json)
    return 0


def pushed(made: Whole, config: Path, phase: str, *options: str) -> float:
    """Seconds from the publisher's start to the end of the update on the node."""
    made.order(config)
    began = perf_counter()
    published = made.publish()
    assert published.returncode == 0, published.stderr
    applied = made.apply(*options)
    assert phase in applied.stdout, applied.stdout + applied.stderr
    return round(perf_counter() - began, 1)


def idle(made: Whole) -> dict[str, Any]:
    """What one more look costs when there is nothing new; its memory holds python-tuf and the configuration too."""
    made.apply()
    command = [sys.executable, "-m", "agent", "ota", "apply", "--config", str(made.folder / "node.yaml")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=False, env=ordinary(), capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return {"a look that finds nothing, CPU s": round(cpu_s, 2)}


def memory(made: Whole) -> float:
    """The largest resident set of an update process that judges, takes in and commits, in MiB."""
    command = [sys.executable, "-m", "agent", "ota", "apply", "--config", str(made.folder / "node.yaml")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ordinary())
    most = 0.0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        most = max([most, *(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))])
        CLOCK.sleep(0.05)
    return round(most, 1)


def carried(made: Whole, *, kills: int) -> float:
    """Seconds from the wish to the last chunk of a model."""
    made.order(made.config(mask=WIDER), files={"model.tflite": random.Random(1).randbytes(MODEL_BYTES)})
    assert made.publish().returncode == 0
    link = made.place.start("link", "--config", str(made.folder / "node.yaml"))
    inbox = made.place.state / "inbox" / "ota"
    wait((inbox / "bundle").is_file)
    made.piazza("ota", "check", "--config", str(made.folder / "node.yaml"))
    began = perf_counter()
    needed = len((made.ota / "wishes").read_text().split())
    for _ in range(kills):
        CLOCK.sleep(0.15)
        link.kill()
        link.wait()
        link = made.place.start("link", "--config", str(made.folder / "node.yaml"))
    wait(lambda: sum(1 for path in inbox.iterdir() if len(path.name) == CHUNK_NAME) >= needed, at_most_s=60.0)
    return round(perf_counter() - began, 2)


if __name__ == "__main__":
    raise SystemExit(main())
