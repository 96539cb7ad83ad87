"""What whole days of weather and light raise at a camera where nothing happens: simulated days, on the emptied views of real film.

    python bench/days.py --data FOLDER [--json] [--days N] [--first HOUR] [--hours N]

Minutes of real film prove little about a week. So each view of bench/tamper.py, emptied of everybody by its median, is shown for
a day or some hours of it, two pictures a second as image health looks: dawn, noon and dusk with the shadow of a building that turns
with the sun, clouds that take up to half of the light within seconds, showers of a quarter of an hour, leaves that stir, grain that grows as light fails, the switch to
night vision and back, and by night a car with its headlights every two minutes. Image health and left objects run with their defaults, the whole picture one zone.
Every event is false. Bounds are Poisson, 95 %, one-sided. A simulated day holds what its author thought of, and nobody passes: it does not replace a real one.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

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
SHOWERS = 5
SHOWER_S = 900.0
CLOUD_S = 240.0
CAR_EVERY_S, CAR_S = 120.0, 4.0
LEAVES = (slice(0, 60), slice(0, 90))
"""A corner in which something grows."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with clips, ucsd_ped2, mot15_pets09_s2l1")
    parser.add_argument("--days", type=int, default=1, help="simulated days, a view each in turn")
    parser.add_argument("--first", type=float, default=0.0, help="the hour at which each begins")
    parser.add_argument("--hours", type=float, default=24.0, help="how long each is")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    show(measured(scenes(options.data), options.days, options.first, options.hours), as_json=options.json)


def measured(views: Sequence[Path], days: int, first: float, hours: float) -> dict[str, Any]:
    told: Counter[str] = Counter()
    for day in range(days):
        path = views[day % len(views)]
        told.update(f"{quantity} in {path.name}" for quantity in opened(emptied(path), day, first, hours))
    wrong = {name: sum(count for what, count in told.items() if is_left(what) is (name == "left")) for name in KINDS}
    watched_h = days * hours
    return {
        "simulated_hours": watched_h,
        "views": min(days, len(views)),
        "false_alarms": wrong,
        "false_alarm_list": dict(told),
        "tamper_a_week_at_most_95": round(poisson_bound(wrong["tamper"]) / watched_h * WEEK_H, 1),
        "left_a_day_at_most_95": round(poisson_bound(wrong["left"]) / watched_h * 24.0, 1),
    }


KINDS = ("tamper", "left")


def is_left(what: str) -> bool:
    return what.startswith("place/")


def opened(empty: Picture, day: int, first: float, hours: float) -> Iterator[str]:
    """The quantity of each event that opens in a day."""
    view = View(masks=(), zones=(Zone("place", WHOLE, things=True),))
    health, left = Health("north", HealthSettings()), Left(view, report_s=1.0)
    rule = LoiteringRule(id="left", quantity="place/object/left_s", stay_s=STAY_S, per_hour=3600)
    engine = Engine([HealthRule(id="eye"), rule], new_id=ids("0"))
    for at, picture in weather(empty, day, first, hours):
        frame = Frame("north", START + at, picture)
        for observation in (*health.update(frame), *left.observe(frame, Tracks("north", START + at, ()))):
            yield from (e.reason.quantity for e in engine.update(observation) if e.phase is Phase.OPENED)
        yield from (e.reason.quantity for e in engine.advance(START + at + 0.01) if e.phase is Phase.OPENED)


def emptied(path: Path) -> Picture:
    """A view without those who pass."""
    some = np.stack([*islice(pictures(path), 0, 120, 4)])
    seen = np.median(some, axis=0).astype(np.uint8)
    return np.asarray(
        cv2.resize(seen, (WIDTH, WIDTH * seen.shape[0] // seen.shape[1]), interpolation=cv2.INTER_AREA), np.uint8
    )


# A day


def weather(empty: Picture, day: int, first: float, hours: float) -> Iterator[tuple[float, Picture]]:
    """Seconds since the beginning, and the picture."""
    chance = np.random.default_rng(day)
    showers = chance.uniform(0.0, DAY_S, SHOWERS)
    is_night = True
    grain = chance.standard_normal((empty.shape[0] + 64, empty.shape[1] + 64, 3), np.float32)
    for step in range(round(hours * 3600.0 / STEP_S)):
        at = step * STEP_S
        second = (first * 3600.0 + at) % DAY_S
        light = daylight(second)
        is_night = light < SWITCHES_AT * (1.0 if not is_night else 1.5)
        picture = stirred(empty, second, chance)
        picture = by_night(picture, second) if is_night else by_day(picture, second, light)
        if ((second - showers) % DAY_S < SHOWER_S).any():
            picture = rained(picture, chance)
        down, right = chance.integers(0, 64, 2)
        noise = grain[down : down + empty.shape[0], right : right + empty.shape[1]]
        yield at, np.asarray(np.clip(picture + noise * (1.5 + 3.0 * (1.0 - light)), 0, 255), np.uint8)


def daylight(second: float) -> float:
    """Share of the light of noon, clouds not counted."""
    height = math.sin(math.pi * (second - DAWN_S) / (DUSK_S - DAWN_S)) if DAWN_S < second < DUSK_S else 0.0
    return LEAST_LIGHT + (1.0 - LEAST_LIGHT) * min(1.0, 2.0 * height)


def by_day(picture: Picture, second: float, light: float) -> Picture:
    """Clouds, and the shadow of a building whose edge moves through the picture from morning to evening."""
    cloud = 0.75 + 0.25 * math.tanh(3.0 * math.sin(math.tau * second / CLOUD_S) + math.sin(math.tau * second / 1700.0))
    edge = 1.4 * (second - DAWN_S) / (DUSK_S - DAWN_S) - 0.2
    across = np.linspace(0.0, 1.0, picture.shape[1])
    shade = 1.0 - 0.5 * (cloud - 0.5) * 2.0 / (1.0 + np.exp((across - edge) * 80.0))
    return np.asarray(picture * (0.35 + 0.65 * light) * cloud * shade[None, :, None], np.float32).astype(np.uint8)


def by_night(picture: Picture, second: float) -> Picture:
    """Grey, lit from the camera, and from time to time two lamps that come nearer with a veil over everything."""
    grey = picture.mean(axis=2, keepdims=True).repeat(3, axis=2)
    y, x = np.mgrid[-1 : 1 : picture.shape[0] * 1j, -1 : 1 : picture.shape[1] * 1j]
    seen = 255 * (grey / 255) ** 0.8 * (0.35 + 0.65 * np.exp(-(x**2 + y**2)))[:, :, None] * 0.6
    gone = second % CAR_EVERY_S / CAR_S
    if gone < 1.0:
        size = 0.02 + 0.12 * gone
        for side in (-1.0, 1.0):
            away = (x + 0.6 - gone - side * size * 1.5) ** 2 + (y - 0.2) ** 2
            seen += 400.0 * np.exp(-away / size**2)[:, :, None]
        seen += 40.0 * gone
    return np.asarray(np.clip(seen, 0, 255), np.uint8)


def stirred(empty: Picture, second: float, chance: np.random.Generator) -> Picture:
    """The place with its leaves somewhere else."""
    picture = empty.copy()
    wind = 2.0 * math.sin(math.tau * second / 700.0)
    right, down = (round(float(shift)) for shift in wind + chance.normal(0.0, 1.0, 2))
    picture[LEAVES] = np.roll(picture[LEAVES], (down, right), axis=(0, 1))
    return picture


def rained(picture: Picture, chance: np.random.Generator) -> Picture:
    """Bright streaks, anew in each picture, less contrast and a little haze."""
    seen = picture.astype(np.float32) * np.float32(0.85) + np.float32(18)
    height, width = seen.shape[:2]
    for top, left in zip(chance.integers(0, height, 120), chance.integers(0, width, 120), strict=True):
        seen[top : top + height // 15, left] += 60
    return np.asarray(np.clip(seen, 0, 255), np.uint8)


if __name__ == "__main__":
    main()
