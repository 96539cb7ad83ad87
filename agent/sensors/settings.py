"""What a configuration may say of a sensor: a tagged union on `driver`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from agent.contract.topics import NAME

Id = Annotated[str, Meta(pattern=NAME)]


class ScriptedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="driver", tag="scripted"):
    """Readings written in the world of a replay, under this sensor's id."""

    id: Id
    period_s: Annotated[float, Meta(gt=0.0)] = 1.0


SensorSettings = ScriptedSettings
