"""`make faults`: every row of the fault matrix that stands here, each in a process of its own, and a table at the end.

    python -m tests.faults.run [--count N] [--seed N] [--only NAME ...] [--share F]

Each row runs at its own CI count; `--share 0.1` runs a tenth of it, and what a row then prints is what it did. Ends with 1
when a count that must be zero is not, or a row did not end well. A row that lacks a tool says so and is not counted as held.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

FOLDER = Path(__file__).resolve().parent
CHECKOUT = FOLDER.parent.parent
TIMEOUT_S = 1200.0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one row."""

    row: str
    code: int
    seconds: float
    counts: dict[str, Any] = field(default_factory=dict)
    said: str = ""

    @property
    def word(self) -> str:
        return "holds" if self.code == 0 else "FAILS" if self.counts else "DID NOT RUN"


def rows() -> list[str]:
    """Names of the modules that are rows, in the order of the matrix."""
    return sorted(path.stem for path in FOLDER.glob("f[0-9][0-9]_*.py"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, help="for every row, instead of its own")
    parser.add_argument("--share", type=float, default=1.0, help="of each row's own count")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="rows whose name contains one of these")
    options = parser.parse_args()
    chosen = [row for row in rows() if not options.only or any(word in row for word in options.only)]
    results = []
    for row in chosen:
        results.append(ran(row, _counted(row, options), options.seed))
        print(_line(results[-1]), flush=True)
    print(table(results))
    return 1 if any(result.code for result in results) else 0


def ran(row: str, count: int | None, seed: int) -> Result:
    """One row in a process of its own."""
    command = [sys.executable, "-m", f"tests.faults.{row}", "--json", "--seed", str(seed)]
    command += ["--count", str(count)] if count is not None else []
    began = perf_counter()
    try:
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return Result(row, 124, perf_counter() - began, said=f"not within {TIMEOUT_S:.0f} s")
    last = done.stdout.strip().rpartition("\n")[2]
    counts = json.loads(last) if last.startswith("{") else {}
    return Result(row, done.returncode, perf_counter() - began, counts, said=done.stderr.strip().rpartition("\n")[2])


def table(results: list[Result]) -> str:
    """A row for each, as Markdown, for docs/reference/figures.md."""
    lines = ["| row | counts | seed | s | |", "|---|---|---|---|---|"]
    for one in results:
        counts = dict(one.counts)
        name, seed = counts.pop("row", one.row), counts.pop("seed", "")
        counts.pop("seconds", None)
        said = ", ".join(f"{value} {key.replace('_', ' ')}" for key, value in counts.items()) or one.said
        lines.append(f"| {name} | {said} | {seed} | {one.seconds:.0f} | {one.word} |")
    return "\n".join(lines)


def _counted(row: str, options: argparse.Namespace) -> int | None:
    """The count to run a row at; None for its own."""
    if options.count is not None:
        return int(options.count)
    if options.share == 1.0:
        return None
    own = re.search(r"count=([\d_]+)", (FOLDER / f"{row}.py").read_text().rpartition("__main__")[2])
    return max(1, round(int(own[1]) * options.share)) if own else None


def _line(result: Result) -> str:
    return f"{result.word:11} {result.row} ({result.seconds:.0f} s) {'' if result.code == 0 else result.said}".rstrip()


if __name__ == "__main__":
    raise SystemExit(main())
