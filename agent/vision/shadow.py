"""A model on trial and the one before it on the same live frames: whether they see the same, and at what cost.

The invariant: what is told comes from the model before alone; of the one on trial nothing is kept but counts and times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.pixels import Box, Detection, Detections, Frame
from agent.vision import Detector

SAME = 0.5
"""Overlap (intersection over union) from which two boxes of one kind are the same thing."""

SURE = 0.5
"""Score from which a model means it; below, two right models differ by chance."""

EACH_S = 1.0
"""How often a frame is given to both: a second model at every frame would slow the first."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Numbers only: frames that both saw, things that both or only one found, time that each took altogether."""

    frames: int = 0
    both: int = 0
    only_new: int = 0
    only_old: int = 0
    new_s: float = 0.0
    old_s: float = 0.0

    @property
    def agreement(self) -> float:
        """The share of all things found that both found, 1 where nothing was there."""
        found = self.both + self.only_new + self.only_old
        return self.both / found if found else 1.0

    @property
    def slower(self) -> float:
        """How many times as long the new model takes, 1 before anything was measured."""
        return self.new_s / self.old_s if self.old_s else 1.0


class Shadow:
    """A `Detector` that answers with the old model, and now and then asks the new one the same."""

    def __init__(self, new: Detector, old: Detector, *, timer: Callable[[], float]) -> None:
        """`timer` gives seconds and never runs back."""
        self._new = new
        self._old = old
        self._timer = timer
        self._due = -EACH_S
        self.classes = old.classes
        self.accelerated = old.accelerated
        self.digest = old.digest
        self.invoke_s = 0.0
        self.comparison = Comparison()

    def detect(self, frame: Frame) -> Detections:
        """What the old model finds."""
        found = self._old.detect(frame)
        self.invoke_s = self._old.invoke_s
        now = self._timer()
        if now - self._due >= EACH_S:
            self._due = now
            self._compare(self._new.detect(frame), found)
        return found

    def _compare(self, new: Detections, old: Detections) -> None:
        ours = [one for one in new.items if one.score >= SURE]
        theirs = [one for one in old.items if one.score >= SURE]
        both = sum(1 for _ in _pairs(ours, theirs))
        before = self.comparison
        self.comparison = Comparison(
            frames=before.frames + 1,
            both=before.both + both,
            only_new=before.only_new + len(ours) - both,
            only_old=before.only_old + len(theirs) - both,
            new_s=before.new_s + self._new.invoke_s,
            old_s=before.old_s + self._old.invoke_s,
        )


def _pairs(ours: list[Detection], theirs: list[Detection]) -> Iterator[tuple[Detection, Detection]]:
    """Things that both found, best first; each is taken once."""
    left = list(theirs)
    for one in sorted(ours, key=lambda found: -found.score):
        other = max(left, key=lambda found: _overlap(one.box, found.box), default=None)
        if other is not None and other.label == one.label and _overlap(one.box, other.box) >= SAME:
            left.remove(other)
            yield one, other


def _overlap(one: Box, other: Box) -> float:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0.0 or height <= 0.0:
        return 0.0
    shared = width * height
    return shared / (_area(one) + _area(other) - shared)


def _area(box: Box) -> float:
    return (box.right - box.left) * (box.bottom - box.top)
