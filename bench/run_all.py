"""Every figure of docs/reference/figures.md, one script after the other: what `make bench` runs.

    python bench/run_all.py [--data FOLDER] [NAME...]

Each script's output is shown and its JSON kept in .cache/bench/NAME.json. Scripts that need real data are
left out, and named, where there is none.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from bench.machine import describe, line

HERE = Path(__file__).resolve().parent
KEPT = HERE.parent / ".cache" / "bench"
OURS = {"machine", "run_all"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these scripts, without .py")
    parser.add_argument("--data", type=Path, default=data(), help="folder of real data (PIAZZA_DATA)")
    options = parser.parse_args()
    print(line(describe()), flush=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    outcomes = {name: measure(name, options.data) for name in options.names or scripts()}
    print()
    for name, outcome in outcomes.items():
        print(f"  {name:20} {outcome}")
    return int(any("failed" in outcome for outcome in outcomes.values()))


def scripts() -> list[str]:
    """All scripts that can be called, by name."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in OURS and "__main__" in path.read_text())


def data() -> Path | None:
    """The folder of real data, where there is one."""
    folder = Path(os.environ.get("PIAZZA_DATA") or HERE.parent.parent / "shared" / "data")
    return folder if folder.is_dir() else None


def measure(name: str, folder: Path | None) -> str:
    """Run one script, show and keep what it printed; how it went in a few words."""
    script = [sys.executable, str(HERE / f"{name}.py")]
    known = subprocess.run([*script, "--help"], capture_output=True, text=True, check=False).stdout
    if "--data" in known and folder is None:
        return "left out: needs real data, name its folder with --data or PIAZZA_DATA"
    print(f"\n{name}: {HERE.name}/{name}.py", flush=True)
    began = perf_counter()
    done = subprocess.run([*script, *options(known, folder)], stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, end="", flush=True)
    if done.returncode:
        return f"failed with exit code {done.returncode}"
    (KEPT / f"{name}.json").write_text(done.stdout)
    json.loads(done.stdout)
    return f"{perf_counter() - began:.0f} s"


def options(known: str, folder: Path | None) -> Iterator[str]:
    if "--json" in known:
        yield "--json"
    if "--data" in known:
        yield from ("--data", str(folder))


if __name__ == "__main__":
    raise SystemExit(main())
