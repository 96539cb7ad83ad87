"""What a configuration may say of seeing: masks, zones and lines of a view, detector, motion, tracks."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.contract.topics import NAME, NAMED

Id = Annotated[str, Meta(pattern=NAME, description=NAMED)]
Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0, description="a share of the picture's width or height, 0 to 1")]
Point = tuple[Share, Share]
Polygon = Annotated[tuple[Point, ...], Meta(min_length=3, max_length=64)]


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An unknown option is an error."""


class Zone(_Settings, frozen=True, forbid_unknown_fields=True):
    """A place that counts what stands in it; the foot point decides.

    The label `vehicle` stands for car, motorcycle, bus and truck together. `way` is an arrow, the
    direction in which the zone is meant to be passed. With `things` it is watched for what is left behind
    or taken away.
    """

    id: Id
    polygon: Polygon
    labels: tuple[str, ...] = ("person",)
    way: tuple[Point, Point] | None = None
    things: bool = False

    def __post_init__(self) -> None:
        if self.way and self.way[0] == self.way[1]:
            raise ValueError("the two ends of `way` are the same point: an arrow needs a direction")


class Line(_Settings, frozen=True, forbid_unknown_fields=True):
    """A segment that counts what crosses it; `in` is from the left of start->end to its right."""

    id: Id
    start: Point
    end: Point
    labels: tuple[str, ...] = ("person",)


class View(_Settings, frozen=True, forbid_unknown_fields=True):
    """What is looked at: `masks` has no default on purpose, an empty list is a decision."""

    masks: tuple[Polygon, ...]
    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()


class MotionSettings(_Settings, frozen=True, forbid_unknown_fields=True):
    """When to run the detector: on motion, and at `floor_s` whatever happens."""

    enabled: bool = True
    width: Annotated[int, Meta(ge=32, le=320)] = 96
    threshold: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.04
    area: Fraction = 0.0006
    linger_s: Annotated[float, Meta(ge=0.0, le=60.0)] = 2.0
    floor_s: Annotated[float, Meta(gt=0.0, le=60.0)] = 5.0


class TrackerSettings(_Settings, frozen=True, forbid_unknown_fields=True):
    """The tracker's thresholds; the defaults are the ones of the published figures.

    Scores are on the scale of the detectors that ship. One from `high` may continue any track, from `low`
    only one that was seen a moment ago, and from `begin` begins one, which counts from its `confirm`-th
    detection on. A track unseen for `fresh_s` is lost and found again only where its motion leads; after
    `coast_s` it is forgotten.
    """

    high: Fraction = 0.5
    low: Fraction = 0.3
    begin: Fraction = 0.5
    iou: Fraction = 0.5
    confirm: Annotated[int, Meta(ge=1, le=10)] = 2
    fresh_s: Annotated[float, Meta(gt=0.0, le=10.0)] = 0.5
    coast_s: Annotated[float, Meta(gt=0.0, le=60.0)] = 4.0


class HealthSettings(_Settings, frozen=True, forbid_unknown_fields=True):
    """Whether the camera can see what it should: looked at every `every_s`.

    The usual view follows slow changes within `learn_s`; a changed one becomes usual after about `accept_s`.
    """

    enabled: bool = True
    every_s: Annotated[float, Meta(ge=0.2, le=5.0)] = 0.5
    learn_s: Annotated[float, Meta(ge=10.0, le=3600.0)] = 60.0
    accept_s: Annotated[float, Meta(ge=60.0, le=86400.0)] = 1800.0


class NormalitySettings(_Settings, frozen=True, forbid_unknown_fields=True):
    """What is usual in a scene, learned on the node: off until it is asked for.

    The detector's findings count from `score` on. Learning takes `learn_s` of watching and `learn_tracks`
    things that passed, whichever is later; each number that is kept rests on `k` different things or more.
    Motion is measured over `flow_s` and no more often.
    """

    enabled: bool = False
    k: Annotated[int, Meta(ge=20, le=1000)] = 20
    score: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.15
    flow_s: Annotated[float, Meta(ge=0.08, le=0.3)] = 0.08
    learn_s: Annotated[float, Meta(ge=10.0, le=2_592_000.0)] = 14_400.0
    learn_tracks: Annotated[int, Meta(ge=80, le=100_000)] = 400
    report_s: Annotated[float, Meta(gt=0.0, le=3600.0)] = 10.0


class VisionSettings(_Settings, frozen=True, forbid_unknown_fields=True):
    """Detector and tracker of all cameras of a node.

    The detector sees `every` n-th of the frames with movement: each, every second, ...
    """

    detector: Literal["tflite", "chroma"] = "tflite"
    model: str = "nanodet-g-416"
    threads: Annotated[int, Meta(ge=1, le=4)] = 2
    score: Fraction = 0.4
    labels: tuple[str, ...] = ("person", "bicycle", "car", "motorcycle", "bus", "truck")
    report_s: Annotated[float, Meta(gt=0.0, le=60.0)] = 1.0
    motion: MotionSettings = MotionSettings()
    tracker: TrackerSettings = TrackerSettings()
    health: HealthSettings = HealthSettings()
    normality: NormalitySettings = NormalitySettings()
    every: Annotated[int, Meta(ge=1, le=10)] = 1

    @property
    def floor(self) -> float:
        """The least score that anybody asks for."""
        least = min(self.score, self.tracker.low)
        return min(least, self.normality.score) if self.normality.enabled else least
