"""How many events the whole node may open in any hour, and the one summary that tells of the rest.

Each rule has a budget of its own for each source; together they can still be a flood, when it is the place that
has gone mad and not one camera. Beyond the node's budget nothing is opened but one summary, which counts. Alarms are
always told. An event that was not opened has no updates and no end either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.anomaly.budget import Budget, NewId
from agent.anomaly.settings import PresenceRule
from agent.records import Event, Phase, Severity

RULE = "node-budget"
"""The id of this built-in rule; no rule of a configuration may have it."""


class AlertSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many events the node opens in any hour, all rules, cameras and sensors together; alarms are not held back."""

    per_hour: Annotated[int, Meta(ge=1, le=36000)] = 240


@dataclass(slots=True)
class Flood:
    """Events in, and those that may leave out."""

    settings: AlertSettings
    new_id: NewId
    _budget: Budget = field(init=False)
    _hushed: set[str] = field(default_factory=set)
    """Ids of events that were not opened and have not ended."""

    def __post_init__(self) -> None:
        rule = PresenceRule(id=RULE, quantity="*", severity=Severity.WARNING, per_hour=self.settings.per_hour)
        self._budget = Budget(rule, "", self.new_id)

    def passed(self, events: Iterable[Event]) -> Iterator[Event]:
        """What may be told of events that come in order of time."""
        for event in events:
            yield from self.advance(event.at)
            if event.phase is Phase.OPENED and not self._may_open(event):
                self._hushed.add(event.id)
                self._budget.source = event.source
                yield from self._budget.refuse(event.reason.quantity, event.at)
            elif event.id not in self._hushed:
                yield event
            elif event.phase is Phase.CLOSED:
                self._hushed.discard(event.id)

    def advance(self, at: float) -> Iterator[Event]:
        """The summary, brought up to date or closed as time passes."""
        while self._budget.due < at:
            yield from self._budget.wait(self._budget.due)

    def close(self, at: float, why: str) -> Iterator[Event]:
        """The last word of an open summary."""
        yield from self._budget.close(at, why)

    def _may_open(self, event: Event) -> bool:
        """Alarms take their room like all others, but are opened without it too."""
        return self._budget.grants(event.at) or event.severity is Severity.ALARM
