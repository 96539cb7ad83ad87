"""What the options of rules are made of: ids, quantities, spans of time, days."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from agent.contract.topics import NAME

Id = Annotated[str, Meta(pattern=NAME)]
Pattern = Annotated[
    str,
    Meta(
        pattern=r"^(?:\*|[a-z0-9_-]{1,32})(?:/(?:\*|[a-z0-9_-]{1,32})){0,2}$",
        description="a quantity; `*` stands for any one level, as in */person/count",
    ),
]
Exactly = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,32}(?:/[a-z0-9_-]{1,32}){0,2}$", description="a quantity")]
EventKind = Literal["anomaly", "crossing", "loitering", "occupancy", "tamper", "sensor", "help-button"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TimeOfDay = Annotated[str, Meta(pattern=r"^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$", description="HH:MM, local time")]
Seconds = Annotated[float, Meta(ge=0.0, le=86400.0)]
Some = Annotated[float, Meta(gt=0.0, le=86400.0)]
