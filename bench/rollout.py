"""How many nodes a bad release touches, and how often a good one is stopped: our rule beside those of others.

The nodes are those of row F17: 600 of six comuni, bad on 20 % of them, or good with 0.5 % failing for
reasons of their own. The others' rules are imitated from their documentation, each as close to ours as
its settings allow; none of their software runs here.

- hawkBit: groups that begin when the one before has succeeded, stopped by an error threshold of 5 % of a group.
- AWS IoT Jobs: a rate of new nodes a minute, aborted at 5 % failures of the nodes reached, after 6 at least;
  50 a minute is the example of its documentation, 1 a minute the slowest that it takes.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

from agent.ota.rollout import Stage, Told
from bench.machine import show
from tests.faults.f17_rollout import BAD_LUCK, BUG, MINUTE_S, NODES, RULES, answer, rolled

GROUPS = (6, 24, 120, 450)
SHARE = 0.05
LEAST = 6

Rule = Callable[[random.Random, float], tuple[int, bool]]
"""Nodes touched, and whether it was stopped."""


def ours(randomness: random.Random, chance: float) -> tuple[int, bool]:
    ended = rolled(randomness, chance=chance)
    return len(ended.touched), ended.stage is Stage.STOPPED


def hawkbit(randomness: random.Random, chance: float) -> tuple[int, bool]:
    """A group begins as a whole; more failures than the threshold of it end everything."""
    touched = 0
    for size in GROUPS:
        touched += size
        if sum(fails(randomness, chance)[1] for _ in range(size)) > SHARE * size:
            return touched, True
    return touched, False


def jobs(per_minute: int) -> Rule:
    """So many new nodes each minute, whatever the others say, until the failures that are known are too many."""

    def rule(randomness: random.Random, chance: float) -> tuple[int, bool]:
        known: list[float] = []
        touched = minute = 0
        while touched < NODES:
            for _ in range(min(per_minute, NODES - touched)):
                after, failed = fails(randomness, chance)
                known += [minute * MINUTE_S + after] if failed else []
                touched += 1
            minute += 1
            bad = sum(at <= minute * MINUTE_S for at in known)
            if touched >= LEAST and bad > SHARE * touched:
                return touched, True
        return touched, False

    return rule


def fails(randomness: random.Random, chance: float) -> tuple[float, bool]:
    """When a node answers and whether it has failed; silence is known when patience ends."""
    after, said = answer(randomness, chance)
    if said is None:
        return RULES.patience_s, True
    return after, said != Told("new", 1, "committed")


def measured(rule: Rule, *, count: int) -> str:
    randomness = random.Random(1)
    bad = [rule(randomness, BUG)[0] for _ in range(count)]
    stops = sum(rule(randomness, BAD_LUCK)[1] for _ in range(count))
    return (
        f"touched median {median(bad):g}, p95 {quantiles(bad, n=20)[-1]:.0f}, most {max(bad)}; "
        f"good ones stopped {stops / count:.1%}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args()
    rules: dict[str, Rule] = {
        "Piazza": ours,
        "hawkBit, groups of 6, 24, 120 and 450": hawkbit,
        "AWS IoT Jobs, 50 a minute": jobs(50),
        "AWS IoT Jobs, 1 a minute": jobs(1),
    }
    figures: dict[str, Any] = {name: measured(rule, count=options.count) for name, rule in rules.items()}
    show(figures, as_json=options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
