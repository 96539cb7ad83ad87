"""People and cars for drawn scenes, cut out of real film while a figure is made; nothing of them is kept.

A person is a run of pictures of one walker of PETS09-S2L1 whom nobody hides, without what stands behind: how the legs go is
real, where they go is not. A car is a labelled box of a photo, its corners rounded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from agent.vision.raster import blobs

Picture = NDArray[np.uint8]
Boxes = dict[int, tuple[float, float, float, float]]
"""Number of a person -> left, top, width, height in pixels."""

SHORTEST, LONGEST = 12, 30
"""Pictures of a run: a walk repeats itself after about twelve."""
MOST = 24
APART_PX = 4.0
STRAY = 22
"""A pixel that differs by more from the empty place belongs to whoever is there."""
MARGIN = 0.08
LEAST_PACE = 0.03
"""Body heights a picture; slower is standing."""
WHOLE = 0.8
"""Share of the height that is to be of one piece: less is somebody behind a post."""
LEAST_BLOB_PX, BIKE_PX = 300, 1800
SOLID = 0.4


@dataclass(frozen=True, slots=True)
class Person:
    """Pictures (height, width, 4) whose last channel says what is theirs; `pace` is heights from one to the next, to the right."""

    pictures: Sequence[Picture]
    pace: float

    def at(self, gone: float, *, to_left: bool) -> Picture:
        """How they look after so many heights of way, to and fro so that there is no jump."""
        count = len(self.pictures)
        step = int(abs(gone) / abs(self.pace)) % (2 * count - 2)
        picture = self.pictures[min(step, 2 * count - 2 - step)]
        return picture[:, ::-1] if to_left is (self.pace > 0) else picture


def people(data: Path) -> list[Person]:
    """Walkers of the film, always the same ones in the same order."""
    folder = data / "mot15_pets09_s2l1"
    truth = list(_truth(folder / "gt.txt"))
    empty = np.median(np.stack(list(islice(_film(folder / "vtest.avi"), 0, None, 20))), axis=0).astype(np.uint8)
    running: dict[int, list[tuple[float, Picture]]] = defaultdict(list)
    found: list[Person] = []
    for number, picture in enumerate(_film(folder / "vtest.avi")):
        boxes = truth[number] if number < len(truth) else {}
        alone = {who for who in boxes if _is_alone(who, boxes, picture.shape)}
        for who in alone:
            left, _, width, height = boxes[who]
            running[who].append(((left + width / 2) / height, _cut(picture, empty, boxes[who])))
        for who in list(running):
            if who not in alone or len(running[who]) >= LONGEST:
                found += _person(running.pop(who))
    return found[:: max(1, len(found) // MOST)][:MOST]


def riders(data: Path) -> tuple[list[Picture], list[Picture]]:
    """Cyclists (heading right) and cars (to the left), seen whole, in a short film of an empty place."""
    film = list(_film(data / "clips" / "person-bicycle-car-detection_preview.mp4"))
    empty = np.median(np.stack(film), axis=0).astype(np.uint8)
    bikes, cars = list[Picture](), list[Picture]()
    for picture in film:
        strays = (cv2.absdiff(picture, empty).max(axis=2) > STRAY).astype(np.uint8)
        solid = np.asarray(cv2.morphologyEx(strays * 255, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)), np.uint8)
        for blob in blobs(solid, least=LEAST_BLOB_PX):
            wide, tall = blob.right - blob.left, blob.bottom - blob.top
            is_solid = blob.pixels > SOLID * wide * tall  # and not one with a line on the ground
            if (
                is_solid
                and blob.left > 0
                and blob.top > 0
                and blob.right < picture.shape[1]
                and blob.bottom < picture.shape[0]
            ):
                patch = _patch(picture, solid, slice(blob.top, blob.bottom), slice(blob.left, blob.right))
                bikes += [patch] if blob.pixels < BIKE_PX and 0.7 < wide / tall < 1.2 else []
                cars += [patch] if blob.pixels > BIKE_PX and wide > tall else []
    return bikes, cars


def _truth(path: Path) -> Iterator[Boxes]:
    """Of every frame all rows, also those that do not count: they hide somebody too."""
    frames: dict[int, Boxes] = defaultdict(dict)
    for line in path.read_text().splitlines():
        words = line.split(",")
        left, top, width, height = (float(word) for word in words[2:6])
        frames[int(words[0])][int(words[1])] = (left, top, width, height)
    return (frames[number] for number in range(1, max(frames) + 1))


def _film(path: Path) -> Iterator[Picture]:
    with av.open(str(path)) as container:
        for picture in container.decode(video=0):
            yield np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)


def _is_alone(who: int, boxes: Boxes, shape: tuple[int, ...]) -> bool:
    left, top, width, height = boxes[who]
    within = left > 0 and top > 0 and left + width < shape[1] and top + height < shape[0]
    return within and not any(
        left - APART_PX < other[0] + other[2]
        and other[0] < left + width + APART_PX
        and top - APART_PX < other[1] + other[3]
        and other[1] < top + height + APART_PX
        for number, other in boxes.items()
        if number != who
    )


def _cut(picture: Picture, empty: Picture, box: tuple[float, float, float, float]) -> Picture:
    left, top, width, height = box
    wide, tall = width * MARGIN, height * MARGIN
    rows = slice(max(0, round(top - tall)), round(top + height + tall))
    columns = slice(max(0, round(left - wide)), round(left + width + wide))
    seen = picture[rows, columns]
    strays = (cv2.absdiff(seen, empty[rows, columns]).max(axis=2) > STRAY).astype(np.uint8) * 255
    solid = cv2.morphologyEx(cv2.medianBlur(strays, 3), cv2.MORPH_CLOSE, np.ones((7, 5), np.uint8))
    return np.dstack([seen, cv2.GaussianBlur(solid, (3, 3), 0)])


def _patch(picture: Picture, solid: Picture, rows: slice, columns: slice) -> Picture:
    return np.dstack([picture[rows, columns], cv2.GaussianBlur(solid[rows, columns], (3, 3), 0)])


def _person(run: Sequence[tuple[float, Picture]]) -> list[Person]:
    if len(run) < SHORTEST:
        return []
    pace = (run[-1][0] - run[0][0]) / (len(run) - 1)
    pictures = [picture for _, picture in run]
    is_seen = abs(pace) >= LEAST_PACE and all(_of_one_piece(picture) for picture in pictures)
    return [Person(pictures, pace)] if is_seen else []


def _of_one_piece(picture: Picture) -> bool:
    _, _, stats, _ = cv2.connectedComponentsWithStats((picture[:, :, 3] > STRAY).astype(np.uint8))
    return bool(stats[1:, cv2.CC_STAT_HEIGHT].max(initial=0) >= WHOLE * picture.shape[0])
