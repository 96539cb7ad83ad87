"""What the rules cost: CPU per observation and per second of life, and the memory of what is watched.

    python bench/rules.py [--json]

A busy node for an hour: three zones with five numbers each every second, a line that is crossed 72
times, a thermometer and a button every second, eleven rules of eleven kinds. Medians of the rounds.
`growth_kb` is the memory that the second hour adds to the first.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
import tracemalloc
from collections.abc import Iterator

from agent.anomaly.engine import Engine, ids
from agent.anomaly.settings import RuleSettings
from agent.anomaly.tally import Tally
from agent.documents import convert, parse
from agent.records import Observation
from bench.machine import show

HOUR_S = 3600
START = 1_700_000_100.0
RULES = """
- {kind: limit, id: hot, quantity: temperature_c, above: 40, hysteresis: 1}
- {kind: presence, id: there, quantity: '*/person/count', dwell_s: 10, during: [{from: "22:00", to: "06:00"}]}
- {kind: absence, id: silent, quantity: temperature_c, source: air, longer_s: 600}
- {kind: schedule, id: pressed-at-night, quantity: pressed, allowed: [{from: "08:00", to: "20:00"}]}
- {kind: rate, id: rush, quantity: kerb/person/in, more_than: 20, window_s: 600}
- {kind: baseline, id: unusual, quantity: '*/person/count', every_s: 60}
- {kind: crossing, id: wrong-way, quantity: kerb/person/in}
- {kind: loitering, id: lingering, stay_s: 60}
- {kind: occupancy, id: full, more_than: 30}
- {kind: button, id: help, source: help}
- {kind: stuck, id: frozen, quantity: temperature_c, longer_s: 3600}
"""


def hour(number: int) -> list[Observation]:
    """All that is observed within one hour, in order of time."""
    return list(_observed(START + number * HOUR_S, random.Random(number)))


def _observed(since: float, rng: random.Random) -> Iterator[Observation]:
    for second in range(HOUR_S):
        at = since + second
        for zone in ("gate", "yard", "square"):
            for measure in ("person/count", "person/stay_s", "person/speed", "car/count", "all/occupancy"):
                yield Observation("gate-cam", f"{zone}/{measure}", float(rng.randint(0, 3)), at)
        for measure in ("fps", "observed", "motion"):
            yield Observation("gate-cam", f"camera/{measure}", 1.0, at)
        if second % 50 == 0:
            yield Observation("gate-cam", "kerb/person/in", 1.0, at)
        yield Observation("air", "temperature_c", round(20.0 + rng.random(), 1), at)
        yield Observation("help", "pressed", 0.0, at)


def live(engine: Engine, tally: Tally, observations: list[Observation]) -> int:
    """How many events and counts were told."""
    told, second = 0, observations[0].at
    for observation in observations:
        while second < observation.at:
            told += len(engine.advance(second)) + len(tally.advance(second))
            second += 1.0
        told += len(engine.update(observation)) + len(tally.update(observation))
    return told


def fresh() -> Engine:
    rules: tuple[RuleSettings, ...] = convert(parse(RULES, name="rules"), tuple[RuleSettings, ...], name="rules")
    return Engine(rules, new_id=ids("00000000"))


def cpu_s(observations: list[Observation]) -> float:
    engine, tally = fresh(), Tally()
    before = time.process_time()
    live(engine, tally, observations)
    return time.process_time() - before


def growth_kb() -> float:
    engine, tally, hours = fresh(), Tally(), [hour(0), hour(1)]
    tracemalloc.start()
    live(engine, tally, hours[0])
    before = tracemalloc.get_traced_memory()[0]
    live(engine, tally, hours[1])
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description="What the rules cost.")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    observations = hour(0)
    median_s = statistics.median(cpu_s(observations) for _ in range(options.rounds))
    figures = {
        "observations": len(observations),
        "told": live(fresh(), Tally(), observations),
        "us_per_observation": round(median_s / len(observations) * 1e6, 1),
        "cpu_permille_of_life": round(median_s / HOUR_S * 1000, 3),
        "growth_kb": round(growth_kb(), 1),
    }
    show(figures, as_json=options.json)


if __name__ == "__main__":
    main()
