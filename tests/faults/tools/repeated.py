"""Is a simulation the same each time? Every seed is run twice, in two interpreters whose hashes of text differ.

    for one in repeated(simulate, seeds=range(1, 4)):
        assert one.same, f"seed {one.seed} is not deterministic"

`simulate(seed)` gives the digest of everything that happened, and whatever else is wanted of it. That it depends on nothing but
the seed is what lets a failure be looked at again: no clock, no order of a set, no name of a temporary folder in it.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

Simulate = Callable[[int], tuple[str, Any]]
"""A function of a module: seed -> (digest, found)."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """One seed, run twice; `found` is of the first run."""

    seed: int
    same: bool
    digest: str
    found: Any


def repeated(simulate: Simulate, *, seeds: Sequence[int], jobs: int | None = None) -> Iterator[Repeat]:
    """Each seed in the order given, in `jobs` processes at once, as many as there are processors without it."""
    spawned = multiprocessing.get_context("spawn")  # each interpreter draws its own salt for hashes
    twice = [seed for seed in seeds for _ in range(2)]
    with ProcessPoolExecutor(jobs, mp_context=spawned, max_tasks_per_child=1) as pool:
        runs = pool.map(simulate, twice)
        for seed in seeds:
            (first, found), (second, _) = next(runs), next(runs)
            yield Repeat(seed, first == second, first, found)
