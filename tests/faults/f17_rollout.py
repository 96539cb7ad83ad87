"""F17: releases that are bad on a fifth of all nodes, and good ones, rolled out to 600 nodes of six comuni.

    python -m tests.faults.f17_rollout [--count N] [--seed N] [--json]

Half of the rollouts are of a bad release: each node fails with a chance of 20 %, by going back after a
random time or by silence. The others are good, and yet each node fails with a chance of 0.5 % for
reasons of its own. Time is simulated, from one happening to the next. `touched_p95` is of the bad ones; a rollout of
a bad release that is not stopped is `not_stopped`, `false_stops_pct` is of the good ones.
"""

from __future__ import annotations

import random
from collections import Counter
from statistics import median, quantiles

from agent.ota import rollout
from agent.ota.rollout import Member, Progress, Rules, Stage, Told
from tests.faults import row

COMUNI, NODES = 6, 600
BUG, BAD_LUCK = 0.20, 0.005
MOST_TOUCHED, MOST_FALSE_PCT = 25, 3
BAD = ("too_many_touched", "too_many_false_stops", "not_stopped", "never_ended")
RULES = Rules(soak_s=600.0, patience_s=1800.0)
MINUTE_S, ENDLESS_S = 60.0, 1e6


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` rollouts, bad and good in turn."""
    randomness = random.Random(seed)
    counts: Counter[str] = Counter(rollouts=count, **dict.fromkeys(BAD, 0))
    touched: list[int] = []
    false_stops = 0
    for number in range(count):
        bad = number % 2 == 0
        ended = rolled(randomness, chance=BUG if bad else BAD_LUCK)
        counts["never_ended"] += ended.stage is Stage.RUNNING
        counts["not_stopped"] += bad and ended.stage is Stage.DONE
        false_stops += not bad and ended.stage is Stage.STOPPED
        touched += [len(ended.touched)] if bad else []
    counts["touched_median"], counts["touched_p95"] = round(median(touched)), round(quantiles(touched, n=20)[-1])
    counts["touched_most"] = max(touched)
    counts["false_stops"], counts["good"] = false_stops, count // 2
    counts["too_many_touched"] = int(counts["touched_p95"] > MOST_TOUCHED)
    counts["too_many_false_stops"] = int(false_stops > MOST_FALSE_PCT / 100 * (count // 2))
    return counts


def rolled(randomness: random.Random, *, chance: float) -> Progress:
    """One rollout to its end; every node answers in its own time, or never."""
    members = [Member(f"union/comune-{number % COMUNI}/n-{number:04d}", "new", 1) for number in range(NODES)]
    progress = rollout.start(rollout.plan(members, RULES), 0.0)
    told: dict[str, Told] = {}
    answers: dict[float, list[tuple[str, Told]]] = {}
    seen, at = 0, 0.0
    while progress.stage is Stage.RUNNING and at < ENDLESS_S:
        told.update(answers.pop(at, ()))
        progress = rollout.advance(progress, told, at)
        for name in progress.touched[seen:]:
            after, said = answer(randomness, chance)
            if said:
                answers.setdefault(at + after, []).append((name, said))
        seen = len(progress.touched)
        at = min([moment for moment in (*answers, *_moments(progress)) if moment > at], default=ENDLESS_S)
    return progress


def _moments(progress: Progress) -> tuple[float, ...]:
    """When something is decided although nobody says anything; just after a decision, at once."""
    soaked = () if progress.well_since is None else (progress.well_since + RULES.soak_s, progress.well_since + 1.0)
    return (progress.since + RULES.patience_s, *soaked)


def answer(randomness: random.Random, chance: float) -> tuple[float, Told | None]:
    """What a node will say, and after how long: well within minutes, back within the trial, or nothing."""
    if randomness.random() >= chance:
        return MINUTE_S * randomness.randint(1, 5), Told("new", 1, "committed")
    if randomness.random() < 0.5:
        return MINUTE_S * randomness.randint(1, 15), Told("old", 1, "rolled-back")
    return 0.0, None


if __name__ == "__main__":
    raise SystemExit(row.main("F17 rollout", run, count=10_000, targets=BAD))
