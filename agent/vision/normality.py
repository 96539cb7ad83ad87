"""What does not fit here, and why: each thing in the picture is held against what is usual in this scene.

    frame -> flow, detections -> things -> sights -> evidence per attribute -> score of the most unusual

In the line of attribute-based anomaly detection (Reiss and Hoshen, arXiv 2212.00789): simple densities of
things that have names, so that a reason can be told. The scene is learned while it is watched
(`learned.py`); nothing is told of a thing before the scene is known, and nothing in hindsight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from agent.pixels import Detections, Frame
from agent.records import Observation
from agent.vision.learned import Learned, Stage
from agent.vision.reasons import reasons
from agent.vision.scene import ALONE, Hour, Rated, Scene, utc
from agent.vision.settings import NormalitySettings

KEEP_S = 290.0
"""What was learned is kept this often: a restart loses less than five minutes of it."""
FOLD_S = 3600.0
"""What was gathered becomes part of the prototypes this often."""
LEAST_TOLD = 1.0
"""Scores below this, of every tenth usual thing, are not told."""
_GAP_S = 5.0
"""Time without a frame beyond this was not watched."""


class Memory(Protocol):
    """Where what was learned is kept; `forgotten` is true once after somebody asked for that."""

    def load(self, *, classes: int, least: int) -> Learned: ...
    def keep(self, learned: Learned) -> None: ...
    def forgotten(self) -> bool: ...


class Normality:
    """The normality of one camera's scene; `classes` are the names behind `Detection.scores`, `hour` is the wall clock's."""

    def __init__(
        self,
        camera: str,
        settings: NormalitySettings,
        *,
        classes: Sequence[str],
        memory: Memory | None = None,
        hour: Hour = utc,
    ) -> None:
        self._camera, self._settings, self._classes, self._memory = camera, settings, tuple(classes), memory
        count = len(classes)
        learned = memory.load(classes=count, least=settings.k) if memory else Learned(count, least=settings.k)
        person = self._classes.index("person")
        self.scene = Scene(learned, person=person, least=settings.score, flow_s=settings.flow_s, hour=hour)
        self._at: float | None = None
        self._kept_at: float | None = None
        self._folded_at = -math.inf
        self._told_at = -math.inf
        self._told: set[str] = set()

    @property
    def progress(self) -> float:
        """How far the learning is, 0 to 1."""
        return self.scene.learned.progress(learn_s=self._settings.learn_s, learn_tracks=self._settings.learn_tracks)

    @property
    def stage(self) -> Stage:
        """Whether it learns, watches, or no longer knows its scene."""
        return self.scene.learned.stage(self.progress)

    def observe(self, frame: Frame, detections: Detections | None) -> list[Observation]:
        """A frame in which something moves; `detections` is None where the detector did not run."""
        rated = self.rate(frame, detections)
        return self._report(frame.at) + self._scores(rated if self.stage is Stage.WATCHING else [], frame.at)

    def rest(self, at: float) -> list[Observation]:
        """Nothing moved until `at`: nothing is judged before something moves again."""
        self._pass_time(at, learns=self.stage is not Stage.DRIFTED)
        return self._report(at) + self._scores([], at)

    def rate(self, frame: Frame, detections: Detections | None, *, learns: bool = True) -> list[Rated]:
        """Everything in the frame, whatever the stage; what is seen is learned where that is wanted."""
        learns = learns and self.stage is not Stage.DRIFTED
        self._pass_time(frame.at, learns=learns)
        return self.scene.update(frame, detections, progress=self.progress, learns=learns)

    def restart(self) -> None:
        """Another recording begins: what was followed is gone, what was learned stays."""
        self.scene.restart()
        self._at = None

    def _scores(self, rated: Sequence[Rated], at: float) -> list[Observation]:
        """The highest score of speed and likeness, and of each other attribute; once more where it is over."""
        told = []
        for name in ("", *ALONE):
            quantity = f"scene/unusual_{name}" if name else "scene/unusual"
            worst = max(rated, key=partial(_score, name), default=None)
            score = _score(name, worst) if worst else 0.0
            if worst and score >= LEAST_TOLD:
                why = reasons(worst, self.scene.learned, self._classes, first=name)
                told.append(Observation(self._camera, quantity, score, at, why))
            elif quantity in self._told:
                told.append(Observation(self._camera, quantity, 0.0, at))
        self._told = {one.quantity for one in told if one.value}
        return told

    def forget(self) -> None:
        """Begin to learn anew."""
        self.scene.forget()
        self.keep()

    def keep(self) -> None:
        """Put what was learned where it is kept."""
        self._kept_at = self._at
        if self._memory:
            self._memory.keep(self.scene.learned)

    def _pass_time(self, at: float, *, learns: bool = True) -> None:
        elapsed = 0.0 if self._at is None else at - self._at
        self._at = at
        if learns and 0.0 < elapsed <= _GAP_S:
            self.scene.learned.seconds += elapsed
        if self._kept_at is None or at < self._kept_at:
            self._kept_at = self._folded_at = at
        if at - self._folded_at >= FOLD_S:
            self._folded_at = at
            self.scene.learned.looks.fold()
        if at - self._kept_at >= KEEP_S:
            self.keep()

    def _report(self, at: float) -> list[Observation]:
        if 0.0 <= at - self._told_at < self._settings.report_s:
            return []
        self._told_at = at
        if self._memory and self._memory.forgotten():
            self.forget()
        told = {"scene/stage": float(self.stage), "scene/progress": self.progress}
        return [Observation(self._camera, quantity, value, at) for quantity, value in told.items()]


def _score(name: str, rated: Rated) -> float:
    return rated.evidence[name] if name else rated.score
