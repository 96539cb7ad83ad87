"""`make faults`: every row of the fault matrix that stands here, each in a process of its own, and a table at the end.

    python -m tests.faults.run [--long] [--share F] [--count N] [--seed N] [--only NAME ...] [--jobs N] [--kept FILE]

Each row runs at its CI count, or its long one; `--share 0.1` runs a tenth of it, and what a row then prints is what it did.
Rows that can be divided run in `--jobs` processes, as many as there are processors unless told otherwise. With `--kept` a
run that was ended goes on where it was. Ends with 1 when a count that must be zero is not, or a row did not end well. A
row that lacks a tool says so and is not counted as held.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import IO, Any

from tests.faults import row

FOLDER = Path(__file__).resolve().parent
CHECKOUT = FOLDER.parent.parent
TIMEOUT_S = 3600.0
LONG_TIMEOUT_S = 6 * 3600.0


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

    @property
    def told(self) -> dict[str, int]:
        """The row's own counts."""
        return {key: value for key, value in self.counts.items() if key not in ("row", "seed", "seconds", "wrong")}


def rows() -> dict[str, str]:
    """The modules that are rows, in the order of the matrix, and what each calls itself."""
    found = {path.stem: path.read_text() for path in sorted(FOLDER.glob("f[0-9][0-9]_*.py"))}
    return {module: re.findall(r'row\.main\(\s*"([^"]+)"', text)[-1] for module, text in found.items()}


def main() -> int:
    options = _parser().parse_args()
    chosen = [module for module in rows() if not options.only or any(word in module for word in options.only)]
    results = []
    for module in chosen:
        results.append(ran(module, _passed_on(options), timeout_s=LONG_TIMEOUT_S if options.long else TIMEOUT_S))
        print(_line(results[-1]), flush=True)
    print("\n" + table(results))
    print(f"\n{len(results)} rows in {sum(one.seconds for one in results) / 60:.1f} minutes")
    return 1 if any(result.code for result in results) else 0


def ran(module: str, options: Sequence[str], *, timeout_s: float) -> Result:
    """One row in a process of its own, whose words on the way are passed on."""
    began, last = perf_counter(), ""
    command = [sys.executable, "-m", f"tests.faults.{module}", "--json", *options]
    with (
        tempfile.TemporaryFile("w+") as printed,
        subprocess.Popen(command, cwd=CHECKOUT, stdout=printed, stderr=subprocess.PIPE, text=True) as process,
    ):
        timer = threading.Timer(timeout_s, process.kill)
        timer.start()
        try:
            last = _told(process.stderr)
        finally:
            code = process.wait()
            timer.cancel()
        return Result(module, code, perf_counter() - began, _counts(printed), said=last)


def table(results: Sequence[Result]) -> str:
    """A row for each, as Markdown, for docs/reference/figures.md."""
    lines = ["| row | what | count | seed | wrong | s | |", "|---|---|---|---|---|---|---|"]
    for one in results:
        name, _, what = one.counts.get("row", rows().get(one.row, one.row)).partition(" ")
        first = next(iter(one.told.items()), ("", ""))
        count = f"{first[1]} {first[0].replace('_', ' ')}" if one.told else one.said
        seed, wrong = one.counts.get("seed", ""), one.counts.get("wrong", "")
        lines.append(f"| {name} | {what} | {count} | {seed} | {wrong} | {one.seconds:.0f} | {one.word} |")
    return "\n".join(lines)


def _told(errors: IO[str] | None) -> str:
    """Pass on what a row says; the last of it."""
    last = ""
    for text in errors or ():
        last = text.strip() or last
        print(f"    {text.rstrip()}", file=sys.stderr, flush=True)
    return last


def _counts(printed: IO[str]) -> dict[str, Any]:
    printed.seek(0)
    last = printed.read().strip().rpartition("\n")[2]
    return dict(json.loads(last)) if last.startswith("{") else {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="the long column")
    parser.add_argument("--count", type=int, help="for every row, instead of its own")
    parser.add_argument("--share", type=float, default=1.0, help="of each row's own count")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="rows whose name contains one of these")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes of a row that can be divided")
    parser.add_argument("--kept", type=Path, help="file of parts that are done, to go on from")
    return parser


def _passed_on(options: argparse.Namespace) -> list[str]:
    """What every row is told."""
    told = ["--seed", str(options.seed), "--jobs", str(options.jobs), "--share", str(options.share)]
    told += ["--long"] if options.long else []
    told += ["--count", str(options.count)] if options.count is not None else []
    return [*told, "--kept", str(options.kept.resolve())] if options.kept else told


def _line(result: Result) -> str:
    counts = (
        row.line(result.counts.get("row", result.row), result.told) if result.counts else f"{result.row}: {result.said}"
    )
    return f"{result.word:11} {counts} (seed {result.counts.get('seed', '?')}, {result.seconds:.0f} s)"


if __name__ == "__main__":
    raise SystemExit(main())
