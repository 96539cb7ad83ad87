"""How well the hour-of-week rule tells surges from the life of a town, beside a plain z-score.

    python bench/week.py [--json] [--nodes 40] [--seed 1]

Twelve weeks from Monday 2026-02-02 in Europe/Rome, in which the clocks change (29 March) and Easter and 25 April fall.
Each node counts people in one place of its own size (10 to 120 in a busy hour): by hour and day, growing by 3 % a week,
with weather that scales whole days of all nodes (15 %), bustle (dispersion 0.03) and Poisson noise. Half the nodes have
a market on Wednesday mornings (2.5 times); all have an antiques fair on the second Sunday of a month (3 times) and
holidays like Sundays. Every node is off once for 6 to 48 hours; in 2 % of the hours it sees 30 to 90 % only.
From the fourth week on each node has sixteen surges of one hour, at any hour and day while it is on, four of each size:
twice what the hour would have had and at least 10 people more, two and a half times and 12, three times and 15, four times
and 25. They are told from all else by an event that opens in their hour or at its end, or goes on because of it; an event goes on for as long as
hour after hour is beyond the usual, and each of its hours without a surge counts as a false alarm.
The settings are the rule's defaults. The peers keep mean and deviation of each hour of the week (local time, no
calendar), from three values on, a deviation of 1 at least, and alarm over 3 or 4 deviations.

`bound` is what no judge of single hours can pass at one false alarm a node-week: the likelihood ratio (Neyman and Pearson 1933)
of each size of surge against none, by one who knows how this town is made and has nothing to learn. `sees_the_weather` knows
what each day is as well; `not_the_weather` knows it as little as the rule does in the morning.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.anomaly.calendar import Wall
from agent.anomaly.engine import Engine, ids
from agent.anomaly.feasts import Almanac, CalendarSettings, SpecialDay
from agent.anomaly.settings import WeekRule
from agent.clock import local_offset
from agent.records import Observation, Phase
from bench.machine import show

START = 1_769_986_800.0
"""2026-02-02 00:00 in Europe/Rome."""
HOUR_S = 3600.0
WEEKS, SILENT_WEEKS = 12, 3
HOURS = WEEKS * 168
SIZES = ((2.0, 10.0), (2.5, 12.0), (3.0, 15.0), (4.0, 25.0))
"""How many times the hour, and how many people more at least."""
OF_A_SIZE = 4
WEATHER, BUSTLE = 0.15, 0.03
"""Of whole days (standard deviation of the logarithm), and of single hours (dispersion)."""
BOUND_HOURS = 1000
"""Hours drawn from all that were lived, over which the bound is taken."""
BOUND_FALSE = 1.0
"""False alarms a node-week at which it is taken."""
RULE = WeekRule(id="rush", quantity="gate/person/in", stale_s=7200.0)
PROFILE = (
    0.1,
    0.05,
    0.03,
    0.02,
    0.02,
    0.05,
    0.2,
    0.5,
    0.8,
    0.9,
    1.0,
    0.95,
    0.7,
    0.5,
    0.5,
    0.6,
    0.8,
    1.0,
    1.0,
    0.8,
    0.6,
    0.5,
    0.35,
    0.2,
)
SUNDAY = (
    0.2,
    0.1,
    0.06,
    0.03,
    0.02,
    0.02,
    0.05,
    0.15,
    0.4,
    0.7,
    1.0,
    1.0,
    0.6,
    0.4,
    0.5,
    0.8,
    1.1,
    1.2,
    1.0,
    0.7,
    0.5,
    0.4,
    0.25,
    0.1,
)
TINY = 1e-300
FAIR = SpecialDay(id="antiques", every="sun", nth=(2,))
MARKET = SpecialDay(id="market", every="wed")


@dataclass(frozen=True)
class Lived:
    """One hour of one node: when, what was seen of it, how many times it was multiplied, and what was to be expected."""

    number: int
    at: float
    seen: int
    coverage: float
    surge: float
    usual: float
    """People, had it been an ordinary hour of this day, before bustle and chance."""


@dataclass
class Score:
    """Surges, those told, and alarms that told of none."""

    surges: dict[float, int] = field(default_factory=lambda: dict.fromkeys(dict(SIZES), 0))
    told: dict[float, int] = field(default_factory=lambda: dict.fromkeys(dict(SIZES), 0))
    false: int = 0

    def figures(self, nodes: int) -> dict[str, float]:
        return {
            **{f"recall_{size:g}_times": round(self.told[size] / self.surges[size], 4) for size in self.surges},
            "false_per_node_week": round(self.false / (nodes * (WEEKS - SILENT_WEEKS)), 3),
        }


@dataclass
class Town:
    """The weather that all nodes share, and the wall clock."""

    rng: random.Random
    wall: Wall
    weather: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.weather = [self.rng.lognormvariate(0.0, WEATHER) for _ in range(WEEKS * 7 + 1)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--nodes", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    show(measured(options.nodes, options.seed), as_json=options.json)
    return 0


def measured(nodes: int, seed: int) -> dict[str, Any]:
    """Recall and false alarms of the rule and of its peers, on the same hours."""
    weather = Town(random.Random(seed), Wall(local_offset("Europe/Rome"))).weather
    ours, three, four = Score(), Score(), Score()
    spent_s, all_lived = 0.0, list[Lived]()
    for node in range(nodes):
        days = CalendarSettings((FAIR, MARKET) if node % 2 else (FAIR,))
        wall = Wall(local_offset("Europe/Rome"), almanac=Almanac(days))
        lived = list(life(random.Random(seed * 1000 + node), wall, weather))
        since = time.process_time()
        alarms = by_rule(lived, days)
        spent_s += time.process_time() - since
        add(ours, lived, alarms)
        add(three, lived, by_z(lived, wall, 3.0))
        add(four, lived, by_z(lived, wall, 4.0))
        all_lived += lived[SILENT_WEEKS * 168 :]
    drawn = random.Random(seed).sample(all_lived, min(BOUND_HOURS, len(all_lived)))
    return {
        "node_weeks": nodes * (WEEKS - SILENT_WEEKS),
        "seed": seed,
        "surges_of_each_size": ours.surges[SIZES[0][0]],
        "week": ours.figures(nodes),
        "bound": {
            "sees_the_weather": bound(drawn, BUSTLE),
            "not_the_weather": bound(drawn, BUSTLE + WEATHER**2),
        },
        "z_score_3": three.figures(nodes),
        "z_score_4": four.figures(nodes),
        "rule_cpu_ms_per_node_week": round(spent_s * 1000.0 / (nodes * WEEKS), 1),
    }


def life(rng: random.Random, wall: Wall, weather: list[float]) -> Iterator[Lived]:
    """The hours in which one node was on."""
    size = math.exp(rng.uniform(math.log(10.0), math.log(120.0)))
    off_since = rng.randrange(168, HOURS - 48)
    off = range(off_since, off_since + rng.randint(6, 48))
    eligible = [hour for hour in range(SILENT_WEEKS * 168, HOURS) if hour not in off]
    drawn = rng.sample(eligible, OF_A_SIZE * len(SIZES))
    surges = {hour: SIZES[number % len(SIZES)] for number, hour in enumerate(drawn)}
    for hour in range(HOURS):
        usual = size * shape(wall, hour) * 1.03 ** (hour / 168) * weather[hour // 24]
        coverage = rng.uniform(0.3, 0.9) if rng.random() < 0.02 else 1.0
        times, least = surges.get(hour, (1, 0.0))
        extra = max(least, (times - 1) * usual)
        seen = poisson(rng, (usual * rng.gammavariate(1.0 / BUSTLE, BUSTLE) + extra) * coverage)
        if hour not in off:
            yield Lived(hour, START + hour * HOUR_S, seen, coverage, times, usual)


def shape(wall: Wall, hour: int) -> float:
    """What an hour is to the busiest of an ordinary day."""
    kind, of_day, _ = wall.hour(START + hour * HOUR_S)
    if kind in ("sun", "feast"):
        return SUNDAY[of_day]
    if kind == "antiques":
        return SUNDAY[of_day] * (3.0 if 8 <= of_day < 18 else 1.0)
    if kind == "market":
        return PROFILE[of_day] * (2.5 if 7 <= of_day < 13 else 1.0)
    return PROFILE[of_day] * {"fri": 1.2, "sat": 1.4}.get(kind, 1.0)


def poisson(rng: random.Random, mean: float) -> int:
    """Arrivals, by Knuth's method in parts that do not underflow."""
    arrived = 0
    while mean > 0.0:
        part, left = min(mean, 50.0), 1.0
        mean -= part
        while (left := left * rng.random()) > math.exp(-part):
            arrived += 1
    return arrived


def by_rule(lived: list[Lived], days: CalendarSettings) -> set[int]:
    """Hours beyond the usual: those that open an event, and those that keep one open.

    An outage is a restart that keeps what was learned.
    """
    alarms: set[int] = set()
    opened: dict[str, float] = {}
    engine = started(days, None)
    before = -1
    for hour in lived:
        if hour.number != before + 1:
            engine = started(days, engine)
            opened.clear()
        before = hour.number
        seen = Observation("cam", RULE.quantity, float(hour.seen), hour.at + HOUR_S / 2)
        share = Observation("cam", "camera/observed", hour.coverage, hour.at + HOUR_S - 1.0)
        opening = Observation("cam", "camera/observed", hour.coverage, hour.at)
        told = [event for one in (opening, seen, share) for event in engine.update(one)]
        told += engine.advance(hour.at + HOUR_S - 0.5)
        for event in told:
            since = opened.setdefault(event.id, event.at)
            over = since + (event.duration_s or 0.0) if event.phase is Phase.CLOSED else since + HOUR_S
            alarms |= set(range(number_of(since), number_of(over)))
    return alarms


def number_of(at: float) -> int:
    """The hour that an instant is in or at the end of."""
    return math.ceil((at - START) / HOUR_S) - 1


def started(days: CalendarSettings, before: Engine | None) -> Engine:
    engine = Engine([RULE], new_id=ids("00000001"), local=local_offset("Europe/Rome"), days=days)
    if before is not None:
        engine.restore(before.state())
    return engine


def by_z(lived: list[Lived], wall: Wall, deviations: float) -> set[int]:
    """Hours over so many deviations from the mean of the same hour of the weeks before."""
    past: dict[tuple[int, int], list[float]] = {}
    alarms: set[int] = set()
    for hour in lived:
        shown = hour.at + wall.local(hour.at)
        slot = (int(shown // 86400) % 7, int(shown // HOUR_S) % 24)
        known = past.setdefault(slot, [])
        if len(known) >= SILENT_WEEKS:
            spread = max(1.0, statistics.stdev(known))
            if hour.seen > statistics.mean(known) + deviations * spread:
                alarms.add(hour.number)
        known.append(float(hour.seen))
    return alarms


def bound(hours: list[Lived], dispersion: float) -> dict[str, float]:
    """The share of surges of each size that the likelihood ratio finds over these hours, at BOUND_FALSE a node-week."""
    found = {}
    for times, least in SIZES:
        ratios, calm, surged = [], [], []
        for hour in hours:
            mean = hour.usual * hour.coverage
            extra = max(least, (times - 1.0) * hour.usual) * hour.coverage
            counts = np.arange(math.ceil(3.0 * mean + 3.0 * extra + 60.0))
            without = negative_binomial(mean, dispersion, counts)
            chance = np.exp(counts * math.log(extra) - extra - log_factorials(len(counts)))
            with_it = np.convolve(without, chance)[: len(counts)]
            ratios.append(np.log(with_it + TINY) - np.log(without + TINY))
            calm.append(without)
            surged.append(with_it)
        order = np.argsort(-np.concatenate(ratios), kind="stable")
        false = np.cumsum(np.concatenate(calm)[order]) * 168 / len(hours)
        told = np.cumsum(np.concatenate(surged)[order]) / len(hours)
        found[f"recall_{times:g}_times"] = round(float(told[np.searchsorted(false, BOUND_FALSE)]), 4)
    return found


def negative_binomial(mean: float, dispersion: float, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The probability of each count 0, 1, 2, and so on."""
    size = 1.0 / dispersion
    gammas = np.concatenate([[0.0], np.cumsum(np.log(size + counts[:-1]))])
    log = (
        gammas
        - log_factorials(len(counts))
        + size * math.log(size / (size + mean))
        + counts * math.log(mean / (size + mean))
    )
    return np.asarray(np.exp(log), np.float64)


def log_factorials(count: int) -> NDArray[np.float64]:
    """Of 0 to `count` less one."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count)))])


def add(score: Score, lived: list[Lived], alarms: set[int]) -> None:
    surges = {hour.number: hour.surge for hour in lived if hour.surge > 1}
    for number, times in surges.items():
        score.surges[times] += 1
        score.told[times] += number in alarms
    score.false += len(alarms - set(surges))


if __name__ == "__main__":
    raise SystemExit(main())
