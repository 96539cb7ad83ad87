"""What zones and lines hold: the last place where a box exists. Boxes in, numbers out.

The foot point decides. A thing enters a zone when its foot is inside and leaves when the foot is
clearly outside or the track has ended; a line is crossed when the foot is clearly on its other side.
"Clearly" is a share of the thing's own height, so that a trembling box enters once. Who is not seen
counts for a moment longer; who is found again has not left. No number that leaves says which track it
came from.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agent.pixels import Track, Tracks
from agent.records import Observation
from agent.vision.conduct import VEHICLES, Rests, Stand, Way, is_lying, stands_for
from agent.vision.geometry import Point, Vertices, crossing, distance, distance_to_edge, inside
from agent.vision.settings import Line, View, Zone

CLEAR = 0.12
"""How far beyond an edge the foot must be to be clearly there, in heights of its own box."""
BELIEVED_S = 1.5
"""How long a thing that is not seen still counts where its motion leads."""
RIM = 1e-6
"""A box that the frame cuts off stands this far within it, so that a zone up to the rim holds it."""
SLOW, WALKING, RUNNING = 0.15, 0.5, 1.5
"""Where the classes of speed begin, in body heights per second."""

PERSON = "person"
DRIVEN = VEHICLES | {"vehicle"}

Named = tuple[str, float]
Swap = tuple[int, int]


@dataclass(slots=True)
class Zones:
    """All zones and lines of one view, with the memory of who is where.

    `aspect` is the width of the frame over its height: fractions of it are not square.
    """

    view: View
    report_s: float
    aspect: float = 4 / 3
    _drawn: float = 0.0
    _rooms: list[Room] = field(default_factory=list)
    _borders: list[Border] = field(default_factory=list)
    _reported: float | None = None

    def observe(self, tracks: Tracks) -> list[Observation]:
        """What happened since the last frame, and every `report_s` what there is."""
        if self._drawn != self.aspect:
            self._draw()
        stands = [stand(track, self.aspect) for track in tracks.items if track.coasting_s <= BELIEVED_S]
        known = {track.number: track.label for track in tracks.items}
        found: list[Named] = []
        places: list[Border | Room] = [*self._borders, *self._rooms]
        for one in places:
            one.exchange(tracks.exchanged)
            found += one.observe(stands, known, tracks.at)
        if self._due(tracks.at):
            found += self._report(tracks.at)
        return [Observation(tracks.camera, quantity, value, tracks.at) for quantity, value in found]

    def _draw(self) -> None:
        """Begin anew, with all corners in heights of the frame."""
        self._drawn = self.aspect
        self._rooms = [
            Room(zone, label, tuple(self._square(corner) for corner in zone.polygon), self._way(zone))
            for zone in self.view.zones
            for label in zone.labels
        ]
        self._borders = [Border(line, self._square(line.start), self._square(line.end)) for line in self.view.lines]

    def _way(self, zone: Zone) -> Way | None:
        return Way(self._square(zone.way[0]), self._square(zone.way[1])) if zone.way else None

    def _square(self, point: Point) -> Point:
        return (point[0] * self.aspect, point[1])

    def _due(self, at: float) -> bool:
        if self._reported is not None and 0.0 <= at - self._reported < self.report_s:
            return False
        self._reported = at
        return True

    def _report(self, at: float) -> Iterator[Named]:
        for room in self._rooms:
            yield from room.report(at)
        for zone in self.view.zones:
            held = {number for room in self._rooms if room.zone is zone for number in room.present(at)}
            yield f"{zone.id}/all/occupancy", float(len(held))


@dataclass(slots=True)
class Visit:
    """Since when somebody is in a zone, until when that was believed, and how fast they are."""

    since: float
    until: float
    speed: float


@dataclass(slots=True)
class Room:
    """Who of one label is in one zone."""

    zone: Zone
    label: str
    polygon: Vertices
    way: Way | None = None
    _visits: dict[int, Visit] = field(default_factory=dict)
    _fallen: Rests = field(default_factory=Rests)
    _stopped: Rests = field(default_factory=Rests)

    def observe(self, stands: Iterable[Stand], known: Mapping[int, str], at: float) -> Iterator[Named]:
        """Arrivals and departures; `known` are the labels of all tracks, also of those that are not believed."""
        labels = stands_for(self.label)
        for number in [number for number in self._visits if known.get(number) not in labels]:
            yield from self._left(number)
        ours = [one for one in stands if one.label in labels]
        for one in ours:
            if inside(one.place, self.polygon):
                if one.number not in self._visits:
                    yield self._named("entered"), 1.0
                since = self._visits[one.number].since if one.number in self._visits else at
                self._visits[one.number] = Visit(since, at, one.speed)
            elif visit := self._visits.get(one.number):
                visit.until = at
                if distance_to_edge(one.place, self.polygon) > CLEAR * one.height:
                    yield from self._left(one.number)
        yield from self._conduct([one for one in ours if one.number in self._visits], {one.number for one in ours}, at)

    def _conduct(self, here: Sequence[Stand], present: Collection[int], at: float) -> Iterator[Named]:
        """What those who are here do, besides being here."""
        if self.label == PERSON:
            self._fallen.observe((one for one in here if is_lying(one)), present, at)
        elif self.label in DRIVEN:
            self._stopped.observe(here, present, at)
        for _ in self.way.observe(here) if self.way else ():
            yield self._named("wrong_way"), 1.0

    def report(self, at: float) -> Iterator[Named]:
        """What there is: how many, how long the longest has been here, how fast the fastest is."""
        here = self.present(at)
        fastest = max((visit.speed for visit in here.values()), default=0.0)
        yield self._named("count"), float(len(here))
        yield self._named("stay_s"), max((at - visit.since for visit in here.values()), default=0.0)
        yield self._named("speed"), fastest
        yield self._named("speed_class"), speed_class(fastest)
        if self.label == PERSON:
            yield self._named("fallen_s"), self._fallen.longest(at)
        elif self.label in DRIVEN:
            yield self._named("stopped_s"), self._stopped.longest(at)

    def present(self, at: float) -> dict[int, Visit]:
        """Those who are believed to be here now."""
        return {number: visit for number, visit in self._visits.items() if visit.until >= at}

    def exchange(self, swaps: Sequence[Swap]) -> None:
        """Two tracks turned out to be one another; who was here goes on being here."""
        self._fallen.exchange(swaps)
        self._stopped.exchange(swaps)
        for one, other in swaps:
            if (one in self._visits) != (other in self._visits):
                gone, come = (one, other) if one in self._visits else (other, one)
                self._visits[come] = self._visits.pop(gone)

    def _left(self, number: int) -> Iterator[Named]:
        visit = self._visits.pop(number)
        yield self._named("left"), 1.0
        yield self._named("stayed_s"), visit.until - visit.since

    def _named(self, measure: str) -> str:
        return f"{self.zone.id}/{self.label}/{measure}"


@dataclass(slots=True)
class Border:
    """A line, and where each thing last stood clearly beside it."""

    line: Line
    start: Point
    end: Point
    _stood: dict[int, Point] = field(default_factory=dict)

    def observe(self, stands: Iterable[Stand], known: Mapping[int, str], _at: float) -> Iterator[Named]:
        """One number for each passage, by label and direction."""
        for number in [number for number in self._stood if number not in known]:
            del self._stood[number]
        for one in stands:
            if one.label in self.line.labels and self._is_clear(one):
                before = self._stood.get(one.number)
                self._stood[one.number] = one.place
                way = crossing(before, one.place, self.start, self.end) if before else 0
                if way:
                    yield f"{self.line.id}/{one.label}/{'in' if way > 0 else 'out'}", 1.0

    def exchange(self, swaps: Sequence[Swap]) -> None:
        """Two tracks turned out to be one another; neither has jumped over the line for that."""
        for pair in swaps:
            places = [self._stood.pop(number, None) for number in pair]
            for number, place in zip(pair, reversed(places), strict=True):
                if place:
                    self._stood[number] = place

    def _is_clear(self, one: Stand) -> bool:
        return distance(one.place, self.start, self.end) > CLEAR * one.height


def stand(track: Track, aspect: float) -> Stand:
    """A track without its box."""
    left, top, right, bottom = track.box
    height = max(bottom - top, 1e-6)
    speed = math.hypot(track.velocity[0] * aspect, track.velocity[1]) / height
    place = ((left + right) / 2.0 * aspect, min(bottom, 1.0 - RIM))
    cut = min(left, top, 1.0 - right, 1.0 - bottom) < RIM
    return Stand(track.number, track.label, place, height, speed, width=(right - left) * aspect, cut=cut)


def speed_class(speed: float) -> float:
    """0 still, 1 slow, 2 walking, 3 running, for a speed in body heights per second."""
    return float(sum(speed >= limit for limit in (SLOW, WALKING, RUNNING)))
