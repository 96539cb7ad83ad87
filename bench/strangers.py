"""How a scene's normality fares in places that nobody tuned it for, each run to its end.

    python bench/strangers.py --data FOLDER [--json] [--only NAME] [--quick] [--model NAME] [--every N] [--keep FOLDER]

Places of sizes, rates, perspectives and lengths of training as known scenes have them, in the layout of the protocol: a made
ground, real walkers (bench/cast.py) who go their ways across it, and in each test clip one kind of thing that does not belong: a
runner, a cyclist, a car, a skater, somebody who goes against the stream. `ped2_*` are the real scene at other sizes and rates. Everything is written to a temporary
folder and measured as bench/scene_anomaly.py does it, with the same settings for all. Drawn places show whether anything hangs on
size, rate or length; how well real strangers go they cannot say.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from bench.cast import Person, Picture, people, riders
from bench.machine import show
from bench.scene_anomaly import MEMORY, Eyes, Ours, Run, alone_mb, areas, raised
from bench.scenes import Clip, Truth, Video, scene

STEP_S = 0.04
"""What moves is reckoned so finely whatever the rate of the film."""
GRAIN = 2.0
"""Noise of the sensor in grey levels."""
SLANT = 0.35
"""Ways into the depth look so much shorter than ways across."""


@dataclass(frozen=True, slots=True)
class Place:
    """A camera: `near` and `far` are heights of people at the lower edge and at `horizon_row`, the farthest row of feet.

    `crowd` is how many come a second, `train` and `test` are clips and their seconds; `one_way` is a place with a stream.
    """

    width: int
    height: int
    fps: int
    near: float
    far: float
    farthest: float
    train: tuple[int, float]
    test_s: float
    odd: Sequence[str]
    crowd: float = 0.6
    one_way: bool = False
    ground: str = "plaza"

    def tall(self, foot: float) -> float:
        """The height of a person whose feet are on a row, both as shares of the frame."""
        return self.far + (self.near - self.far) * (foot - self.farthest) / (1.0 - self.farthest)


PLACES: Mapping[str, Place] = {
    "avenue": Place(640, 360, 25, 0.36, 0.22, 0.6, (8, 15.0), 10.0, ("runner", "cyclist", "against", "car"), 0.5, True),
    "walkway": Place(238, 158, 10, 0.15, 0.07, 0.3, (16, 20.0), 18.0, ("cyclist", "car", "skater", "runner")),
    "campus": Place(856, 480, 24, 0.28, 0.1, 0.4, (8, 15.0), 10.0, ("cyclist", "runner", "car", "skater"), ground="lawn"),
    "street": Place(704, 576, 12, 0.2, 0.09, 0.5, (8, 20.0), 12.0, ("runner", "cyclist", "against"), 0.7, True, "street"),
    "short": Place(640, 360, 25, 0.3, 0.16, 0.5, (4, 15.0), 10.0, ("runner", "cyclist", "car"), 1.0),
    "slow": Place(640, 480, 5, 0.24, 0.12, 0.45, (4, 60.0), 20.0, ("runner", "cyclist", "car")),
    "overview": Place(1280, 720, 15, 0.11, 0.05, 0.3, (6, 15.0), 10.0, ("cyclist", "runner", "car"), 1.0, ground="lawn"),
    "doorway": Place(640, 480, 15, 0.8, 0.6, 0.85, (8, 20.0), 10.0, ("runner", "against"), 0.5, True),
}  # fmt: skip
FILMS = {"ped2_238": (238, 158, 1), "ped2_640": (640, 426, 1), "ped2_5fps": (360, 240, 2)}
"""UCSD Ped2 at other sizes, each so manieth picture of it."""


@dataclass(slots=True)
class Walk:
    """Somebody on their way: feet in shares of the frame, heading in radians, speed in body heights a second."""

    kind: str
    looks: Person | Picture
    since: float
    at: tuple[float, float]
    heading: float
    speed: float
    gone: float = 0.0

    def step(self, place: Place) -> None:
        way = self.speed * place.tall(self.at[1]) * STEP_S
        right = way * math.cos(self.heading) * place.height / place.width
        self.at = self.at[0] + right, self.at[1] + way * SLANT * math.sin(self.heading)
        self.gone += self.speed * STEP_S

    @property
    def is_out(self) -> bool:
        return not (-0.3 < self.at[0] < 1.3 and self.at[1] < 1.6)

    def is_in(self, place: Place) -> bool:
        """Whether a good part of them is within the frame."""
        half = 0.2 * place.tall(min(self.at[1], 1.0)) * place.height / place.width
        return -half < self.at[0] < 1.0 + half

    def drawn(self, place: Place) -> Picture:
        """What is to be seen of them, as large as it is there."""
        to_left = math.cos(self.heading) < 0.0
        tall = place.tall(min(self.at[1], 1.0)) * place.height
        if isinstance(self.looks, Person):
            picture = self.looks.at(0.0 if self.kind == "skater" else self.gone, to_left=to_left)
        else:
            picture = self.looks[:, ::-1] if to_left is (self.kind == "cyclist") else self.looks
            tall *= {"cyclist": 1.05, "car": 0.95}[self.kind]
        wide = max(1, round(picture.shape[1] * tall / picture.shape[0]))
        shape = (wide, max(1, round(tall)))
        return np.asarray(cv2.resize(picture, shape, interpolation=cv2.INTER_AREA), np.uint8)


SPEEDS = {"walker": (0.75, 0.12), "runner": (2.4, 0.3), "cyclist": (2.6, 0.4), "car": (2.4, 0.6), "skater": (1.9, 0.3), "against": (0.75, 0.12)}  # fmt: skip
"""Body heights a second of each kind: mean and deviation."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Who can appear, and in what order chance has it."""

    people: Sequence[Person]
    bikes: Sequence[Picture]
    cars: Sequence[Picture]

    def enters(self, kind: str, place: Place, since: float, chance: np.random.Generator) -> Walk:
        """Somebody at the left or right edge, on their way across."""
        to_left = bool(chance.random() < 0.5) if not place.one_way else kind == "against"
        choice = {"cyclist": self.bikes, "car": self.cars}.get(kind, self.people)
        looks = choice[int(chance.integers(len(choice)))]
        foot = chance.uniform(place.farthest, 0.97)
        mean, deviation = SPEEDS[kind]
        speed = max(0.5 * mean, chance.normal(mean, deviation))
        heading = chance.normal(math.pi if to_left else 0.0, 0.25)
        return Walk(kind, looks, since, (1.08 if to_left else -0.08, foot), heading, speed)

    def plays(
        self, place: Place, seconds: float, odd: str, chance: np.random.Generator
    ) -> Iterator[tuple[list[Walk], bool]]:
        """Who is there at each picture, and whether what is odd can be seen; the place has filled before the first."""
        before = 2.0 / (place.tall(0.8) * 0.75 * place.height / place.width)
        walks: list[Walk] = []
        odd_at = before + seconds * chance.uniform(0.25, 0.45)
        shown = 0
        for step in range(round((before + seconds) / STEP_S)):
            now = step * STEP_S
            if chance.random() < place.crowd * STEP_S:
                walks.append(self.enters("walker", place, now, chance))
            if odd and now <= odd_at < now + STEP_S:
                walks.append(self.enters(odd, place, now, chance))
            for walk in walks:
                walk.step(place)
            walks = [walk for walk in walks if not walk.is_out]
            if now >= before + shown / place.fps:
                shown += 1
                yield walks, any(walk.kind == odd and walk.is_in(place) for walk in walks)


def ground(place: Place, chance: np.random.Generator) -> NDArray[np.float32]:
    """Somewhere to walk: a facade, and tiles, grass or a road before it, with a light from one side."""
    width, height = place.width, place.height
    line = round(height * max(0.1, place.farthest - 0.1))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    deep = (y - line + height * 0.15) / height
    across = (x / width - 0.5) / np.maximum(deep, 0.05)
    rough = cv2.resize(chance.standard_normal((height // 4, width // 4), np.float32), (width, height))
    fine = chance.standard_normal((height, width), np.float32)
    tiles = 12.0 * ((np.floor(across * 4) + np.floor(1.0 / np.maximum(deep, 0.05) * 3)) % 2)
    surface = {"plaza": 140 + tiles, "lawn": 110 + 9 * rough, "street": 105 + 40.0 * (np.abs(deep - 0.45) < 0.02)}
    plate = surface[place.ground] + 4 * rough + 3 * fine + 25 * x / width
    windows = 45.0 * ((np.floor(x / width * 24) % 2 == 0) & (np.floor(y / height * 16) % 2 == 0))
    wall = 165 - windows + 3 * fine
    grey = np.where(y < line, wall, plate)
    tint = np.array([1.0, 1.02, 0.95] if place.ground != "lawn" else [0.85, 1.1, 0.75], np.float32)
    return np.asarray(grey[:, :, None] * tint, np.float32)


def grained(place: Place, chance: np.random.Generator) -> NDArray[np.float32]:
    """Noise of the sensor, larger than the picture: each takes another part of it."""
    return chance.standard_normal((place.height + 64, place.width + 64, 3), np.float32) * np.float32(GRAIN)


def picture(
    place: Place,
    empty: NDArray[np.float32],
    grain: NDArray[np.float32],
    walks: Sequence[Walk],
    chance: np.random.Generator,
) -> Picture:
    """The place with everybody in it, the nearest last."""
    plate = empty.copy()
    for walk in sorted(walks, key=lambda one: one.at[1]):
        drawn = walk.drawn(place)
        tall, wide = drawn.shape[:2]
        left, top = round(walk.at[0] * place.width - wide / 2), round(walk.at[1] * place.height) - tall
        first_x, first_y = max(0, -left), max(0, -top)
        last_x, last_y = min(wide, place.width - left), min(tall, place.height - top)
        if first_x < last_x and first_y < last_y:
            part = drawn[first_y:last_y, first_x:last_x].astype(np.float32)
            alpha = part[:, :, 3:] / 255.0
            spot = plate[top + first_y : top + last_y, left + first_x : left + last_x]
            spot += (part[:, :, :3] - spot) * alpha
    right, down = (
        int(chance.integers(extra)) for extra in (grain.shape[1] - place.width, grain.shape[0] - place.height)
    )
    plate += grain[down : down + place.height, right : right + place.width]
    return np.asarray(np.clip(plate, 0, 255), np.uint8)


# Scenes in files


def written(path: Path, pictures: Iterator[Picture], fps: Fraction) -> None:
    """A film of good quality."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        for number, plate in enumerate(pictures):
            if not number:
                stream.height, stream.width = plate.shape[0] // 2 * 2, plate.shape[1] // 2 * 2
                stream.pix_fmt, stream.bit_rate = "yuv420p", plate.size * 4
            even = np.ascontiguousarray(plate[: stream.height, : stream.width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        container.mux(stream.encode())


def drawn(folder: Path, name: str, stage: Stage) -> None:
    """A place of PLACES as files."""
    place, chance = PLACES[name], np.random.default_rng(sum(name.encode()))
    empty, grain = ground(place, chance), grained(place, chance)
    truth: dict[str, list[bool]] = defaultdict(list)

    def film(clip: str, seconds: float, odd: str) -> Iterator[Picture]:
        for walks, is_odd in stage.plays(place, seconds, odd, chance):
            truth[f"test_{clip}"].append(is_odd)
            yield picture(place, empty, grain, walks, chance)

    count, seconds = place.train
    for number in range(count):
        written(folder / "train" / f"{number:02}.mp4", film("", seconds, ""), Fraction(place.fps))
    for number, odd in enumerate([*place.odd, *place.odd]):
        clip = f"{odd}{number}"
        written(folder / "test" / f"{clip}.mp4", film(clip, place.test_s, odd), Fraction(place.fps))
    del truth["test_"]
    kept(folder, {clip: np.array(rows) for clip, rows in truth.items()})


def transformed(folder: Path, name: str, data: Path) -> None:
    """A real scene of FILMS as files."""
    width, height, skip = FILMS[name]
    real = scene(data / "ucsd_ped2")
    for part, clips in (("train", real.train), ("test", real.test)):
        for clip in clips:
            rate = Fraction(clip.frames()[1] / skip).limit_denominator(100)
            written(folder / part / f"{clip.name}.mp4", resized(replace(clip, skip=skip), width, height), rate)
    kept(folder, {f"test_{clip}": truth[::skip] for clip, truth in real.truth.items()})


def kept(folder: Path, truth: Mapping[str, Truth]) -> None:
    """The truth of a scene, where the layout has it."""
    arrays: dict[str, Any] = {clip: rows.astype(np.uint8) for clip, rows in truth.items()}
    np.savez(folder / "gt_frame.npz", **arrays)


def resized(clip: Clip, width: int, height: int) -> Iterator[Picture]:
    for _, plate in clip.pictures():
        how = cv2.INTER_AREA if width < plate.shape[1] else cv2.INTER_CUBIC
        yield np.asarray(cv2.resize(plate, (width, height), interpolation=how), np.uint8)


# Measuring


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with clips, mot15_pets09_s2l1, ucsd_ped2")
    parser.add_argument("--only", nargs="*", choices=[*PLACES, *FILMS], help="these alone")
    parser.add_argument("--model", default="nanodet-g-416")
    parser.add_argument("--every", type=int, default=3, help="the detector looks at every so many frames")
    parser.add_argument("--keep", type=Path, help="make the films here, and take what lies here already")
    parser.add_argument("--quick", action="store_true", help="without the memory")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="strangers-") as own:
        folder = options.keep or Path(own)
        stage = Stage(people(options.data), *riders(options.data))
        figures = {}
        for name in options.only or [*PLACES, *FILMS]:
            if not (folder / name).is_dir():
                drawn(folder / name, name, stage) if name in PLACES else transformed(folder / name, name, options.data)
            figures[name] = measured(scene(folder / name), options.model, options.every, quick=options.quick)
            print(json.dumps({name: figures[name]}), file=sys.stderr, flush=True)  # each takes a minute or two
    show(figures, as_json=options.json)


def measured(video: Video, model: str, every: int, *, quick: bool) -> dict[str, Any]:
    """A row of the table."""
    eyes = Eyes.of(model, every)
    ours = Ours.taught(eyes, video.train)
    train, ours.run = ours.run, Run()
    for clip in video.test:
        ours.watch(clip, learns=False)
    cost_s = eyes.spent_s / eyes.frames + (ours.run.spent_s + train.spent_s) / (ours.run.frames + train.frames)
    point = raised(video, ours.run)
    figures = {
        "train_s": round(sum(clip.seconds() for clip in video.train), 1),
        "things": ours.normality.scene.learned.tracks,
        "learned": ours.has_learned,
        **areas(video, ours.run),
        **{name: point[name] for name in ("stretches", "median_delay_s", "false_frames_pct", "by_the_rule")},
        "raised_of_kind": by_kind(video, ours.run),
        "frames_per_s": round(1 / cost_s, 1),
    }
    if not quick:
        rss = {who: alone_mb(video, model, every, who) for who in MEMORY}
        figures["rss_mb_added"] = rss["with_normality"] - rss["detector"]
    return figures


def by_kind(video: Video, run: Run) -> dict[str, str]:
    """Stretches raised of each kind of thing that does not belong."""
    kinds: dict[str, list[Clip]] = defaultdict(list)
    for clip in video.test:
        kinds[clip.name.rstrip("0123456789") or "any"].append(clip)
    return {kind: raised(replace(video, test=clips), run)["stretches"] for kind, clips in kinds.items()}


if __name__ == "__main__":
    main()
