"""What zones and lines hold: the last place where a box exists. Boxes in, numbers out.

The foot point decides. A thing enters a zone when its foot is inside and leaves when the foot is
clearly outside or the track has ended; a line is crossed when the foot is clearly on its other side.
"Clearly" is a share of the thing's own height, so that a trembling box enters once. No number that
leaves says which track it came from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agent.pixels import Track, Tracks
from agent.records import Observation
from agent.vision.geometry import Point, crossing, distance_to_edge, foot, inside, side
from agent.vision.settings import Line, View, Zone

CLEAR = 0.12
"""How far beyond an edge the foot must be to be clearly there, in heights of its own box."""
BELIEVED_S = 1.5
"""How long a thing that is not seen still counts where its motion leads."""
SLOW, WALKING, RUNNING = 0.15, 0.5, 1.5
"""Where the classes of speed begin, in body heights per second."""


@dataclass(slots=True)
class Zones:
    """All zones and lines of one view, with the memory of who is where.

    `aspect` is the width of the frame over its height: fractions of it are not square.
    """

    view: View
    report_s: float
    aspect: float = 4 / 3
    _rooms: list[Room] = field(init=False)
    _borders: list[Border] = field(init=False)
    _reported: float | None = None

    def __post_init__(self) -> None:
        self._rooms = [Room(zone, label) for zone in self.view.zones for label in zone.labels]
        self._borders = [Border(line) for line in self.view.lines]

    def observe(self, tracks: Tracks) -> list[Observation]:
        """What happened since the last frame, and every `report_s` what there is."""
        believed = [track for track in tracks.items if track.coasting_s <= BELIEVED_S]
        found = [
            *(one for border in self._borders for one in border.observe(believed)),
            *(one for room in self._rooms for one in room.observe(believed, tracks.at)),
        ]
        if self._due(tracks.at):
            found += self._report(believed, tracks.at)
        return [Observation(tracks.camera, quantity, value, tracks.at) for quantity, value in found]

    def _due(self, at: float) -> bool:
        if self._reported is not None and 0.0 <= at - self._reported < self.report_s:
            return False
        self._reported = at
        return True

    def _report(self, tracks: Sequence[Track], at: float) -> Iterator[tuple[str, float]]:
        speeds = {track.number: body_heights_per_s(track, self.aspect) for track in tracks}
        for room in self._rooms:
            yield from room.report(speeds, at)
        for zone in self.view.zones:
            held = {number for room in self._rooms if room.zone is zone for number in room.inside_since}
            yield f"{zone.id}/all/occupancy", float(len(held))


@dataclass(slots=True)
class Room:
    """Who of one label is in one zone, and since when."""

    zone: Zone
    label: str
    inside_since: dict[int, float] = field(default_factory=dict)

    def observe(self, tracks: Iterable[Track], at: float) -> Iterator[tuple[str, float]]:
        """Arrivals and departures."""
        present = {track.number: track for track in tracks if track.label == self.label}
        for number in [number for number in self.inside_since if self._has_left(present.get(number))]:
            yield self._named("left"), 1.0
            yield self._named("stayed_s"), at - self.inside_since.pop(number)
        for number, track in present.items():
            if number not in self.inside_since and inside(foot(track.box), self.zone.polygon):
                self.inside_since[number] = at
                yield self._named("entered"), 1.0

    def report(self, speeds: dict[int, float], at: float) -> Iterator[tuple[str, float]]:
        """What there is: how many, how long the longest has been here, how fast the fastest is."""
        yield self._named("count"), float(len(self.inside_since))
        yield self._named("stay_s"), max((at - since for since in self.inside_since.values()), default=0.0)
        fastest = max((speeds[number] for number in self.inside_since if number in speeds), default=0.0)
        yield self._named("speed"), fastest
        yield self._named("speed_class"), speed_class(fastest)

    def _has_left(self, track: Track | None) -> bool:
        if track is None:
            return True
        place = foot(track.box)
        if inside(place, self.zone.polygon):
            return False
        return distance_to_edge(place, self.zone.polygon) > CLEAR * (track.box.bottom - track.box.top)

    def _named(self, measure: str) -> str:
        return f"{self.zone.id}/{self.label}/{measure}"


@dataclass(slots=True)
class Border:
    """A line, and where each thing last stood clearly beside it."""

    line: Line
    _stood: dict[int, Point] = field(default_factory=dict)

    def observe(self, tracks: Iterable[Track]) -> Iterator[tuple[str, float]]:
        """One number for each passage, by label and direction."""
        present = {track.number: track for track in tracks if track.label in self.line.labels}
        self._stood = {number: place for number, place in self._stood.items() if number in present}
        for number, track in present.items():
            place = foot(track.box)
            if not self._is_clear(place, track):
                continue
            before = self._stood.get(number)
            self._stood[number] = place
            way = crossing(before, place, self.line.start, self.line.end) if before else 0
            if way:
                yield f"{self.line.id}/{track.label}/{'in' if way > 0 else 'out'}", 1.0

    def _is_clear(self, place: Point, track: Track) -> bool:
        start, end = self.line.start, self.line.end
        length = math.dist(start, end)
        off = abs(side(place, start, end)) / length if length else 0.0
        return off > CLEAR * (track.box.bottom - track.box.top)


def body_heights_per_s(track: Track, aspect: float) -> float:
    """Speed in the thing's own heights per second, which perspective does not change."""
    height = max(track.box.bottom - track.box.top, 1e-6)
    return math.hypot(track.velocity[0] * aspect, track.velocity[1]) / height


def speed_class(speed: float) -> float:
    """0 still, 1 slow, 2 walking, 3 running, for a speed in body heights per second."""
    return float(sum(speed >= limit for limit in (SLOW, WALKING, RUNNING)))
