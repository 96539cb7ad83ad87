"""Builders for the tests of this room: scenes and cameras in one line."""

from __future__ import annotations

from typing import Any

from agent.camera import Surroundings
from agent.camera.settings import SyntheticSettings
from agent.camera.synthetic import SyntheticCamera
from agent.camera.world import Actor, Go, Scene, Wait
from agent.clock import Clock, SimulatedClock

START = 1_780_300_800.0


def walker(**changes: Any) -> Actor:
    """Somebody who crosses the picture from left to right in ten seconds."""
    usual: dict[str, Any] = {"at": (0.1, 0.8), "does": (Go(to=(0.9, 0.8), s=10.0),)}
    return Actor(**usual | changes)


def bystander(**changes: Any) -> Actor:
    """Somebody who stands in the middle for ten seconds."""
    usual: dict[str, Any] = {"at": (0.5, 0.8), "does": (Wait(s=10.0),)}
    return Actor(**usual | changes)


def scene(*actors: Actor, **changes: Any) -> Scene:
    usual: dict[str, Any] = {"duration_s": 10.0, "actors": actors}
    return Scene(**usual | changes)


def camera(drawn: Scene, *, clock: Clock | None = None, name: str = "gate", **settings: Any) -> SyntheticCamera:
    surroundings = Surroundings(clock or SimulatedClock(START), START, drawn)
    return SyntheticCamera(name, SyntheticSettings(**settings), surroundings)
