"""Who is who from frame to frame: tracking by detection on motion alone, causal and deterministic.

In the line of ByteTrack (Zhang et al. 2022: detections of low score may continue a track but not
begin one) and OC-SORT (Cao et al. 2023: after a gap the filter is led over the path that was really
taken). No appearance is compared, so nothing about a person's looks is ever computed or kept.

The invariants: numbers begin at 1 and are given once; a track is told of from its `confirm`-th
detection on; the same detections give the same tracks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agent.pixels import Detection, Detections, Tracks
from agent.vision.assignment import Pair, assign
from agent.vision.settings import TrackerSettings
from agent.vision.trace import Trace

PEDESTRIAN = frozenset({"person"})
"""A person is never taken for a vehicle; the other labels may be readings of one thing."""


@dataclass(slots=True)
class Tracker:
    """Follows the detections of one camera."""

    camera: str
    settings: TrackerSettings
    _traces: list[Trace] = field(default_factory=list)
    _numbers: int = 0
    _at: float | None = None
    _step_s: float = 0.0

    @property
    def is_curious(self) -> bool:
        """Something was seen that is not confirmed yet: the next frame is worth a look, moving or not."""
        return any(trace.hits < self.settings.confirm for trace in self._traces)

    def rest(self, at: float) -> Tracks:
        """Nothing moved in the picture until `at`, so everything is where it was."""
        self._at = at
        return self._tracks(at)

    def update(self, detections: Detections) -> Tracks:
        """The tracks at the instant of `detections`; those that coast are among them, marked by `coasting_s`."""
        self._pass_time(detections.at)
        strong = [one for one in detections.items if one.score >= self.settings.high]
        weak = [one for one in detections.items if self.settings.low <= one.score < self.settings.high]
        fresh = [trace for trace in self._traces if trace.coasting_s <= self._fresh_s]
        lost = [trace for trace in self._traces if trace.coasting_s > self._fresh_s]
        unseen, rest = self._match(fresh, strong, near=True)
        self._match([trace for trace in unseen if trace.hits >= self.settings.confirm], weak, near=True)
        _, new = self._match(lost, rest, near=False)
        self._begin(new, detections.at)
        self._traces = [trace for trace in self._traces if self._lasts(trace)]
        return self._tracks(detections.at)

    @property
    def _fresh_s(self) -> float:
        """At a low frame rate one missed frame is not a loss."""
        return max(self.settings.fresh_s, min(1.5 * self._step_s, self.settings.coast_s))

    def _pass_time(self, at: float) -> None:
        self._step_s = 0.0 if self._at is None else max(0.0, at - self._at)
        self._at = at
        for trace in self._traces:
            trace.predict(self._step_s)
        self._traces = [trace for trace in self._traces if self._lasts(trace)]

    def _match(
        self, traces: Sequence[Trace], items: Sequence[Detection], *, near: bool
    ) -> tuple[list[Trace], list[Detection]]:
        """Continue traces by detections; those of either that found no partner."""
        costs: dict[Pair, float] = {}
        for row, trace in enumerate(traces):
            for column, item in enumerate(items):
                cost = self._cost(trace, item, near=near)
                if cost is not None:
                    costs[row, column] = cost
        pairs = assign(costs)
        for row, column in pairs:
            traces[row].take(items[column])
        rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
        return (
            [trace for row, trace in enumerate(traces) if row not in rows],
            [item for column, item in enumerate(items) if column not in columns],
        )

    def _cost(self, trace: Trace, item: Detection, *, near: bool) -> float | None:
        """How unlike they are; None when they cannot be the same."""
        if (trace.label in PEDESTRIAN) != (item.label in PEDESTRIAN):
            return None
        return trace.unlike(item.box, least_iou=self.settings.iou) if near else trace.surprise(item.box)

    def _begin(self, items: Iterable[Detection], at: float) -> None:
        for item in items:
            if item.score >= self.settings.begin:
                self._numbers += 1
                self._traces.append(Trace.begin(self._numbers, item, at))

    def _lasts(self, trace: Trace) -> bool:
        limit = self.settings.coast_s if trace.hits >= self.settings.confirm else self._fresh_s
        return trace.coasting_s <= limit and trace.in_frame

    def _tracks(self, at: float) -> Tracks:
        told = (trace.track() for trace in self._traces if trace.hits >= self.settings.confirm)
        return Tracks(self.camera, at, tuple(told))
