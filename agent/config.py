"""The node's configuration: the rooms' own sections put together, and checks across them.

Only `commands/` read it; a room is handed its own section, never the whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.camera.settings import CameraSettings
from agent.contract.topics import NAME
from agent.documents import read
from agent.sensors.settings import SensorSettings
from agent.uplink.settings import UplinkSettings
from agent.vision.settings import View, VisionSettings

Id = Annotated[str, Meta(pattern=NAME)]


class NodeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who the node is, as in its topics."""

    union: Id
    comune: Id
    id: Id


class CameraSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One camera: where its frames come from and what is looked at in them."""

    id: Id
    input: CameraSettings
    view: View


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node."""

    version: Literal[1]
    node: NodeSettings
    uplink: UplinkSettings
    state_dir: str = "/var/lib/piazza"
    timezone: str = "Europe/Rome"
    cameras: tuple[CameraSection, ...] = ()
    sensors: tuple[SensorSettings, ...] = ()
    vision: VisionSettings = VisionSettings()


def load(path: Path) -> Config:
    """The configuration at `path`; ConfigError lists every problem with its path."""
    return read(path, Config)
