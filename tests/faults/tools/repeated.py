"""Is a simulation the same each time? Every seed is run twice, in two interpreters whose hashes of text differ.

    for one in repeated(simulate, seeds=range(1, 4)):
        assert one.same, f"seed {one.seed} is not deterministic"

`simulate(seed)` gives the digest of everything that happened, and whatever else is wanted of it. That it depends on nothing but
the seed is what lets a failure be looked at again: no clock, no order of a set, no name of a temporary folder in it.
"""

from __future__ import annotations

import multiprocessing
import os
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
    """Each seed in the order given, in `jobs` processes at once, two at least; as many as there are processors without it."""
    spawned = multiprocessing.get_context("spawn")  # each interpreter draws its own salt for hashes
    half = max(1, (jobs or os.cpu_count() or 1) // 2)
    with ProcessPoolExecutor(half, spawned) as these, ProcessPoolExecutor(half, spawned) as those:
        twice = zip(seeds, these.map(simulate, seeds), those.map(simulate, seeds), strict=True)
        for seed, (first, found), (second, _) in twice:
            yield Repeat(seed, first == second, first, found)
