"""Who stands where in a drawn world at any moment: the ground truth that the pictures are drawn from.

Pure: a Stage is made of a Scene once and then asked by time. Nothing is random after that.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import hypot

from agent.camera.world import Actor, Crowd, Drop, Fall, Go, Hide, Label, Place, Scene, Step, Wait
from agent.pixels import Box

SHAPES: dict[Label, tuple[float, float]] = {
    "person": (1.0, 0.4),
    "bicycle": (0.7, 0.9),
    "car": (0.9, 2.2),
    "motorcycle": (0.75, 1.2),
    "bus": (1.8, 4.5),
    "truck": (1.9, 3.5),
    "dog": (0.4, 0.6),
    "object": (0.35, 0.35),
}
"""Label -> height and width in body heights of a person standing there."""

LYING = 0.3
"""Height of somebody on the ground, in body heights."""

_PAGE_S = 60.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One actor as drawn: `box` may reach outside the frame, `visible` is the share that nobody hides.

    `lying` turns its shape on the side.
    """

    number: int
    label: Label
    box: Box
    lying: bool = False
    visible: float = 1.0


@dataclass(frozen=True, slots=True)
class _Stretch:
    """One actor on a straight line (or standing) between two moments."""

    number: int
    label: Label
    size: float
    since: float
    until: float
    start: Place
    end: Place
    lying: bool = False

    def foot(self, t: float) -> Place:
        share = (t - self.since) / (self.until - self.since)
        (x0, y0), (x1, y1) = self.start, self.end
        return x0 + share * (x1 - x0), y0 + share * (y1 - y0)


@dataclass(slots=True)
class Stage:
    """A Scene as one camera sees it; `aspect` is the width of its picture over the height."""

    scene: Scene
    camera: str = ""
    aspect: float = 4 / 3
    _pages: dict[int, list[_Stretch]] = field(init=False)

    def __post_init__(self) -> None:
        self._pages = defaultdict(list)
        for stretch in self._stretches():
            for page in range(int(stretch.since // _PAGE_S), int(stretch.until // _PAGE_S) + 1):
                self._pages[page].append(stretch)

    def figures(self, t: float) -> tuple[Figure, ...]:
        """Who is there `t` seconds from the start, farthest first, which is the order of drawing."""
        there = [one for one in self._pages.get(int(t // _PAGE_S), ()) if one.since <= t < one.until]
        there.sort(key=lambda one: (one.foot(t)[1], one.number))
        drawn = [self._figure(one, t) for one in there]
        return tuple(
            Figure(one.number, one.label, one.box, one.lying, _uncovered(one.box, [o.box for o in drawn[n + 1 :]]))
            for n, one in enumerate(drawn)
        )

    def _figure(self, one: _Stretch, t: float) -> Figure:
        x, y = one.foot(t)
        person = self.scene.height_at(y) * one.size
        tall, wide = SHAPES[one.label]
        if one.lying:
            tall, wide = LYING, tall
        half, height = person * wide / self.aspect / 2, person * tall
        return Figure(one.number, one.label, Box(x - half, y - height, x + half, y), one.lying)

    def _stretches(self) -> Iterator[_Stretch]:
        number = 0
        for actor in (*self.scene.actors, *self._passers_by()):
            if actor.camera in ("", self.camera):
                for stretch in self._life(actor, number):
                    number = max(number, stretch.number + 1)
                    yield stretch

    def _passers_by(self) -> Iterator[Actor]:
        for index, crowd in enumerate(self.scene.crowds):
            chance = random.Random(f"{self.scene.seed}/{index}")  # noqa: S311 -- a drawing, not a secret
            yield from _arrivals(crowd, chance, until_s=self.scene.duration_s)

    def _life(self, actor: Actor, number: int) -> Iterator[_Stretch]:
        """What the actor does, step by step; a thing it drops gets a number of its own."""
        t, place, dropped = actor.at_s, actor.at, number
        for step in actor.does:
            end = step.to if isinstance(step, Go) else place
            if isinstance(step, Drop):
                dropped += 1
                yield _Stretch(dropped, step.label, step.size, t, t + step.s, place, place)
                continue
            until = t + self._takes_s(step, place)
            if until > t and not isinstance(step, Hide):
                yield _Stretch(number, actor.label, actor.size, t, until, place, end, isinstance(step, Fall))
            t, place = until, end

    def _takes_s(self, step: Go | Wait | Fall | Hide, place: Place) -> float:
        if not isinstance(step, Go):
            return step.s
        if step.s is not None:
            return step.s
        (x0, y0), (x1, y1) = place, step.to
        body = (self.scene.height_at(y0) + self.scene.height_at(y1)) / 2
        return hypot((x1 - x0) * self.aspect, y1 - y0) / body / step.speed


def _arrivals(crowd: Crowd, chance: random.Random, *, until_s: float) -> Iterator[Actor]:
    """The crowd's walkers in order of arrival: exponential gaps between them."""
    t, end = crowd.from_s, min(until_s, crowd.until_s if crowd.until_s is not None else until_s)
    while (t := t + chance.expovariate(crowd.rate_per_min / 60.0)) < end:
        path = _shifted(crowd, chance)
        stop = chance.randrange(1, len(path)) if crowd.wait_s[1] > 0 else 0
        speed, wait = chance.uniform(*crowd.speed), Wait(s=chance.uniform(*crowd.wait_s))
        steps: list[Step] = []
        for number, place in enumerate(path[1:], start=1):
            steps.append(Go(to=place, speed=speed))
            if number == stop:
                steps.append(wait)
        yield Actor(label=crowd.label, at_s=t, at=path[0], does=tuple(steps), camera=crowd.camera)


def _shifted(crowd: Crowd, chance: random.Random) -> list[Place]:
    dx, dy = (chance.uniform(-crowd.spread, crowd.spread) for _ in range(2))
    turned = crowd.both_ways and chance.random() < 0.5  # noqa: PLR2004 -- either way
    path = crowd.path[::-1] if turned else crowd.path
    return [(x + dx, y + dy) for x, y in path]


def _uncovered(box: Box, nearer: Sequence[Box]) -> float:
    """The share of `box` that is inside the frame and under none of `nearer`, on its own grid of cuts."""
    hiding = [one for one in nearer if one.left < box.right and box.left < one.right]
    xs = _cuts(box.left, box.right, [(one.left, one.right) for one in hiding])
    ys = _cuts(box.top, box.bottom, [(one.top, one.bottom) for one in hiding])
    seen = sum(
        (x1 - x0) * (y1 - y0)
        for x0, x1 in pairwise(xs)
        for y0, y1 in pairwise(ys)
        if not any(_holds(one, (x0 + x1) / 2, (y0 + y1) / 2) for one in hiding)
    )
    return seen / ((box.right - box.left) * (box.bottom - box.top))


def _cuts(low: float, high: float, spans: Sequence[tuple[float, float]]) -> list[float]:
    low, high = max(0.0, low), min(1.0, high)
    inner = {edge for span in spans for edge in span if low < edge < high}
    return sorted({low, high} | inner) if low < high else []


def _holds(box: Box, x: float, y: float) -> bool:
    return box.left <= x <= box.right and box.top <= y <= box.bottom
