"""What those in a zone do: lie on the ground, stand still where one drives, go against the arrow.

Each is found from places and sizes alone, never from looks. A thing that is not seen for a moment is
believed to rest where it was, so a lying person or a stopped car that the detector loses and finds again
under another number goes on resting. Places and sizes are in heights of the frame.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.vision.geometry import Point

VEHICLES = frozenset({"car", "motorcycle", "bus", "truck"})
"""The labels that the zone label `vehicle` stands for: one lorry may be read as a bus in the next picture."""
LONG = 1.2
"""Who is this much wider than high, beside the picture's rim, lies."""
WANDER = 0.35
"""Who strays farther than this share of their longer side does not rest any more."""
LOST_S = 6.0
"""How long a resting thing that nobody sees is believed to rest."""
AGAINST = 1.5
"""Going back by so many of its own heights is going the wrong way; less is turning round."""


class Stand(NamedTuple):
    """Where a thing stands, how high and wide it is, and how fast in its own heights per second.

    `cut` says that the frame cuts it off, so its shape says nothing.
    """

    number: int
    label: str
    place: Point
    height: float
    speed: float
    width: float = 0.0
    cut: bool = False

    @property
    def size(self) -> float:
        return max(self.width, self.height)


def stands_for(label: str) -> Collection[str]:
    """The labels of tracks that a zone's label counts."""
    return VEHICLES if label == "vehicle" else (label,)


def is_lying(one: Stand) -> bool:
    """Long and low, as nobody is who stands, walks or sits."""
    return not one.cut and one.width >= LONG * one.height


@dataclass(slots=True)
class Rest:
    """Where something has been since when, and when it was last seen there."""

    place: Point
    size: float
    since: float
    seen: float


@dataclass(slots=True)
class Rests:
    """Everything of one kind that rests in one zone."""

    _held: dict[int, Rest] = field(default_factory=dict)
    _lost: list[Rest] = field(default_factory=list)

    def observe(self, resting: Iterable[Stand], present: Collection[int], at: float) -> None:
        """`resting` are those that may be at rest now; `present` the numbers of all that are seen."""
        here = {one.number: one for one in resting}
        for number in [number for number in self._held if number not in here]:
            gone = self._held.pop(number)
            if number not in present:  # who is seen doing something else does not rest any more
                self._lost.append(gone)
        self._lost = [rest for rest in self._lost if at - rest.seen <= LOST_S]
        for one in here.values():
            self._held[one.number] = self._continued(one, at)

    def longest(self, at: float) -> float:
        """How long the one that rests longest has been seen at rest."""
        held = (at - rest.since for rest in self._held.values())
        return max((*held, *(rest.seen - rest.since for rest in self._lost)), default=0.0)

    def exchange(self, swaps: Iterable[tuple[int, int]]) -> None:
        """Two numbers turned out to be one another."""
        for one, other in swaps:
            swapped = {new: self._held.pop(old) for old, new in ((one, other), (other, one)) if old in self._held}
            self._held.update(swapped)

    def _continued(self, one: Stand, at: float) -> Rest:
        rest = self._held.get(one.number) or self._found_again(one)
        if rest is None or math.dist(rest.place, one.place) > WANDER * rest.size:
            return Rest(one.place, one.size, at, at)
        rest.seen = at
        return rest

    def _found_again(self, one: Stand) -> Rest | None:
        for rest in self._lost:
            if math.dist(rest.place, one.place) <= WANDER * rest.size:
                self._lost.remove(rest)
                return rest
        return None


@dataclass(slots=True)
class Way:
    """The direction in which a zone is meant to be passed, from `start` to `end`, and how far each came along it."""

    start: Point
    end: Point
    _farthest: dict[int, float] = field(default_factory=dict)
    """Progress along the arrow; infinite for those who were told of."""

    def observe(self, inside: Iterable[Stand]) -> Iterator[Stand]:
        """Those who have now gone back too far, each once for as long as it stays."""
        here = {one.number: one for one in inside}
        for number in self._farthest.keys() - here.keys():
            del self._farthest[number]
        for number, one in here.items():
            along = self._along(one.place)
            farthest = max(along, self._farthest.get(number, along))
            if math.isfinite(farthest) and farthest - along >= AGAINST * one.height:
                farthest = math.inf
                yield one
            self._farthest[number] = farthest

    def _along(self, place: Point) -> float:
        ahead = (self.end[0] - self.start[0], self.end[1] - self.start[1])
        return (place[0] * ahead[0] + place[1] * ahead[1]) / math.hypot(*ahead)
