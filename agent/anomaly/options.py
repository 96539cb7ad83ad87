"""What the options of rules are made of: ids, quantities, spans of time, days, conditions."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.contract.topics import NAME, NAMED

Id = Annotated[str, Meta(pattern=NAME, description=NAMED)]
Pattern = Annotated[
    str,
    Meta(
        pattern=r"^(?:\*|[a-z0-9_-]{1,32})(?:/(?:\*|[a-z0-9_-]{1,32})){0,2}$",
        description="a quantity; `*` stands for any one level, as in */person/count",
    ),
]
Exactly = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,32}(?:/[a-z0-9_-]{1,32}){0,2}$", description="a quantity")]
EventKind = Literal["anomaly", "crossing", "loitering", "occupancy", "tamper", "sensor", "help-button", "report"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TimeOfDay = Annotated[str, Meta(pattern=r"^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$", description="HH:MM, local time")]
Seconds = Annotated[float, Meta(ge=0.0, le=86400.0)]
Some = Annotated[float, Meta(gt=0.0, le=86400.0)]


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One quantity of one source that reaches `at_least`, or is `below`."""

    source: Id
    quantity: Exactly
    at_least: float = 1.0
    below: float | None = None

    def holds(self, value: float) -> bool:
        return value >= self.at_least if self.below is None else value < self.below

    def threshold(self) -> float | None:
        """What was asked of the value, where it is more than that something is there."""
        if self.below is not None:
            return self.below
        return None if self.at_least == 1.0 else self.at_least


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One quantity of one source."""

    source: Id
    quantity: Exactly


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hours of local time on some days; `to` before `from` runs over midnight into the next day."""

    since: TimeOfDay = msgspec.field(name="from")
    until: TimeOfDay = msgspec.field(name="to")
    days: Annotated[tuple[Day, ...], Meta(min_length=1)] = DAYS
