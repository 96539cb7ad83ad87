"""What whole days of weather and light raise at a camera where nothing happens: simulated days, on the emptied views of real film.

    python bench/days.py --data FOLDER [--json] [--days N] [--start N] [--first HOUR] [--hours N] [--every S] [--only tamper|left]

Minutes of real film prove little about a week. So each view of bench/tamper.py, emptied of everybody by its median, is shown for
a day or some hours of it, two pictures a second as image health looks: dawn, noon and dusk with the shadow of a building that turns
with the sun, clouds that take up to half of the light within seconds, showers of a quarter of an hour, leaves that stir, grain that grows as light fails, the switch to
night vision and back, and by night a car with its headlights every two minutes. Image health and left objects run with their defaults, the whole picture one zone.
Every event is false. Bounds are Poisson, 95 %, one-sided. A simulated day holds what its author thought of, and nobody passes: it does not replace a real one.

View, showers and chance belong to the number of a day, so days can be run apart; on stderr each is told when it is over. `--every 1` shows a
picture a second: image health then looks once a second instead of twice, and a week passes in half the time.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.anomaly.engine import Engine, ids
from agent.anomaly.settings import HealthRule, LoiteringRule
from agent.pixels import Frame, Tracks
from agent.records import Phase
from agent.vision.health import Health
from agent.vision.left import Left
from agent.vision.settings import HealthSettings, View, Zone
from bench.left_object import STAY_S, WHOLE
from bench.machine import show
from bench.tamper import START, STEP_S, WEEK_H, Picture, pictures, poisson_bound, scenes

WIDTH = 256
DAY_S = 86400.0
DAWN_S, DUSK_S = 6 * 3600.0, 20 * 3600.0
LEAST_LIGHT = 0.1
SWITCHES_AT = 0.2
"""Share of the light of noon at which the camera goes over to night vision; it comes back at half as much again."""
SHOWERS, STREAKS = 5, 120
SHOWER_S = 900.0
CLOUD_S = 240.0
CAR_EVERY_S, CAR_S = 120.0, 4.0
LEAVES = (slice(0, 60), slice(0, 90))
"""A corner in which something grows."""


Plate = NDArray[np.float32]


@dataclass(frozen=True)
class Span:
    """What of each day is shown: so many hours from `first` on, a picture every `every_s`."""

    first: float = 0.0
    hours: float = 24.0
    every_s: float = STEP_S


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with clips, ucsd_ped2, mot15_pets09_s2l1")
    parser.add_argument("--days", type=int, default=1, help="simulated days, a view each in turn")
    parser.add_argument("--start", type=int, default=0, help="the number of the first")
    parser.add_argument("--first", type=float, default=0.0, help="the hour at which each begins")
    parser.add_argument("--hours", type=float, default=24.0, help="how long each is")
    parser.add_argument("--every", type=float, default=STEP_S, help="seconds between two pictures")
    parser.add_argument("--only", choices=KINDS, help="watch for this alone")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    kinds = (options.only,) if options.only else KINDS
    span = Span(options.first, options.hours, options.every)
    days = range(options.start, options.start + options.days)
    show(measured(scenes(options.data), days, span, kinds), as_json=options.json)


def measured(views: Sequence[Path], days: Sequence[int], span: Span, kinds: Sequence[str]) -> dict[str, Any]:
    told: Counter[str] = Counter()
    for day in days:
        path = views[day % len(views)]
        found = [
            f"{quantity} in {path.name} at {clock(at)}" for at, quantity in opened(emptied(path), day, span, kinds)
        ]
        print(f"day {day}: {path.name}, {span.hours} h, {found or 'nothing'}", file=sys.stderr, flush=True)
        told.update(found)
    wrong = {name: sum(count for what, count in told.items() if is_left(what) is (name == "left")) for name in kinds}
    watched_h = len(days) * span.hours
    most_h = {name: poisson_bound(count) / watched_h for name, count in wrong.items()}
    return {
        "simulated_hours": watched_h,
        "pictures_a_second": 1 / span.every_s,
        "views": min(len(days), len(views)),
        "false_alarms": wrong,
        "false_alarm_list": dict(told),
        **{
            f"{name}_{word}_at_most_95": round(most_h[name] * h, 1) for name, (word, h) in PER.items() if name in most_h
        },
    }


PER = {"tamper": ("a_week", WEEK_H), "left": ("a_day", 24.0)}
KINDS = tuple(PER)


def is_left(what: str) -> bool:
    return what.startswith("place/")


def clock(at: float) -> str:
    """An hour of the day, as a person reads it."""
    return f"{int(at // 3600) % 24:02}:{int(at // 60) % 60:02}:{int(at) % 60:02}"


def opened(empty: Picture, day: int, span: Span, kinds: Sequence[str]) -> Iterator[tuple[float, str]]:
    """Second of the day and quantity of each event that opens in a day."""
    view = View(masks=(), zones=(Zone("place", WHOLE, things="left" in kinds),))
    health, left = Health("north", HealthSettings(enabled="tamper" in kinds)), Left(view, report_s=1.0)
    rule = LoiteringRule(id="left", quantity="place/object/left_s", stay_s=STAY_S, per_hour=3600)
    engine = Engine([HealthRule(id="eye", per_hour=3600), rule], new_id=ids("0"))
    for second, picture in weather(empty, day, span):
        frame = Frame("north", START + second, picture)
        events = []
        for observation in (*health.update(frame), *left.observe(frame, Tracks("north", frame.at, ()))):
            events += engine.update(observation)
        events += engine.advance(frame.at + 0.01)
        yield from ((second, event.reason.quantity) for event in events if event.phase is Phase.OPENED)


def emptied(path: Path) -> Picture:
    """A view without those who pass."""
    some = np.stack([*islice(pictures(path), 0, 120, 4)])
    seen = np.median(some, axis=0).astype(np.uint8)
    return np.asarray(
        cv2.resize(seen, (WIDTH, WIDTH * seen.shape[0] // seen.shape[1]), interpolation=cv2.INTER_AREA), np.uint8
    )


# A day


def weather(empty: Picture, day: int, span: Span) -> Iterator[tuple[float, Picture]]:
    """Seconds since midnight, and the picture."""
    chance = np.random.default_rng(day)
    showers = chance.uniform(0.0, DAY_S, SHOWERS)
    place = Place(empty)
    is_night = True
    grain = chance.standard_normal((empty.shape[0] + 64, empty.shape[1] + 64, 3), np.float32)
    for step in range(round(span.hours * 3600.0 / span.every_s)):
        at = span.first * 3600.0 + step * span.every_s
        second = at % DAY_S
        light = daylight(second)
        is_night = light < SWITCHES_AT * (1.0 if not is_night else 1.5)
        plate = place.stirred(second, chance, is_night=is_night)
        plate = place.passed(plate, second) if is_night else plate * place.lit(second, light)
        if ((second - showers) % DAY_S < SHOWER_S).any():
            plate = rained(plate, chance)
        down, right = chance.integers(0, 64, 2)
        noise = grain[down : down + empty.shape[0], right : right + empty.shape[1]]
        seen = cv2.addWeighted(plate, 1.0, noise, 1.5 + 3.0 * (1.0 - light), 0.0)
        yield at, np.asarray(np.clip(seen, 0, 255, out=seen), np.uint8)


def daylight(second: float) -> float:
    """Share of the light of noon, clouds not counted."""
    height = math.sin(math.pi * (second - DAWN_S) / (DUSK_S - DAWN_S)) if DAWN_S < second < DUSK_S else 0.0
    return LEAST_LIGHT + (1.0 - LEAST_LIGHT) * min(1.0, 2.0 * height)


class Place:
    """A place where nobody is, by day in colour, by night grey and lit from the camera."""

    def __init__(self, empty: Picture) -> None:
        height, width = empty.shape[:2]
        self._y, self._x = (axis.astype(np.float32) for axis in np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j])
        lamp = 0.6 * (0.35 + 0.65 * np.exp(-(self._x**2 + self._y**2)))
        grey = empty.mean(axis=2, keepdims=True).repeat(3, axis=2)
        self._by_day = empty.astype(np.float32)
        self._by_night = np.asarray(255 * (grey / 255) ** 0.8 * lamp[:, :, None], np.float32)

    def stirred(self, second: float, chance: np.random.Generator, *, is_night: bool) -> Plate:
        """The place with its leaves somewhere else."""
        plate = (self._by_night if is_night else self._by_day).copy()
        wind = 2.0 * math.sin(math.tau * second / 700.0)
        right, down = (round(float(shift)) for shift in wind + chance.normal(0.0, 1.0, 2))
        plate[LEAVES] = np.roll(plate[LEAVES], (down, right), axis=(0, 1))
        return plate

    def lit(self, second: float, light: float) -> Plate:
        """Clouds, and the shadow of a building whose edge moves through the picture from morning to evening."""
        cloud = 0.75 + 0.25 * math.tanh(
            3.0 * math.sin(math.tau * second / CLOUD_S) + math.sin(math.tau * second / 1700.0)
        )
        edge = 1.4 * (second - DAWN_S) / (DUSK_S - DAWN_S) - 0.2
        across = np.linspace(0.0, 1.0, self._x.shape[1])
        shade = 1.0 - 0.5 * (cloud - 0.5) * 2.0 / (1.0 + np.exp((across - edge) * 80.0))
        return np.asarray((0.35 + 0.65 * light) * cloud * shade[None, :, None], np.float32)

    def passed(self, plate: Plate, second: float) -> Plate:
        """From time to time two lamps come nearer, with a veil over everything."""
        gone = second % CAR_EVERY_S / CAR_S
        if gone >= 1.0:
            return plate
        size = 0.02 + 0.12 * gone
        for side in (-1.0, 1.0):
            away = (self._x + np.float32(0.6 - gone - side * size * 1.5)) ** 2 + (self._y - np.float32(0.2)) ** 2
            plate += 400.0 * np.exp(away / np.float32(-(size**2)))[:, :, None]
        return np.asarray(np.minimum(plate + np.float32(40.0 * gone), np.float32(255.0)), np.float32)


def rained(plate: Plate, chance: np.random.Generator) -> Plate:
    """Bright streaks, anew in each picture, less contrast and a little haze."""
    seen = plate * np.float32(0.85) + np.float32(18)
    height, width = seen.shape[:2]
    tops, columns = chance.integers(0, height, STREAKS), chance.integers(0, width, STREAKS)
    rows = np.minimum(tops[:, None] + np.arange(height // 15), height - 1)
    seen[rows, columns[:, None]] += 60
    return seen


if __name__ == "__main__":
    main()
