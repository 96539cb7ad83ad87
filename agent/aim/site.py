"""What was learned since commissioning opened: rates, sensors that moved, the best focus, answers, the walk test.

Pure but for what it is handed; the invariant: nothing here is kept that could tell one person from another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from agent.aim.load import Loaded
from agent.aim.scale import Scale
from agent.commissioning import Answer, Sight
from agent.provision.facts import Facts
from agent.uplink.rights import Rights
from agent.vision.geometry import inside
from agent.vision.settings import View

GRID = 40
MEDIAN = 5


@dataclass(slots=True)
class Peak:
    """The sharpest that a lens was, and what it is now: each the median of some looks, since pictures have grain."""

    best: float = 0.0
    now: float = 0.0
    looks: int = 0
    at: float = 0.0
    _kept: float = 0.0
    _last: deque[float] = field(default_factory=lambda: deque(maxlen=MEDIAN))

    def see(self, sight: Sight) -> None:
        """Take in a look that was not seen before."""
        if sight.at > self.at:
            self._last.append(sight.focus)
            self.at, self.now, self.looks = sight.at, median(self._last), self.looks + 1
            if self._kept:
                self.best, self._kept = self.now / self._kept, 0.0
            self.best = max(self.best, self.now)

    def renew(self) -> None:
        """Another part of the picture is hidden from now on: how near the lens is to its best has not changed by that."""
        self._kept = self.share
        self._last.clear()

    @property
    def share(self) -> float:
        """How near it is to the best, 0 to 1."""
        return self.now / self.best if self.best else 0.0


@dataclass(slots=True, kw_only=True)
class Walk:
    """People who walk through a zone, and the most that were found at once; light is 0 to 1, the darkest meanwhile."""

    zone: str
    expected: int
    most: int = 0
    light: float = 1.0
    ended: bool = False

    @property
    def found_all(self) -> bool:
        return self.most == self.expected


@dataclass(slots=True, kw_only=True)
class Site:
    """Owned by the desk."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    first: dict[str, dict[str, float]] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    confirmed: dict[str, bool] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    """What was drawn and saved, by camera."""
    scales: dict[str, Scale] = field(default_factory=dict)
    sights: dict[str, Sight] = field(default_factory=dict)
    peaks: dict[str, Peak] = field(default_factory=dict)
    loaded: Loaded | None = None
    rights: Rights | None = None
    answer: Answer | None = None
    walk: Walk | None = None

    def see(self, facts: Facts) -> None:
        """Take in the latest numbers."""
        for source, numbers in facts.numbers.items():
            if "camera/fps" in numbers:
                self.rates.setdefault(source, []).append(numbers["camera/fps"])
            started = self.first.setdefault(source, dict(numbers))
            if any(started.get(quantity, value) != value for quantity, value in numbers.items()):
                self.moved.add(source)
        if self.walk and not self.walk.ended:
            self.walk.most = max([self.walk.most, *_counts(facts.numbers, self.walk.zone)])

    def look(self, camera: str, sight: Sight) -> None:
        """Take in what the lens of a camera shows."""
        self.sights[camera] = sight
        self.peaks.setdefault(camera, Peak()).see(sight)
        if self.walk and not self.walk.ended:
            self.walk.light = min(self.walk.light, sight.light)


def hidden(view: View) -> float:
    """The share of a picture that its masks hide, to a fortieth."""
    points = [((x + 0.5) / GRID, (y + 0.5) / GRID) for x in range(GRID) for y in range(GRID)]
    return sum(any(inside(point, mask) for mask in view.masks) for point in points) / len(points)


def _counts(numbers: Mapping[str, Mapping[str, float]], zone: str) -> list[int]:
    wanted = f"{zone}/person/count"
    return [int(value) for all_ in numbers.values() for quantity, value in all_.items() if quantity == wanted]
