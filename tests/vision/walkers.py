"""People as a detector sees them: boxes along straight ways, for tests of tracks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from agent.pixels import Box, Detection, Detections, Tracks
from agent.vision.settings import TrackerSettings
from agent.vision.tracker import Tracker

FPS = 5.0
TALL, WIDE = 0.2, 0.06

Way = Callable[[float], tuple[float, float] | None]
"""Where a foot is at an instant; None while it is not to be seen."""


def box(x: float, foot: float = 0.6, *, tall: float = TALL, wide: float = WIDE) -> Box:
    """Somebody whose foot is at x, foot."""
    return Box(x - wide / 2, foot - tall, x + wide / 2, foot)


def person(x: float, foot: float = 0.6, *, score: float = 0.8, tall: float = TALL, label: str = "person") -> Detection:
    return Detection(label, score, box(x, foot, tall=tall))


def walking(start: float, speed: float, foot: float = 0.6) -> Way:
    """Across the picture at so many widths of the frame a second."""
    return lambda at: (start + speed * at, foot)


def hidden(way: Way, *, since: float, until: float) -> Way:
    """The same way, with somebody or something before it for a while."""
    return lambda at: None if since <= at < until else way(at)


def seen(ways: Iterable[Way], *, seconds: float, fps: float = FPS, since: float = 0.0) -> Iterator[Detections]:
    """What a detector finds of them, frame by frame."""
    ways = list(ways)
    for number in range(round(seconds * fps)):
        at = since + number / fps
        feet = [foot for way in ways if (foot := way(at))]
        yield Detections("yard", at, tuple(person(x, y) for x, y in feet))


def tracked(frames: Iterable[Detections]) -> list[Tracks]:
    tracker = Tracker("yard", TrackerSettings())
    return [tracker.update(frame) for frame in frames]


def numbers(tracks: Tracks) -> list[int]:
    return sorted(track.number for track in tracks.items)


def places(tracks: Tracks) -> Mapping[int, float]:
    """Number -> x of the middle."""
    return {track.number: (track.box.left + track.box.right) / 2 for track in tracks.items}
