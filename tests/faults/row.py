"""What the rows of the fault matrix share: `--count`, `--seed`, counts printed in one line."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where files lie whose disk is only imagined: real syncs would cost time and show nothing."""

Counts = Mapping[str, int]
"""What was done and what went wrong; the targets of a row are counts that must be zero."""


def main(name: str, run: Callable[..., Counts], *, count: int, targets: tuple[str, ...]) -> int:
    """The command of a row: 1 when a count that must be zero is not."""
    parser = argparse.ArgumentParser(description=name)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    began = perf_counter()
    counts = run(count=options.count, seed=options.seed)
    seconds = round(perf_counter() - began, 1)
    if options.json:
        print(json.dumps({"row": name, **counts, "seed": options.seed, "seconds": seconds}))
    else:
        print(f"{line(name, counts)} (seed {options.seed}, {seconds} s)")
    return 1 if any(counts[target] for target in targets) else 0


def line(name: str, counts: Counts) -> str:
    """One line for a person: the row, then each count with its name."""
    return f"{name}: " + ", ".join(f"{value} {key.replace('_', ' ')}" for key, value in counts.items())
