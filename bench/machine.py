"""What the figure scripts share: the machine line, fair comparison of two costs, and printing.

A figure without its machine says nothing, so `describe()` goes into every output. Two costs are
compared in turn within one run, since a shared machine drifts by more than most differences.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.clock import SystemClock

Cost = Callable[[], float]


def describe() -> dict[str, Any]:
    """Processor model, usable cores, date, and the interpreter the figures were made with."""
    return {
        "cpu": _model(Path("/proc/cpuinfo")),
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "date": datetime.fromtimestamp(SystemClock().now(), UTC).date().isoformat(),
    }


def line(machine: Mapping[str, Any]) -> str:
    """The same in one line, as it stands above a table of figures."""
    return "{cpu}, {cores} cores, {machine}, Python {python}, {date}".format(**machine)


def _model(cpuinfo: Path) -> str:
    """The processor's name; a board names itself in the device tree instead."""
    names = [text.partition(":")[2].strip() for text in cpuinfo.read_text().splitlines() if "model name" in text]
    board = Path("/proc/device-tree/model")
    if not names and board.exists():
        names = [board.read_text().rstrip("\0")]
    return names[0] if names else "unknown processor"


@dataclass(frozen=True, slots=True)
class Ratios:
    """Two costs measured in turn: the median of each, and the median of b/a over the rounds."""

    a: float
    b: float
    ratio: float
    rounds: int


def alternate(a: Cost, b: Cost, *, rounds: int) -> Ratios:
    """Measure `a` and `b` in turn, the order changing every round; each gives back its own cost.

    The unit is the callables' own. One unmeasured round of each comes first, to warm caches.
    """
    a(), b()
    pairs = [(a(), b()) if number % 2 else tuple(reversed((b(), a()))) for number in range(rounds)]
    return Ratios(
        a=statistics.median(pair[0] for pair in pairs),
        b=statistics.median(pair[1] for pair in pairs),
        ratio=statistics.median(pair[1] / pair[0] for pair in pairs),
        rounds=rounds,
    )


@dataclass(frozen=True, slots=True)
class Spent:
    """What a finished child process took."""

    cpu_s: float
    rss_mb: float


def ordinary() -> dict[str, str]:
    """The environment without what makes Python compile every module at every start."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def spend(command: Sequence[str]) -> Spent:
    """Run a command to its end; its CPU time, and the largest resident set of any child so far."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=ordinary())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Spent(cpu_s=cpu_s, rss_mb=after.ru_maxrss / 1024)


def show(figures: Mapping[str, Any], *, as_json: bool) -> None:
    """Print figures with the machine they were made on: one JSON object, or lines for a person."""
    machine = describe()
    if as_json:
        print(json.dumps({"machine": machine, **figures}, indent=2))
        return
    print(line(machine))
    for name, value in figures.items():
        print(f"  {name}: {value}")
