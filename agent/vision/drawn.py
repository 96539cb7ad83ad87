"""How a view is drawn, looked at before anything is seen: what is wrong with it, and what it can tell.

Pure Python on settings, so that a configuration is checked without the libraries that see.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import combinations

from agent.vision.conduct import VEHICLES, stands_for
from agent.vision.geometry import Point, Vertices, edges, polygon_area, side
from agent.vision.settings import View, Zone

LEAST = 1e-6
"""A polygon of less than this share of the picture is none: its corners lie on one line."""
_OF_EVERY_LABEL = ("entered", "left", "stayed_s", "count", "stay_s", "speed", "speed_class")


def problems(view: View, labels: Collection[str]) -> Iterator[str]:
    """What cannot be meant, each as `path: what`; `labels` are those that the detector looks for."""
    for number, mask in enumerate(view.masks):
        yield from _shape(mask, f"masks[{number}]")
    for number, zone in enumerate(view.zones):
        yield from _shape(zone.polygon, f"zones[{number}].polygon")
        yield from _labels(zone.labels, labels, f"zones[{number}].labels", f"zone '{zone.id}'")
    for number, line in enumerate(view.lines):
        if line.start == line.end:
            yield f"lines[{number}]: start and end are the same point, so nothing can cross line '{line.id}'"
        yield from _labels(line.labels, labels, f"lines[{number}].labels", f"line '{line.id}'")


def told(view: View) -> frozenset[str]:
    """Every quantity that the zones and lines of a view can tell."""
    zones = (f"{zone.id}/{quantity}" for zone in view.zones for quantity in _of_a_zone(zone))
    lines = (f"{line.id}/{label}/{way}" for line in view.lines for label in line.labels for way in ("in", "out"))
    return frozenset((*zones, *lines))


def _of_a_zone(zone: Zone) -> Iterator[str]:
    yield "all/occupancy"
    for label in zone.labels:
        yield from (f"{label}/{measure}" for measure in _OF_EVERY_LABEL)
        if label == "person":
            yield "person/fallen_s"
        if label in VEHICLES or label == "vehicle":
            yield f"{label}/stopped_s"
        if zone.way:
            yield f"{label}/wrong_way"
    if zone.things:
        yield from ("object/left_s", "object/removed_s")


def _labels(asked: Collection[str], found: Collection[str], path: str, place: str) -> Iterator[str]:
    for label in asked:
        if not set(stands_for(label)) & set(found):
            yield f"{path}: {place} waits for '{label}', which is not among vision.labels: {', '.join(found)}"


def _shape(polygon: Vertices, path: str) -> Iterator[str]:
    if pair := _crossed(polygon):
        one, other = (f"{number + 1}-{(number + 1) % len(polygon) + 1}" for number in pair)
        yield f"{path}: its edges {one} and {other} cross; give the corners in their order round the place"
    elif polygon_area(polygon) < LEAST:
        yield f"{path}: its corners lie on one line, so it holds nothing"


def _crossed(polygon: Vertices) -> tuple[int, int] | None:
    """The numbers of the first two edges that cut through one another; touching is allowed."""
    for (one, first), (other, second) in combinations(enumerate(edges(polygon)), 2):
        if _cut(first, second) and _cut(second, first):
            return one, other
    return None


def _cut(through: tuple[Point, Point], line: tuple[Point, Point]) -> bool:
    """Whether the ends of a segment lie on both sides of a line."""
    return side(through[0], *line) * side(through[1], *line) < 0
