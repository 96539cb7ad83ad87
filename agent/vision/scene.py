"""One scene as it is watched: what is followed, how unusual each of it is, and what is learned from it.

Speed and likeness are added up per thing before the largest is taken; speed alone and a way against the stream count
where they are rarer than that, and what else can be said of a thing has a score of its own. A thing is learned from when it has gone, by its largest values, so each counts once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.pixels import Detections, Frame
from agent.vision.attributes import Sight, Trail, sights, upright
from agent.vision.flow import Flow
from agent.vision.learned import ATTRIBUTES, STRAYS, SUMS, Learned
from agent.vision.things import Things

Hour = Callable[[float], int]
"""The hour of the day on the clock on the wall, 0 to 23, at an instant."""


def utc(at: float) -> int:
    """The hour where nobody says what the clock on the wall shows."""
    return int(at // 3600.0) % 24


JOINT = {"speed": 1.0, "likeness": 0.5}
"""What is added up, and by how much it counts. What a detector takes a small thing for errs for as long as
the thing looks so, while speed errs from frame to frame and is smoothed: so likeness counts half."""
_TOTAL = sum(JOINT.values())
ALONE = ("size", "place", "way", "stay")
"""What has a score of its own: none of it tells a cart from a walker, but each tells what no speed does."""
STREAM = math.log(20.0)
"""Who goes a way that fewer than one in twenty take goes against a stream; where there is none, turning round is nothing."""
LONGEST_S = 600.0
"""A thing that is seen for longer is taken for a new one, so that what stays for ever is learned too."""
_SAMPLE_S = 0.5
"""A thing is a sample of how things look this often."""
_LASTING_S = 0.35
"""Time from which a thing counts, with three sights at least: a flicker of the detector is nobody."""
_LEAST_SIGHTS = 3


@dataclass(frozen=True, slots=True)
class Rated:
    """How unusual one thing is at one instant.

    `score` is -log10 of the share of usual things that ever are so unusual, and `leading` the attribute that says most
    of it; `evidence` is the same for each attribute by itself, and `values` are what was seen of it.
    """

    score: float
    leading: str
    evidence: Mapping[str, float]
    values: Mapping[str, float]
    sight: Sight


class Scene:
    """What is followed, and what was learned.

    `person` is the number of that class, `least` the least score, `flow_s` the time over which motion is
    measured at least, `hour` the hour of the day at an instant.
    """

    def __init__(self, learned: Learned, *, person: int, least: float, flow_s: float, hour: Hour) -> None:
        self.learned, self._hour, self._flow_s = learned, hour, flow_s
        self._person, self._least = person, least
        self._strayed = learned.joint.total > 0
        self._flow, self._things = Flow(self._flow_s), Things.none(learned.classes)
        self._trails: dict[int, Trail] = {}
        self._rates: list[Rated] = []
        self._measured: dict[int, float] = {}

    def restart(self) -> None:
        """Another recording begins: what was followed is gone, what was learned stays."""
        self._flow, self._things = Flow(self._flow_s), Things.none(self.learned.classes, begun=self._things.begun)
        self._trails.clear()
        self._rates = []
        self._measured.clear()

    def forget(self) -> None:
        """Know nothing."""
        self.learned, self._strayed = Learned(self.learned.classes, least=self.learned.least), False
        self.restart()

    def update(self, frame: Frame, detections: Detections | None, *, progress: float, learns: bool) -> list[Rated]:
        """Everything that a frame shows; `learns` says whether the scene is learned from it."""
        if detections is None and self._flow.is_early(frame.at):
            return self._rates
        aspect = frame.pixels.shape[1] / frame.pixels.shape[0]
        moved = self._follow(frame, detections, aspect=aspect)
        if learns:
            self._learn_ruler(frame.at)
        found = sights(self._things, moved, self.learned, aspect=aspect)
        self._rates = [self._rated(sight, frame.at, aspect=aspect) for sight in found]
        if learns:
            self._learn_looks(found, frame.at)
        self._end(frame.at, progress=progress, learns=learns)
        return self._rates

    def _follow(self, frame: Frame, detections: Detections | None, *, aspect: float) -> NDArray[np.float32]:
        """Bring everything to this instant; the flow in each box."""
        self._flow.update(frame, self._asked_about(detections), person=self.learned.perspective.usual)
        steps = self._flow.within(self._things.boxes)[:, 1:] * np.float32(self._flow.seconds)
        self._things.carry(np.asarray(steps / np.array([aspect, 1.0]), np.float32))
        if detections is not None:
            self._things.look(detections.items, least=self._least)
        moved = self._flow.within(np.clip(self._things.boxes, 0.0, 1.0))
        return moved if self._flow.seconds else np.full_like(moved, np.nan)

    def _asked_about(self, detections: Detections | None) -> NDArray[np.float32]:
        found = [one.box for one in detections.items if one.score >= self._least] if detections else []
        return np.concatenate([self._things.boxes, np.array(found, np.float32).reshape(-1, 4)])

    def _learn_ruler(self, at: float) -> None:
        for number, foot, height in upright(self._things, person=self._person):
            if at - self._measured.get(number, -math.inf) >= _SAMPLE_S:
                self.learned.perspective.see(foot, height, fresh=number not in self._measured)
                self._measured[number] = at

    def _rated(self, sight: Sight, at: float, *, aspect: float) -> Rated:
        trail = self._trails.get(sight.number)
        if trail is None:
            trail = self._trails[sight.number] = Trail.begin(sight, at)
        trail.follow(sight, at, aspect=aspect)
        values = dict(zip(ATTRIBUTES, trail.values.tolist(), strict=True))
        evidence = {name: self._score(name, value) for name, value in values.items()}
        together = _together(evidence, values)
        trail.joint = max(trail.joint, together)
        score, leading = _rarest(self.learned.joint.score(together), evidence, values)
        trail.highest = max(trail.highest, score)
        return Rated(max(0.0, score - self.learned.excess), leading, evidence, values, sight)

    def _score(self, name: str, value: float) -> float:
        return 0.0 if math.isnan(value) else self.learned.tails[name].score(value)

    def _learn_looks(self, found: list[Sight], at: float) -> None:
        for sight in found:
            trail = self._trails[sight.number]
            if at - trail.sampled_at < _SAMPLE_S or math.isnan(sight.speed):
                continue
            trail.sampled_at = at
            self.learned.looks.gather(sight.number, sight.looks)
            hour = self._hour(at)
            if not trail.cells:
                self.learned.places.begin()
                self.learned.hourly.begin(hour)
            if self.learned.places.visit(sight.cell, sight.speed, trail.cells):
                self.learned.hourly.visit(hour, sight.cell, sight.speed)

    def _end(self, at: float, *, progress: float, learns: bool) -> None:
        """Learn from what has gone; what stays very long begins anew."""
        here = set(self._things.numbers.tolist())
        self._measured = {number: seen for number, seen in self._measured.items() if number in here}
        for number, trail in list(self._trails.items()):
            if number not in here or at - trail.since > LONGEST_S:
                del self._trails[number]
                if learns and trail.sights >= _LEAST_SIGHTS and trail.at - trail.since >= _LASTING_S:
                    self._learn_from(trail, progress)

    def _learn_from(self, trail: Trail, progress: float) -> None:
        learned = self.learned
        learned.tracks += 1
        if progress < STRAYS:
            return
        if not self._strayed:  # the first that is held against the prototypes: let there be some
            self._strayed = learned.looks.fold()
        for name, largest in zip(ATTRIBUTES, trail.largest, strict=True):
            learned.tails[name].add(float(largest))
        if progress >= SUMS:
            if learned.joint.is_known:
                learned.judge(trail.highest, may_drift=progress >= 1.0)
            learned.joint.add(trail.joint)


def _rarest(joint: float, evidence: Mapping[str, float], values: Mapping[str, float]) -> tuple[float, str]:
    """The score of a thing and the attribute that says most of it: the sum's, or that of speed or of a way against the stream."""
    score, leading = joint, max(JOINT, key=lambda name: JOINT[name] * evidence[name])
    for name, value in (("speed", 0.0), ("way", STREAM)):
        if evidence[name] > score and values[name] >= value:
            score, leading = evidence[name], name
    return score, leading


def _together(evidence: Mapping[str, float], values: Mapping[str, float]) -> float:
    """Evidence added up per thing; where the speed cannot be told yet, likeness stands for both."""
    known = [name for name in JOINT if not math.isnan(values[name])]
    return sum(JOINT[name] * evidence[name] for name in known) * _TOTAL / sum(JOINT[name] for name in known)
