"""Who is who from frame to frame: tracking by detection on motion alone, causal and deterministic.

In the line of SORT (Bewley et al. 2016: Kalman filters and one assignment a frame) and ByteTrack (Zhang et al.
2022: detections of low score may continue a track but not begin one). What is added: costs are
likelihoods, a box of an unexpected size is trusted less, and who has met somebody is looked at again when they
part. No appearance is compared, so nothing about a person's looks is ever computed or kept.

The invariants: numbers begin at 1 and are given once; a track is told of from its `confirm`-th
detection on; the same detections give the same tracks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from agent.pixels import Box, Detection, Detections, Tracks
from agent.vision.assignment import Pair, assign
from agent.vision.encounters import PART, Encounters, together
from agent.vision.geometry import covered
from agent.vision.settings import TrackerSettings
from agent.vision.trace import Trace

Cost = Callable[[Trace, Detection], float | None]
Take = Callable[[Trace, Detection], None]

PEDESTRIAN = frozenset({"person"})
"""A person is never taken for a vehicle; the other labels may be readings of one thing."""
COVERED = 0.6
"""Where so much of a box lies on known things nothing new begins: it is a second box of one of them."""
LEAVING_S = 0.3
"""How long one who walked out of the picture, or was seen only once, is waited for."""
BESIDE_S = 0.35
"""Two pictures this close show a runner beside themselves; in more time a walker comes as far."""


@dataclass(slots=True)
class Tracker:
    """Follows the detections of one camera."""

    camera: str
    settings: TrackerSettings
    _traces: list[Trace] = field(default_factory=list)
    _encounters: Encounters = field(default_factory=Encounters)
    _numbers: int = 0
    _at: float | None = None
    _step_s: float = 0.0

    @property
    def is_curious(self) -> bool:
        """Something was seen that is not confirmed yet: the next frame is worth a look, moving or not."""
        return any(not self._is_sure(trace) for trace in self._traces)

    def rest(self, at: float) -> Tracks:
        """Nothing moved in the picture until `at`, so everything is where it was."""
        self._at = at
        return self._tracks(at)

    def update(self, detections: Detections) -> Tracks:
        """The tracks at the instant of `detections`; those that coast are among them, marked by `coasting_s`."""
        self._pass_time(detections.at)
        strong = [one for one in detections.items if one.score >= self.settings.high]
        weak = [one for one in detections.items if self.settings.low <= one.score < self.settings.high]
        sure = [trace for trace in self._traces if self._is_sure(trace)]
        unsure = [trace for trace in self._traces if not self._is_sure(trace)]
        unseen, rest = self._match(sure, strong)
        missed, _ = self._match([trace for trace in unseen if not self._is_lost(trace)], weak)
        rest = self._leap(missed, rest, sure)
        missed, rest = self._match(unsure, rest)
        self._begin(self._set_off(missed, rest, sure, detections.at), detections.at)
        self._traces = [trace for trace in self._traces if self._lasts(trace)]
        exchanged = self._encounters.update([trace for trace in self._traces if self._is_sure(trace)], detections.at)
        return self._tracks(detections.at, exchanged)

    def _pass_time(self, at: float) -> None:
        self._step_s = 0.0 if self._at is None else max(0.0, at - self._at)
        self._at = at
        for trace in self._traces:
            trace.predict(self._step_s)
        self._traces = [trace for trace in self._traces if self._lasts(trace)]

    def _match(
        self, traces: Sequence[Trace], items: Sequence[Detection], cost: Cost | None = None, take: Take = Trace.take
    ) -> tuple[list[Trace], list[Detection]]:
        """Continue traces by detections; those of either that found no partner."""
        costs: dict[Pair, float] = {}
        for row, trace in enumerate(traces):
            for column, item in enumerate(items):
                dear = (cost or self._surprise)(trace, item) if _of_a_kind(trace.label, item.label) else None
                if dear is not None:
                    costs[row, column] = dear
        pairs = assign(costs)
        for row, column in pairs:
            take(traces[row], items[column])
        rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
        return (
            [trace for row, trace in enumerate(traces) if row not in rows],
            [item for column, item in enumerate(items) if column not in columns],
        )

    def _surprise(self, trace: Trace, item: Detection) -> float | None:
        return trace.surprise(item.box, lost=self._is_lost(trace), least_iou=self.settings.iou)

    def _leap(
        self, missed: Sequence[Trace], items: Sequence[Detection], known: Sequence[Trace], take: Take = Trace.take
    ) -> list[Detection]:
        """Who was hidden by nobody and is not there must have run: to a sight with nobody else near it."""
        runners = [trace for trace in missed if _is_alone(trace.box, known, but=[trace])]
        alone = [item for item in items if _is_alone(item.box, known, but=runners)]
        _, left = self._match(runners, alone, lambda trace, item: trace.leap(item.box), take)
        return [item for item in items if item not in alone or item in left]

    def _set_off(
        self, missed: Sequence[Trace], items: Sequence[Detection], known: Sequence[Trace], at: float
    ) -> list[Detection]:
        """Who was first seen a picture ago has no speed yet: a runner's next box lies beside the first."""
        fresh = [trace for trace in missed if at - trace.since <= min(self._step_s, BESIDE_S)]
        return self._leap(fresh, items, known, take=Trace.set_off)

    def _begin(self, items: Iterable[Detection], at: float) -> None:
        for item in items:
            if item.score >= self.settings.begin and self._covered(item) <= COVERED:
                self._numbers += 1
                self._traces.append(Trace.begin(self._numbers, item, at))

    def _covered(self, item: Detection) -> float:
        """How much of a detection lies on things that were seen a moment ago; what two of them cover counts twice."""
        known = (
            trace
            for trace in self._traces
            if self._is_sure(trace) and not self._is_lost(trace) and _of_a_kind(trace.label, item.label)
        )
        return sum(covered(item.box, trace.box) for trace in known)

    def _is_sure(self, trace: Trace) -> bool:
        return trace.hits >= self.settings.confirm

    def _is_lost(self, trace: Trace) -> bool:
        """At a low frame rate one missed frame is not a loss."""
        fresh_s = max(self.settings.fresh_s, min(1.5 * self._step_s, self.settings.coast_s))
        return trace.coasting_s > fresh_s

    def _lasts(self, trace: Trace) -> bool:
        limit = self.settings.coast_s
        if trace.leaves or not self._is_sure(trace):
            limit = min(limit, max(LEAVING_S, 1.5 * self._step_s))
        return trace.coasting_s <= limit and trace.in_frame

    def _tracks(self, at: float, exchanged: tuple[Pair, ...] = ()) -> Tracks:
        told = (trace.track() for trace in self._traces if self._is_sure(trace))
        return Tracks(self.camera, at, tuple(told), exchanged)


def _is_alone(box: Box, known: Iterable[Trace], *, but: Collection[Trace]) -> bool:
    """Whether a box touches none of the known things, but for some."""
    return not any(together(box, trace.box) > PART for trace in known if trace not in but)


def _of_a_kind(label: str, other: str) -> bool:
    return (label in PEDESTRIAN) == (other in PEDESTRIAN)
