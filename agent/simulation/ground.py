"""Where the nodes of the simulated union stand and look, as `map.yaml` says it of a real one.

The comuni lie where the real ones do. Their borders are drawn freely, and the nodes stand on a spiral around
the middle of each: nobody is watched there.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from agent.contract.topics import NodeName
from agent.governance.places import Ground, NodePlace, Point, View

MIDDLES: dict[str, Point] = {
    "faenza": (44.2857, 11.8833),
    "brisighella": (44.2227, 11.7740),
    "casola": (44.2236, 11.6250),
    "castel-bolognese": (44.3203, 11.7997),
    "riolo": (44.2766, 11.7277),
    "solarolo": (44.3600, 11.8447),
}
_BORDERS = {
    "faenza": "44.341,11.933 44.323,11.946 44.308,11.965 44.289,11.974 44.270,11.980 44.249,11.966 44.234,11.942 44.213,11.929 44.190,11.930 44.185,11.919 44.208,11.897 44.226,11.866 44.248,11.843 44.264,11.810 44.278,11.822 44.293,11.831 44.305,11.847 44.321,11.856 44.327,11.896",
    "brisighella": "44.185,11.919 44.176,11.886 44.163,11.854 44.144,11.831 44.130,11.800 44.134,11.773 44.141,11.747 44.142,11.719 44.145,11.691 44.165,11.687 44.185,11.696 44.204,11.698 44.224,11.703 44.235,11.727 44.248,11.750 44.255,11.778 44.265,11.804 44.264,11.810 44.248,11.843 44.226,11.866 44.208,11.897",
    "casola": "44.224,11.703 44.204,11.698 44.185,11.696 44.165,11.687 44.145,11.691 44.153,11.657 44.155,11.620 44.170,11.599 44.186,11.580 44.203,11.563 44.220,11.545 44.237,11.557 44.252,11.574 44.269,11.587 44.285,11.600 44.295,11.610 44.305,11.621 44.282,11.636 44.259,11.651 44.240,11.675",
    "castel-bolognese": "44.363,11.688 44.372,11.719 44.382,11.750 44.366,11.777 44.358,11.810 44.340,11.834 44.321,11.856 44.305,11.847 44.293,11.831 44.278,11.822 44.264,11.810 44.265,11.804 44.282,11.765 44.304,11.729 44.337,11.718",
    "riolo": "44.360,11.680 44.363,11.688 44.337,11.718 44.304,11.729 44.282,11.765 44.265,11.804 44.255,11.778 44.248,11.750 44.235,11.727 44.224,11.703 44.240,11.675 44.259,11.651 44.282,11.636 44.305,11.621 44.317,11.639 44.330,11.655 44.344,11.669",
    "solarolo": "44.382,11.750 44.390,11.769 44.395,11.790 44.401,11.830 44.410,11.870 44.394,11.888 44.375,11.894 44.360,11.912 44.345,11.930 44.341,11.933 44.327,11.896 44.321,11.856 44.340,11.834 44.358,11.810 44.366,11.777",
}
STEP_M = 160.0
TURN = 137.5
"""Degrees from one node to the next: so no two of a spiral come close to each other."""

METRES_PER_DEGREE = 111_320.0


def write(folder: Path, names: Sequence[NodeName]) -> None:
    """`map.yaml`, in the part of YAML that is JSON."""
    outlines = {comune: tuple(_points(text)) for comune, text in _BORDERS.items()}
    ground = Ground(version=1, nodes=dict(_places(names)), outlines=outlines)
    (folder / "map.yaml").write_bytes(msgspec.json.format(msgspec.json.encode(ground), indent=1))


def _places(names: Sequence[NodeName]) -> Iterator[tuple[str, NodePlace]]:
    count: Counter[str] = Counter()
    for name in names:
        count[name.comune] += 1
        number = count[name.comune]
        view = View(looks=round(number * TURN * 3 % 360), angle=60 + number * 7 % 30, range_m=25 + number * 11 % 30)
        yield f"{name.comune}/{name.node}", NodePlace(at=_place(MIDDLES[name.comune], number), views=(view,))


def _place(middle: Point, number: int) -> Point:
    far, turned = STEP_M * math.sqrt(number) / METRES_PER_DEGREE, math.radians(number * TURN)
    north, east = far * math.cos(turned), far * math.sin(turned) / math.cos(math.radians(middle[0]))
    return round(middle[0] + north, 5), round(middle[1] + east, 5)


def _points(text: str) -> Iterator[Point]:
    for pair in text.split():
        north, east = pair.split(",")
        yield float(north), float(east)
