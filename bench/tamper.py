"""How soon a camera says that it cannot see any more, and how often it says so wrongly.

    python bench/tamper.py --data FOLDER [--json] [--seconds S]

Positives: the real covered camera of tamper/Occlusion.mp4 (onset by eye), and faults made on real
clips. Each clip is cut to its middle 70 % beforehand, so that a turned camera shows what is really beside
the view. Negatives: all clips and UCSD Ped2 untouched, at most S seconds of each, and the longer clips with
generated nightfall, a switch to night vision, clouds, headlights and rain.

Frames come two a second, as often as health looks. Delay runs from the onset to the event of a rule of kind
`health` with its defaults. Defaults of the node throughout; what was looked at while they were chosen is
said in docs/reference/figures.md.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from agent.anomaly.engine import Engine, ids
from agent.anomaly.settings import HealthRule
from agent.camera.pictures import lit, scaled, smeared
from agent.pixels import Frame
from agent.records import Event, Phase
from agent.vision.health import Health
from agent.vision.settings import HealthSettings
from bench.machine import show

Picture = NDArray[np.uint8]
Change = Callable[[Picture, float, np.random.Generator], Picture]
"""A picture, seconds since the onset (or the start, for negatives), chance -> the picture as it would be."""

STEP_S = 0.5
ONSETS_S = (4.0, 6.75)
AFTER_S = 6.0
LEAST_S = 10.0
CUT = 0.15
WEEK_H = 168.0
START = 1_700_000_000.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with tamper, clips, ucsd_ped2, mot15_*")
    parser.add_argument("--seconds", type=float, default=60.0, help="the most of each clip that is used")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = {
        **real(options.data / "tamper"),
        "generated": generated(options.data),
        **quiet(options.data, options.seconds),
    }
    show(figures, as_json=options.json)


def real(folder: Path) -> dict[str, Any]:
    """The covered camera: seconds from the first and the last frame that may be the onset."""
    truth = json.loads((folder / "events_by_eye.json").read_text())["Occlusion.mp4"]
    path = folder / "Occlusion.mp4"
    with av.open(str(path)) as container:
        fps = float(container.streams.video[0].average_rate or 30)
    found = opened(judged(pictures(path)))
    earliest, latest = (frame / fps for frame in truth["onset_frame"])
    if not found:
        return {"real_cover": "missed"}
    at, quantity = found[0]
    return {"real_cover": quantity, "real_cover_delay_s": [round(at - latest, 2), round(at - earliest, 2)]}


def generated(data: Path) -> dict[str, Any]:
    """Per kind of fault: how many, missed (where the camera had said that it cannot judge, apart), told as another
    kind, told too early, delays."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in FAULTS}
    delays: dict[str, list[float]] = {name: [] for name in FAULTS}
    for number, path in enumerate(scenes(data)):
        film = list(islice(pictures(path), round((ONSETS_S[-1] + AFTER_S) / STEP_S)))
        unjudged = said_unjudged(film)
        for name, (accepted, variants) in FAULTS.items():
            for change, onset_s in ((change, onset_s) for change in variants for onset_s in ONSETS_S):
                chance = np.random.default_rng([number, len(name)])
                found = opened(judged(spoiled(film, change, onset_s, chance)))
                counts[name]["tried"] += 1
                early = [at for at, _ in found if at < onset_s]
                later = [(at, quantity) for at, quantity in found if at >= onset_s]
                counts[name]["early"] += len(early)
                if not later:
                    counts[name]["missed_and_said_so" if unjudged else "missed"] += 1
                    continue
                delays[name].append(later[0][0] - onset_s)
                counts[name]["otherwise_named"] += later[0][1] not in accepted
    return {name: {**counts[name], **summary(delays[name])} for name in FAULTS}


def summary(delays: Sequence[float]) -> dict[str, float]:
    if not delays:
        return {}
    return {"median_s": round(statistics.median(delays), 2), "longest_s": round(max(delays), 2)}


def quiet(data: Path, seconds: float) -> dict[str, Any]:
    """False alarms on what is no fault; the bound is Poisson, 95 %, one-sided, per camera and week."""
    untouched = sorted((data / "ucsd_ped2").glob("t*/*.*")) + films(data)
    hours: dict[str, float] = dict.fromkeys(["untouched", *NEGATIVES], 0.0)
    alarms: Counter[str] = Counter()
    named: Counter[str] = Counter()
    spent, looks = 0.0, 0
    for path in untouched:
        film = list(islice(pictures(path), round(seconds / STEP_S)))
        changes = {"untouched": as_it_is, **(NEGATIVES if len(film) * STEP_S >= LEAST_S else {})}
        for name, change in changes.items():
            if name != "untouched" and path.parent.name == "train":
                continue
            chance = np.random.default_rng(len(name))
            began = time.process_time()
            found = opened(judged(spoiled(film, change, 0.0, chance)))
            if name == "untouched":
                spent, looks = spent + time.process_time() - began, looks + len(film)
            hours[name] += len(film) * STEP_S / 3600
            alarms[name] += len(found)
            named.update(f"{name}: {quantity} in {path.name}" for _, quantity in found)
    total, wrong = sum(hours.values()), sum(alarms.values())
    return {
        "negative_hours": {name: round(value, 3) for name, value in hours.items()},
        "false_alarms": dict(alarms),
        "false_alarm_list": dict(named),
        "negative_hours_in_all": round(total, 2),
        "at_most_a_week_95": round(poisson_bound(wrong) / total * WEEK_H),
        "cpu_ms_a_look": round(1000 * spent / looks, 2),
        "cpu_ms_a_frame_at_10_fps": round(1000 * spent / looks / (10 * STEP_S), 3),
    }


def poisson_bound(seen: int) -> float:
    """The mean at which so few or fewer would be seen once in twenty times."""
    low, high = 0.0, 10.0 * (seen + 1)
    for _ in range(60):
        mean = (low + high) / 2
        chance = sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(seen + 1))
        low, high = (mean, high) if chance > 0.05 else (low, mean)
    return high


# What is looked at


def scenes(data: Path) -> list[Path]:
    """One film of each place that is long enough for a fault in the middle."""
    return [*films(data), data / "ucsd_ped2" / "test" / "01.mp4"]


def films(data: Path) -> list[Path]:
    clips = sorted((data / "clips").glob("*.mp4"))
    return [path for path in [*clips, data / "mot15_pets09_s2l1" / "vtest.avi"] if length_s(path) >= LEAST_S]


def length_s(path: Path) -> float:
    with av.open(str(path)) as container:
        return float((container.duration or 0) / av.time_base)


def pictures(path: Path) -> Iterator[Picture]:
    """Two a second."""
    with av.open(str(path)) as container:
        fps = float(container.streams.video[0].average_rate or 25)
        due = 0.0
        for number, picture in enumerate(container.decode(video=0)):
            if number / fps >= due:
                due += STEP_S
                yield np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)


def spoiled(film: Sequence[Picture], change: Change, onset_s: float, chance: np.random.Generator) -> Iterator[Picture]:
    """The middle of each picture, and from the onset on what the change makes of it."""
    for number, picture in enumerate(film):
        since = number * STEP_S - onset_s
        yield change(picture, since, chance) if since >= 0.0 else middle(picture)


def middle(picture: Picture, right: float = 0.0, down: float = 0.0) -> Picture:
    """The inner part of a picture; `right` and `down` turn the camera, in fractions of what it shows."""
    height, width = picture.shape[:2]
    tall, wide = round(height * (1 - 2 * CUT)), round(width * (1 - 2 * CUT))
    top, left = round(height * CUT + down * tall), round(width * CUT + right * wide)
    return picture[top : top + tall, left : left + wide].copy()


def judged(film: Iterator[Picture]) -> Iterator[tuple[float, Event]]:
    """Every event with the seconds since the first picture."""
    health = Health("north", HealthSettings())
    engine = Engine([HealthRule(id="eye")], new_id=ids("0"))
    for number, picture in enumerate(film):
        at = START + number * STEP_S
        for observation in health.update(Frame("north", at, picture)):
            yield from ((event.at - START, event) for event in engine.update(observation))
        yield from ((event.at - START, event) for event in engine.advance(at + 0.01))


def said_unjudged(film: Sequence[Picture]) -> bool:
    """Whether the camera said, before anything happened, that this view shows too little."""
    health = Health("north", HealthSettings())
    before = enumerate(film[: round(ONSETS_S[0] / STEP_S)])
    told = [
        one
        for number, picture in before
        for one in health.update(Frame("north", START + number * STEP_S, middle(picture)))
    ]
    return any(one.quantity == "camera/unjudged" and one.value > 0.0 for one in told)


def opened(events: Iterator[tuple[float, Event]]) -> list[tuple[float, str]]:
    return [(at, event.reason.quantity) for at, event in events if event.phase is Phase.OPENED]


# Faults


def as_it_is(picture: Picture, _since: float, _chance: np.random.Generator) -> Picture:
    return middle(picture)


def covered(picture: Picture, since: float, chance: np.random.Generator, *, share: float, slide_s: float) -> Picture:
    """A dull plate pushed in from the left."""
    seen = middle(picture)
    reach = round(seen.shape[1] * share * min(1.0, since / slide_s if slide_s else 1.0))
    grain = chance.integers(0, 5, (seen.shape[0], reach, 3), np.uint8)
    seen[:, :reach] = np.array((92, 80, 70), np.uint8) + grain
    return seen


def sprayed(picture: Picture, _since: float, _chance: np.random.Generator, *, thick: float) -> Picture:
    """Paint in soft blots everywhere that let through none to half of the light, a quarter on average."""
    seen = middle(picture)
    height, width = seen.shape[:2]
    blots = np.random.default_rng(7).integers(128, 256, (6, 9, 1), np.uint8).repeat(3, axis=2)
    paint = scaled(blots, width=width, height=height)[:, :, :1].astype(np.float32) / 255 * thick
    return (seen * (1 - paint) + np.float32(150) * paint).astype(np.uint8)


def defocused(picture: Picture, _since: float, _chance: np.random.Generator, *, share: float) -> Picture:
    seen = middle(picture)
    radius = max(1, round(share * seen.shape[1] / 2))
    return smeared(smeared(seen, radius_px=radius), radius_px=radius)


def turned(picture: Picture, _since: float, _chance: np.random.Generator, *, right: float, down: float) -> Picture:
    return middle(picture, right, down)


def dimmed(picture: Picture, _since: float, chance: np.random.Generator, *, share: float) -> Picture:
    return noisy(lit(middle(picture), share), 1.5, chance)


def overexposed(picture: Picture, _since: float, _chance: np.random.Generator, *, times: float) -> Picture:
    return np.asarray(np.clip(middle(picture).astype(np.float32) * times + 60, 0, 255), np.uint8)


def noisy(picture: Picture, sigma: float, chance: np.random.Generator) -> Picture:
    grain = chance.standard_normal(picture.shape, np.float32) * np.float32(sigma)
    return np.asarray(np.clip(picture + grain, 0, 255), np.uint8)


def crackling(picture: Picture, _since: float, chance: np.random.Generator, *, sigma: float) -> Picture:
    return noisy(middle(picture), sigma, chance)


FAULTS: Mapping[str, tuple[set[str], Sequence[Change]]] = {
    "blocked": (
        {"camera/blocked"},
        (partial(covered, share=1.0, slide_s=0.0), partial(covered, share=0.8, slide_s=1.0)),
    ),
    "sprayed": ({"camera/blocked", "camera/defocus"}, (partial(sprayed, thick=1.0), partial(sprayed, thick=0.95))),
    "defocus": ({"camera/defocus", "camera/blocked"}, (partial(defocused, share=0.02), partial(defocused, share=0.04))),
    "moved": (
        {"camera/moved_by"},
        (
            partial(turned, right=0.05, down=0.0),
            partial(turned, right=0.2, down=0.0),
            partial(turned, right=-0.15, down=0.1),
            partial(turned, right=0.0, down=0.1),
        ),
    ),
    "dark": ({"camera/dark"}, (partial(dimmed, share=0.03), partial(dimmed, share=0.0))),
    "bright": ({"camera/bright"}, (partial(overexposed, times=8.0),)),
    "noise": ({"camera/noise"}, (partial(crackling, sigma=50.0),)),
}
"""Kind -> the quantities that name it rightly, and its variants."""


# What is no fault


def nightfall(picture: Picture, since: float, chance: np.random.Generator) -> Picture:
    """Down to a seventh of the light within 20 s and up again, with the grain of a raised gain."""
    share = 0.57 + 0.43 * math.cos(2 * math.pi * since / 40)
    return noisy(lit(middle(picture), share), 2 + 4 * (1 - share), chance)


def night_vision(picture: Picture, since: float, chance: np.random.Generator) -> Picture:
    """Every 10 s the switch: grey, flatter, lit from the camera so that the middle is brighter, grainy."""
    seen = middle(picture)
    if int(since / 10) % 2 == 0:
        return seen
    grey = seen.mean(axis=2, keepdims=True).repeat(3, axis=2)
    y, x = np.mgrid[-1 : 1 : seen.shape[0] * 1j, -1 : 1 : seen.shape[1] * 1j]
    lamp = np.exp(-(x**2 + y**2))[:, :, None]
    return noisy(np.asarray((255 * (grey / 255) ** 0.8) * (0.35 + 0.65 * lamp), np.float32).astype(np.uint8), 6, chance)


def clouds(picture: Picture, since: float, chance: np.random.Generator) -> Picture:
    """The edge of a shadow that leaves 45 % of the light crosses the picture in 4 s, to and fro."""
    seen = middle(picture).astype(np.float32)
    edge = 0.5 + 0.9 * math.sin(2 * math.pi * since / 16)
    x = np.linspace(0, 1, seen.shape[1])
    shade = 0.45 + 0.55 / (1 + np.exp(-(x - edge) * 25))
    return noisy((seen * shade[None, :, None]).astype(np.uint8), 1.5, chance)


def headlights(picture: Picture, since: float, chance: np.random.Generator) -> Picture:
    """Night; every 6 s two lamps come nearer until they dazzle, with a veil over everything."""
    seen = middle(picture).astype(np.float32) * np.float32(0.3)
    t = since % 6 / 6
    height, width = seen.shape[:2]
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    size = 0.01 + 0.09 * t
    for side in (-1, 1):
        seen += (
            400
            * np.exp(-((x - 0.2 - 0.5 * t - side * size * 1.5) ** 2 + (y - 0.5 - 0.2 * t) ** 2) / size**2)[:, :, None]
        )
    return noisy(np.clip(seen + 40 * t, 0, 255).astype(np.uint8), 4, chance)


def traffic(picture: Picture, since: float, chance: np.random.Generator) -> Picture:
    """Night; a car every 4 to 12 s from either side, one lamp or two, for 1.5 to 5 s, with a veil of its own."""
    seen = middle(picture).astype(np.float32) * np.float32(0.3)
    began, car = 0.0, np.random.default_rng(11)
    while True:
        wait, lasts, veil = car.uniform(4.0, 12.0), car.uniform(1.5, 5.0), car.uniform(20.0, 60.0)
        side, row, lamps = car.choice([-1, 1]), car.uniform(0.4, 0.8), car.integers(1, 3)
        if since < began + wait:
            break
        began += wait
    t = (since - began) / lasts
    if began and t < 1.0:
        height, width = seen.shape[:2]
        y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
        size, middle_x = 0.01 + 0.06 * t, 0.5 + side * (0.6 * t - 0.3)
        for number in range(lamps):
            away = (x - middle_x - 3 * size * number) ** 2 + (y - row) ** 2
            seen += 400 * np.exp(-away / size**2)[:, :, None]
        seen += veil * t
    return noisy(np.clip(seen, 0, 255).astype(np.uint8), 4, chance)


def rain(picture: Picture, _since: float, chance: np.random.Generator) -> Picture:
    """Bright streaks over a tenth of the picture, anew in each, less contrast and a little haze."""
    seen = middle(picture).astype(np.float32) * np.float32(0.8) + np.float32(25)
    height, width = seen.shape[:2]
    wide, tall = max(1, width // 300), max(3, height // 15)
    count = round(0.1 * height * width / (wide * tall))
    for top, left in zip(chance.integers(0, height, count), chance.integers(0, width, count), strict=True):
        seen[top : top + tall, left : left + wide] += 70
    return noisy(np.clip(seen, 0, 255).astype(np.uint8), 3, chance)


NEGATIVES: Mapping[str, Change] = {
    "nightfall": nightfall,
    "night_vision": night_vision,
    "clouds": clouds,
    "headlights": headlights,
    "traffic": traffic,
    "rain": rain,
}


if __name__ == "__main__":
    main()
