"""How surely a thing that is left behind is told, and how often one is told where there is none.

    python bench/left_object.py --data FOLDER [--json] [--scenes N] [--seed N]

Real film, the shipped detector and tracker with their defaults, five pictures a second. Positives: a drawn bag or box
(a quarter to a half of a person there, any colour) appears where a real walker stands who then goes on and is not back when it is due, and stays to the end;
N of them in each film that has such walkers. It is right when the rule `loitering` of `left_s` (10 s alone) opens in a small zone around the
place. Negatives: all the film as it is, the whole picture one zone. UCSD Ped2 is many short films of one camera; they are shown
one after the other, so that people jump at the cuts.

Beside it, in the same run, what one would otherwise take: OpenCV's MOG2 and a patch of the same least size that has been
foreground in the same place for 10 s.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from agent.anomaly.engine import Engine, ids
from agent.anomaly.settings import LoiteringRule
from agent.clock import SystemClock
from agent.pixels import Box, Frame, Track, Tracks
from agent.records import Phase
from agent.vision.detector import TfliteDetector
from agent.vision.geometry import covered
from agent.vision.left import NEAR, Left, away
from agent.vision.raster import small
from agent.vision.settings import View, VisionSettings, Zone
from agent.vision.tracker import Tracker
from bench.machine import show
from bench.tamper import poisson_bound

Picture = NDArray[np.uint8]

STEP_S = 0.2
KEPT_WIDTH = 384
MOST_S = 120.0
STAY_S = 10.0
START = 1_700_000_000.0
FIRST_S, LAST_S = 8.0, STAY_S + 30.0
"""A thing comes no sooner after the beginning and no later before the end."""
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LATER_S = 2.0
"""Whoever comes back to a thing sooner than this after it was due has not left it."""
DAY_H = 24.0
HISTORY, LEARNED = 1500, 25
"""By itself MOG2 learns so fast in the first minutes that it takes a thing in within seconds; it is held to five minutes after 25 pictures."""


@dataclass(frozen=True)
class Film:
    """Pictures five a second, small, with what the tracker made of the full ones."""

    name: str
    pictures: Sequence[Picture]
    tracks: Sequence[Tracks]

    @property
    def hours(self) -> float:
        return len(self.pictures) * STEP_S / 3600

    @property
    def aspect(self) -> float:
        height, width = self.pictures[0].shape[:2]
        return float(width / height)


@dataclass(frozen=True)
class Drop:
    """A thing that appears at picture `number` and stays; its owner is gone at `gone`."""

    number: int
    gone: int
    box: Box


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with clips, ucsd_ped2, mot15_pets09_s2l1")
    parser.add_argument("--scenes", type=int, default=8, help="things put into each film")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    show(measured(options.data, options.scenes, options.seed), as_json=options.json)


def measured(data: Path, scenes: int, seed: int) -> dict[str, Any]:
    settings = VisionSettings()
    detector = TfliteDetector.from_settings(settings, timer=SystemClock().monotonic)
    films: dict[str, Any] = {}
    tried = found = plain = 0
    false = plain_false = 0
    hours = spent = looks = 0.0
    delays: list[float] = []
    for name, paths in sources(data).items():
        film = watched(name, paths, detector, settings)
        chance = random.Random(f"{seed}/{name}")
        drops = list(places(film, chance, count=scenes))
        told = [delay for drop in drops if (delay := told_after(film, drop, chance)) is not None]
        wrong, cpu_s = alarms(film)
        mog = [foreground(film, drop, chance) for drop in drops]
        mog_wrong = foreground_alarms(film)
        films[name] = {
            "minutes": round(60 * film.hours, 1), "things": len(drops), "told": len(told), "false": wrong,
            "mog2_told": sum(mog), "mog2_false": mog_wrong,
        }  # fmt: skip
        tried, found, plain = tried + len(drops), found + len(told), plain + sum(mog)
        false, plain_false, hours = false + wrong, plain_false + mog_wrong, hours + film.hours
        spent, looks = spent + cpu_s, looks + len(film.pictures)
        delays += told
    return {
        "films": films,
        "recall": round(found / max(1, tried), 3), "things": tried,
        "median_delay_after_due_s": round(statistics.median(delays), 1) if delays else None,
        "false_alarms": false, "negative_hours": round(hours, 3),
        "false_a_day_at_most_95": round(poisson_bound(false) / hours * DAY_H, 1),
        "mog2_recall": round(plain / max(1, tried), 3), "mog2_false_alarms": plain_false,
        "cpu_ms_a_frame": round(1000 * spent / looks, 3),
    }  # fmt: skip


# Film


def sources(data: Path) -> dict[str, list[Path]]:
    clips = {path.stem: [path] for path in sorted((data / "clips").glob("*.mp4"))}
    ped2 = sorted((data / "ucsd_ped2").glob("t*/*.mp4")) or sorted((data / "ucsd_ped2").glob("t*/*.avi"))
    return {**clips, "pets09-s2l1": [data / "mot15_pets09_s2l1" / "vtest.avi"], "ucsd-ped2": ped2}


def watched(
    name: str, paths: Sequence[Path], detector: TfliteDetector, settings: VisionSettings, *, most_s: float = MOST_S
) -> Film:
    """The first `most_s` seconds of films shown one after the other."""
    tracker = Tracker(name, settings.tracker)
    kept: list[Picture] = []
    tracks: list[Tracks] = []
    shown = (picture for path in paths for picture in decoded(path))
    for number, picture in enumerate(islice(shown, round(most_s / STEP_S))):
        at = START + number * STEP_S
        tracks.append(tracker.update(detector.detect(Frame(name, at, picture))))
        kept.append(small(picture, width=KEPT_WIDTH))
    return Film(name, kept, tracks)


def decoded(path: Path) -> Iterator[Picture]:
    """Five a second; films without a rate are taken for ten."""
    with av.open(str(path)) as container:
        fps = float(container.streams.video[0].average_rate or 10)
        due = 0.0
        for number, picture in enumerate(container.decode(video=0)):
            if number / fps >= due:
                due += STEP_S
                yield np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)


# Things


def places(film: Film, chance: random.Random, *, count: int) -> Iterator[Drop]:
    """Where real walkers could have put something down and gone on, at random."""
    numbers = list(range(round(FIRST_S / STEP_S), len(film.tracks) - round(LAST_S / STEP_S)))
    chance.shuffle(numbers)
    found = 0
    used: list[Box] = []
    for number in numbers:
        walkers = [track for track in film.tracks[number].items if track.label == "person" and not track.coasting_s]
        chance.shuffle(walkers)
        for walker in walkers:
            drop = dropped(film, number, walker, chance)
            if drop and found < count and not any(covered(drop.box, other) > 0.5 for other in used):
                found += 1
                used.append(drop.box)
                yield drop


def dropped(film: Film, number: int, walker: Track, chance: random.Random) -> Drop | None:
    """A thing at somebody's feet, if they go away within ten seconds, do not come back, and it can then be seen half of the time."""
    left, top, right, bottom = walker.box
    tall = (bottom - top) * chance.uniform(0.25, 0.5)
    wide = tall * chance.uniform(0.6, 1.4) / film.aspect
    middle = (left + right) / 2
    box = Box(middle - wide / 2, bottom - tall, middle + wide / 2, bottom)
    if box.left < 0.02 or box.right > 0.98 or box.bottom > 0.98 or tall * film.pictures[0].shape[0] < 10:
        return None
    for later in range(number, min(len(film.tracks), number + round(10 / STEP_S))):
        owner = next((one for one in film.tracks[later].items if one.number == walker.number), None)
        if owner is None:
            return None
        if away(owner, box, film.aspect) > NEAR:
            rest = film.tracks[later : later + round((STAY_S + LATER_S) / STEP_S)]
            hidden = sum(any(covered(box, one.box) > 0.3 for one in tracks.items) for tracks in rest)
            fits = later + round((STAY_S + 25) / STEP_S) < len(film.tracks) and hidden < 0.5 * len(rest)
            is_back = any(is_near(tracks, walker.number, box, film.aspect) for tracks in rest)
            return Drop(number, later, box) if fits and not is_back else None
    return None


def is_near(tracks: Tracks, number: int, box: Box, aspect: float) -> bool:
    """Whether somebody is where they would be minding a thing."""
    return any(one.number == number and away(one, box, aspect) <= NEAR for one in tracks.items)


def with_thing(film: Film, drop: Drop, chance: random.Random) -> Iterator[Picture]:
    """The film with the thing in it, behind whoever passes before it."""
    height, width = film.pictures[0].shape[:2]
    rows = slice(round(drop.box.top * height), round(drop.box.bottom * height))
    columns = slice(round(drop.box.left * width), round(drop.box.right * width))
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    colour = np.array([chance.uniform(20, 235) for _ in range(3)])
    y, x = np.mgrid[-1 : 1 : tall * 1j, -1 : 1 : wide * 1j]
    shape = np.clip(4 * (1 - (np.abs(x) ** 4 + np.abs(y) ** 4)), 0, 1)[:, :, None]
    folds = 1 + 0.25 * np.sin(chance.uniform(2, 7) * x + chance.uniform(0, 6)) - 0.25 * y
    thing = np.clip(colour * folds[:, :, None], 0, 255)
    for number, picture in enumerate(film.pictures):
        if number < drop.number:
            yield picture
            continue
        shown = picture.copy()
        grain = np.random.default_rng(number).normal(0, 2, thing.shape)
        alpha = shape * ~in_front(film, number, drop, (rows, columns), (tall, wide))
        shown[rows, columns] = (shown[rows, columns] * (1 - alpha) + np.clip(thing + grain, 0, 255) * alpha).astype(
            np.uint8
        )
        yield shown


def in_front(
    film: Film, number: int, drop: Drop, place: tuple[slice, slice], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Which pixels of the thing somebody hides whose feet are lower in the picture."""
    hidden = np.zeros((*size, 1), np.bool_)
    height, width = film.pictures[0].shape[:2]
    for track in film.tracks[number].items:
        left, top, right, bottom = track.box
        if bottom >= drop.box.bottom:
            rows = slice(max(0, round(top * height) - place[0].start), max(0, round(bottom * height) - place[0].start))
            columns = slice(max(0, round(left * width) - place[1].start), max(0, round(right * width) - place[1].start))
            hidden[rows, columns] = True
    return hidden


# The node's way


def told_after(film: Film, drop: Drop, chance: random.Random) -> float | None:
    """Seconds from the moment when the thing has been alone for STAY_S to the event; None where it is not told."""
    left, top, right, bottom = drop.box
    wide, tall = right - left, bottom - top
    box = (max(0.0, left - wide), max(0.0, top - tall), min(1.0, right + wide), min(1.0, bottom + tall))
    around = ((box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3]))
    due = START + drop.gone * STEP_S + STAY_S
    opened = events(film, with_thing(film, drop, chance), around)
    after = [at - due for at in opened if at > START + drop.number * STEP_S]
    return after[0] if after else None


def alarms(film: Film) -> tuple[int, float]:
    """Events in the film as it is, and the CPU seconds that the watching of things took."""
    clock = cpu_s()
    count = len(list(events(film, iter(film.pictures), WHOLE)))
    return count, cpu_s() - clock


def events(film: Film, pictures: Iterator[Picture], polygon: Sequence[tuple[float, float]]) -> Iterator[float]:
    """When the rule opened an event."""
    view = View(masks=(), zones=(Zone("place", tuple(polygon), things=True),))
    left = Left(view, report_s=1.0)
    engine = Engine(
        [LoiteringRule(id="left", quantity="place/object/left_s", stay_s=STAY_S, per_hour=3600)], new_id=ids("0")
    )
    for picture, tracks in zip(pictures, film.tracks, strict=False):
        for observation in left.observe(Frame(film.name, tracks.at, picture), tracks):
            yield from (event.at for event in engine.update(observation) if event.phase is Phase.OPENED)
        yield from (event.at for event in engine.advance(tracks.at + 0.01) if event.phase is Phase.OPENED)


def cpu_s() -> float:
    times = os.times()
    return float(times.user + times.system)


# What one would otherwise take


@dataclass
class Plain:
    """MOG2 and an area threshold: where has there been foreground for STAY_S without a break of more than a second?"""

    least_px: int = 14 * (KEPT_WIDTH // 192) ** 2
    model: Any = field(default_factory=lambda: cv2.createBackgroundSubtractorMOG2(history=HISTORY))
    looks: int = 0
    since: NDArray[np.float64] | None = None
    last: NDArray[np.float64] | None = None

    def look(self, picture: Picture, at: float) -> list[Box]:
        self.looks += 1
        rate = -1.0 if self.looks <= LEARNED else 1.0 / HISTORY
        fresh = (
            cv2.morphologyEx(self.model.apply(picture, learningRate=rate), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
            == 255
        )
        if self.since is None or self.last is None:
            self.since, self.last = np.full(fresh.shape, math.inf), np.full(fresh.shape, -math.inf)
        self.since[fresh & (at - self.last > 1.0)] = at
        self.last[fresh] = at
        standing = (at - self.last <= 1.0) & (at - self.since >= STAY_S)
        _, _, stats, _ = cv2.connectedComponentsWithStats(standing.astype(np.uint8))
        height, width = fresh.shape
        return [
            Box(x / width, y / height, (x + w) / width, (y + h) / height)
            for x, y, w, h, pixels in stats[1:].tolist()
            if pixels >= self.least_px
        ]


def foreground(film: Film, drop: Drop, chance: random.Random) -> bool:
    plain = Plain()
    for number, picture in enumerate(with_thing(film, drop, chance)):
        if any(covered(drop.box, box) > 0.2 for box in plain.look(picture, number * STEP_S)) and number > drop.number:
            return True
    return False


def foreground_alarms(film: Film) -> int:
    """Patches that begin to count as standing; one place counts once a minute."""
    plain, told = Plain(), list[tuple[float, Box]]()
    for number, picture in enumerate(film.pictures):
        at = number * STEP_S
        for box in plain.look(picture, at):
            if not any(
                covered(box, other) > 0.2 or covered(other, box) > 0.2 for when, other in told if at - when < 60
            ):
                told.append((at, box))
    return len(told)


if __name__ == "__main__":
    main()
