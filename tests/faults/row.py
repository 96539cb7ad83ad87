"""What the rows of the fault matrix share: how much is asked for, in which parts it is done, what is printed.

A row that gives a `part` is done in parts of that size, each with a seed of its own that follows from `--seed`; so the
same count and seed come to the same result in one process or in many (`--jobs`), and a run that was ended goes on
where it was (`--kept FILE`).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from time import perf_counter

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where files lie whose disk is only imagined: real syncs would cost time and show nothing."""

Counts = Mapping[str, int]
"""What was done, first of all, and what went wrong; the targets of a row are counts that must be zero."""

Run = Callable[..., Counts]
Part = tuple[int, int]
"""Seed and count."""


def main(
    name: str,
    run: Run,
    *,
    count: int,
    targets: tuple[str, ...],
    long: int | None = None,
    part: int | None = None,
    same: Collection[str] = (),
) -> int:
    """The command of a row: 1 when a count that must be zero is not.

    `count` is the CI column's, `long` the long column's; `same` names counts that are no sums, alike in every part.
    """
    options = _parser(name).parse_args()
    asked = _asked(options, count, long)
    began = perf_counter()
    if part is None:
        counts = run(count=asked, seed=options.seed)
    else:
        kept = Kept(name, options.kept)
        counts = together(done(run, parts(asked, part, options.seed), kept, jobs=options.jobs), name, asked, same)
    seconds, wrong = round(perf_counter() - began, 1), sum(counts[target] for target in targets)
    if options.json:
        print(json.dumps({"row": name, **counts, "seed": options.seed, "seconds": seconds, "wrong": wrong}))
    else:
        print(f"{line(name, counts)} (seed {options.seed}, {seconds} s)")
    return 1 if wrong else 0


def line(name: str, counts: Counts) -> str:
    """One line for a person: the row, then each count with its name."""
    return f"{name}: " + ", ".join(f"{value} {key.replace('_', ' ')}" for key, value in counts.items())


def parts(count: int, size: int, seed: int) -> Iterator[Part]:
    """A count in parts; the seed of each is the first seed and what was counted before it."""
    for first in range(0, count, size):
        yield seed + first, min(size, count - first)


class Kept:
    """Parts that are done, in a file of JSON lines, so that they need not be done again; without a path nowhere."""

    def __init__(self, name: str, path: Path | None) -> None:
        self._name = name
        self._path = path
        self._known: dict[Part, Counts] = {}
        if path is not None and path.exists():
            for text in path.read_text().splitlines():
                row, seed, count, counts = json.loads(text)
                if row == name:
                    self._known[seed, count] = counts

    def find(self, part: Part) -> Counts | None:
        return self._known.get(part)

    def keep(self, part: Part, counts: Counts) -> None:
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps([self._name, *part, counts]) + "\n")


def done(run: Run, wanted: Iterator[Part], kept: Kept, *, jobs: int) -> Iterator[Counts]:
    """What each part came to, in their order; those that are kept already at once."""
    waiting, found = [], []
    for one in wanted:
        counts = kept.find(one)
        waiting += [one] if counts is None else []
        found += [] if counts is None else [counts]
    yield from found
    with ExitStack() as stack:
        each: Iterator[Counts] = map(partial(_one, run), waiting)
        if jobs > 1 and len(waiting) > 1:
            spawned = multiprocessing.get_context("spawn")
            pool = stack.enter_context(ProcessPoolExecutor(min(jobs, len(waiting)), mp_context=spawned))
            each = pool.map(partial(_one, run), waiting)
        for one, counts in zip(waiting, each, strict=True):
            kept.keep(one, counts)
            yield counts


def together(found: Iterator[Counts], name: str, asked: int, same: Collection[str]) -> Counts:
    """The sums of all parts; says on the way how far it is, for whoever waits."""
    total, began = Counter[str](), perf_counter()
    for number, counts in enumerate(found, start=1):
        for key, value in counts.items():
            total[key] = value if key in same else total[key] + value
        first = next(iter(total.values()))
        if number > 1 or first < asked:
            print(f"{name}: {first} of {asked}, {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return total


def _one(run: Run, part: Part) -> Counts:
    seed, count = part
    return run(count=count, seed=seed)


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=name)
    parser.add_argument("--count", type=int, help="instead of the CI column's")
    parser.add_argument("--long", action="store_true", help="the long column's count")
    parser.add_argument("--share", type=float, default=1.0, help="of the column's count")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes at once, for a row that can be divided")
    parser.add_argument("--kept", type=Path, help="file of parts that are done, to go on from")
    parser.add_argument("--json", action="store_true")
    return parser


def _asked(options: argparse.Namespace, count: int, long: int | None) -> int:
    if options.count is not None:
        return int(options.count)
    column = long or count if options.long else count
    return max(1, round(column * float(options.share)))
