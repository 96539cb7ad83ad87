"""The event of a camera that is gone: it stays open over restarts until a picture comes again.

A process that cannot see ends and is started anew, so this event must outlive it: one event a loss,
however often the restart fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agent.anomaly.budget import NewId
from agent.records import Event, Phase, Reason, Severity

RULE = "camera-lost"
"""The id of this built-in rule; no rule of a configuration may have it."""

_SEEN = "camera/observed"


class LostCameras:
    """Which cameras were lost when the process before this one ended."""

    def __init__(self, left_open: Iterable[Event], *, new_id: NewId) -> None:
        self._open = {event.source: event for event in left_open if event.rule == RULE}
        self._new_id = new_id

    def failed(self, camera: str, at: float) -> list[Event]:
        """The camera gives no pictures; nothing to tell when that is known."""
        if camera in self._open:
            return []
        event = Event(
            id=self._new_id(f"{RULE} {camera} {at}"),
            rule=RULE,
            kind="tamper",
            phase=Phase.OPENED,
            severity=Severity.WARNING,
            at=at,
            source=camera,
            reason=Reason(_SEEN, "health", observed=0.0, expected=1.0),
        )
        self._open[camera] = event
        return [event]

    def seen(self, camera: str, at: float) -> list[Event]:
        """A picture came: the end of the event, if there was one."""
        event = self._open.pop(camera, None)
        if event is None:
            return []
        reason = replace(event.reason, observed=1.0)
        return [
            replace(
                event, phase=Phase.CLOSED, at=at, reason=reason, duration_s=max(0.0, at - event.at), closed_by="rule"
            )
        ]
