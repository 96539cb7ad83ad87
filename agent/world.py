"""A whole world for a replay: what cameras see and what sensors read, from one file.

`tests/worlds/<case>/world.yaml` is read here. A World is also a Scene, so it can be handed to the
synthetic camera as it is.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.camera.world import Scene, Seconds
from agent.contract.topics import NAME, NAMED
from agent.documents import read

Instant = Annotated[datetime, Meta(tz=True)]
SensorId = Annotated[str, Meta(pattern=NAME, description=NAMED)]


class World(Scene, frozen=True, kw_only=True):
    """`start` is RFC 3339 with its zone; `sensors` are series of [t_s, value] by sensor id."""

    start: Instant
    sensors: dict[SensorId, tuple[tuple[Seconds, float], ...]] = msgspec.field(default_factory=dict)

    @property
    def since(self) -> float:
        """The first instant, in seconds since 1970."""
        return self.start.timestamp()

    @property
    def until(self) -> float:
        """The instant at which the world ends."""
        return self.since + self.duration_s


def load(path: Path) -> World:
    """The world at `path`; ConfigError lists every problem with its path."""
    return read(path, World)
