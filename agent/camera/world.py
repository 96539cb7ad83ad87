"""What a drawn world is made of: actors with their steps, crowds, light and camera faults.

These Structs are the format of `world.yaml` (`agent.world` adds sensors and the start instant).
Places are fractions of the frame and name the foot point; times are seconds from the start of the
world; speeds are body heights per second, as a person in the picture is tall where they stand.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Seconds = Annotated[float, Meta(ge=0.0)]
Coordinate = Annotated[float, Meta(ge=-1.0, le=2.0)]
Place = tuple[Coordinate, Coordinate]
Speed = Annotated[float, Meta(gt=0.0, le=20.0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Label = Literal["person", "bicycle", "car", "motorcycle", "bus", "truck", "dog", "object"]

WALKING = 0.8
"""Body heights per second of an unhurried adult: 1.4 m/s at 1.7 m."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An unknown option is an error."""


class Go(_Strict, frozen=True, kw_only=True, tag_field="do", tag="go"):
    """Move in a straight line `to` a place, at `speed`, or in `s` seconds where that is given."""

    to: Place
    speed: Speed = WALKING
    s: Annotated[float, Meta(gt=0.0)] | None = None


class Wait(_Strict, frozen=True, kw_only=True, tag_field="do", tag="wait"):
    """Stand still."""

    s: Seconds


class Fall(_Strict, frozen=True, kw_only=True, tag_field="do", tag="fall"):
    """Lie on the ground, long and low, and get up when `s` seconds are over."""

    s: Seconds


class Hide(_Strict, frozen=True, kw_only=True, tag_field="do", tag="hide"):
    """Be out of sight, as behind a wall, and come back at the same place."""

    s: Seconds


class Drop(_Strict, frozen=True, kw_only=True, tag_field="do", tag="drop"):
    """Leave a thing behind that stays for `s` seconds; takes no time."""

    s: Seconds
    label: Label = "object"
    size: Annotated[float, Meta(gt=0.0, le=4.0)] = 1.0


Step = Go | Wait | Fall | Hide | Drop


class Actor(_Strict, frozen=True, kw_only=True):
    """Somebody or something that appears at `at`, does its steps and is gone.

    `size` is relative to what is usual for the label; `camera` limits it to one camera's picture.
    """

    label: Label = "person"
    at_s: Seconds = 0.0
    at: Place
    does: tuple[Step, ...]
    size: Annotated[float, Meta(gt=0.0, le=4.0)] = 1.0
    camera: str = ""


class Crowd(_Strict, frozen=True, kw_only=True):
    """Passers-by at random: Poisson arrivals that follow `path`, either way, and may stop once.

    `spread` shifts each one's path sideways and up or down by up to that share of the frame.
    """

    label: Label = "person"
    rate_per_min: Annotated[float, Meta(gt=0.0, le=600.0)]
    path: Annotated[tuple[Place, ...], Meta(min_length=2)]
    from_s: Seconds = 0.0
    until_s: Seconds | None = None
    speed: tuple[Speed, Speed] = (0.65, 1.0)
    wait_s: tuple[Seconds, Seconds] = (0.0, 0.0)
    spread: Annotated[float, Meta(ge=0.0, le=0.5)] = 0.03
    both_ways: bool = True
    camera: str = ""


FaultKind = Literal["freeze", "lost", "black", "blocked", "overexposed", "shift", "blur", "noise", "garbage"]


class Fault(_Strict, frozen=True, kw_only=True):
    """A camera that misbehaves from `at_s` for `for_s` seconds, or to the end where left out.

    `freeze` repeats one picture, `lost` gives none, `shift` turns the view by `amount` of the frame,
    `blur` smears over `amount` of its width, `noise` adds up to `amount` of full scale.
    """

    kind: FaultKind
    at_s: Seconds
    for_s: Seconds | None = None
    amount: Share = 0.1
    camera: str = ""

    def holds(self, t: float) -> bool:
        """Whether the fault is there `t` seconds from the start."""
        return self.at_s <= t and (self.for_s is None or t < self.at_s + self.for_s)


class Scene(_Strict, frozen=True, kw_only=True):
    """All that cameras see, from 0 to `duration_s`; the same `seed` gives the same pictures.

    `height` is a person's share of the frame height at its lower edge; it shrinks in proportion
    towards `horizon`. `light` is brightness over time, [[t_s, share], ...], straight lines between.
    """

    duration_s: Annotated[float, Meta(gt=0.0)]
    seed: Annotated[int, Meta(ge=0)] = 1
    height: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.5
    horizon: Annotated[float, Meta(ge=-2.0, le=0.9)] = -0.2
    noise: Share = 0.01
    light: tuple[tuple[Seconds, Share], ...] = ()
    actors: tuple[Actor, ...] = ()
    crowds: tuple[Crowd, ...] = ()
    faults: tuple[Fault, ...] = ()

    def height_at(self, y: float) -> float:
        """How tall a person is, in frame heights, whose feet are at `y`."""
        return max(0.02, self.height * (y - self.horizon) / (1.0 - self.horizon))
