"""Scenes in the layout of the protocol, for bench/scene_anomaly.py: videos to learn from, videos to judge, and their truth.

    SCENE/train/*   SCENE/test/*   SCENE/gt_frame*.npz

Videos are .mp4, .avi, .mkv or .mov of any size and rate. The truth of a clip is an array with one number a frame (or a mask
a frame), above zero where something is wrong. It is found under the clip's name, with or without `test`, `gt`, `frame`, leading zeros
underscores and the video's ending, as a key of any of the files or as the name of a file that holds one array alone; where there is
one clip and one array, they belong together. Keys without a video are ignored.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from zipfile import BadZipFile

import av
import numpy as np
from numpy.typing import NDArray

from agent.errors import UserError

FPS = 10.0
"""Of a video that does not say."""
VIDEOS = (".mp4", ".avi", ".mkv", ".mov")
TRAIN, TEST = ("train", "training"), ("test", "testing")
Truth = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Clip:
    """One video of a scene, or the frames of it from `first` until before `last`: each `skip`-th, `shrink` times smaller."""

    name: str
    path: Path
    first: int = 0
    last: int | None = None
    skip: int = 1
    shrink: int = 1

    def pictures(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Seconds from its beginning, and the picture in RGB."""
        with opened(self.path) as container:
            rate = float(container.streams.video[0].average_rate or FPS)
            for number, picture in enumerate(container.decode(video=0)):
                if self.last is not None and number >= self.last:
                    return
                if number >= self.first and (number - self.first) % self.skip == 0:
                    width, height = picture.width // self.shrink, picture.height // self.shrink
                    plate = picture.to_ndarray(format="rgb24", width=width, height=height)
                    yield (number - self.first) / rate, np.ascontiguousarray(plate, np.uint8)

    def frames(self) -> tuple[int, float]:
        """How many, and how many a second."""
        with opened(self.path) as container:
            stream = container.streams.video[0]
            count = sum(1 for packet in container.demux(stream) if packet.size)
            if not count:
                raise UserError(f"{self.path}: no picture in it", hint="copy it again, or take it out of the folder")
            last = count if self.last is None else min(self.last, count)
            rate = float(stream.average_rate or FPS)
            return math.ceil((last - self.first) / self.skip), rate / self.skip

    def seconds(self) -> float:
        """How long it is."""
        count, rate = self.frames()
        return count / rate

    def cut(self, parts: int) -> list[Clip]:
        """So many clips of equal length, one after the other."""
        count = self.frames()[0] * self.skip
        edges = [self.first + count * part // parts for part in range(parts + 1)]
        return [
            replace(self, name=f"{self.name}.{number}", first=first, last=last)
            for number, (first, last) in enumerate(pairwise(edges))
        ]


@dataclass(frozen=True, slots=True)
class Video:
    """A scene in the layout of the protocol; `untold` are the names of test clips that have no truth and are left out."""

    folder: Path
    train: Sequence[Clip]
    test: Sequence[Clip]
    truth: Mapping[str, Truth]
    untold: Sequence[str] = field(default=())


@contextmanager
def opened(path: Path) -> Iterator[av.container.InputContainer]:
    """A video to read; UserError where it is none."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UserError(f"{path}: no picture in it", hint="copy it again, or take it out of the folder")
            yield container
    except av.FFmpegError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}", hint="copy it again, or take it out") from error


def scenes(folder: Path) -> list[Video]:
    """Every scene in a folder, or the folder itself; UserError where there is none or one is incomplete."""
    found = [scene(one) for one in (folder, *sorted(folder.glob("*"))) if _part(one, TRAIN) and _part(one, TEST)]
    if not found:
        raise UserError(
            f"{folder}: no scene in it", hint="a scene has train/, test/ and gt_frame*.npz: see bench/scenes.py"
        )
    return found


def scene(folder: Path) -> Video:
    """One scene; UserError names everything that is missing at once."""
    train, test = clips(_part(folder, TRAIN)), clips(_part(folder, TEST))
    known = _truths(folder)
    if len(test) == len(known) == 1:  # whatever it is called
        known = {_bare(test[0].name): next(iter(known.values()))}
    truth = {clip.name: known[name] for clip in test if (name := _bare(clip.name)) in known}
    missing = [f"no video in {part}/" for part, some in (("train", train), ("test", test)) if not some]
    if test and not truth:
        names, keys = ", ".join(clip.name for clip in test), ", ".join(sorted(known)) or "none"
        missing.append(f"no truth for any test clip ({names}); truth was found for: {keys}")
    if missing:
        raise UserError(f"{folder}: {'; '.join(missing)}", hint="see bench/scenes.py for the layout")
    untold = tuple(clip.name for clip in test if clip.name not in truth)
    return Video(folder, train, [clip for clip in test if clip.name in truth], truth, untold)


def clips(folder: Path | None) -> list[Clip]:
    """The videos of a folder by name."""
    paths = sorted(folder.iterdir()) if folder else []
    return [Clip(path.stem, path) for path in paths if path.suffix.lower() in VIDEOS]


def _part(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def _truths(folder: Path) -> dict[str, Truth]:
    """Bare names of clips and what is true of them."""
    known: dict[str, Truth] = {}
    for path in sorted(folder.glob("gt_frame*.npz")):
        try:
            with np.load(path) as file:
                arrays = {name: _by_frame(file[name]) for name in file.files}
        except (OSError, ValueError, TypeError, BadZipFile) as error:
            hint = "save arrays of numbers with numpy.savez, one a clip"
            raise UserError(f"{path}: no truth can be read from it: {error}", hint=hint) from error
        known |= {_bare(name): array for name, array in arrays.items()}
        if len(arrays) == 1 and (own := _bare(path.stem)):
            known[own] = next(iter(arrays.values()))
    return known


def _by_frame(array: NDArray[np.float64]) -> Truth:
    """Whether anything is wrong in each frame: of a row or column of numbers, or of a mask a frame."""
    wrong = np.atleast_1d(np.squeeze(np.asarray(array) > 0))
    return np.asarray(wrong.reshape(len(wrong), -1).any(axis=1))


def _bare(name: str) -> str:
    """A name without what files are decorated with: `test_01`, `Test001_gt.avi` and `gt_frame_1` are all `1`."""
    if name.lower().endswith(VIDEOS):
        name = name.rpartition(".")[0]
    words = re.sub(r"(?i)test(ing)?|gt|frames?|labels?|mask|video|clip", " ", name)
    parts = [part.lstrip("0") or "0" for part in re.split(r"[\s_.\-]+", words) if part]
    return "_".join(parts).lower()
