"""Whether a technician is at work here, and the few files by which the page and sense speak meanwhile.

A marker in the run folder, put there by physical presence, opens commissioning. The run folder is in memory, so a
reboot closes it; so does time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.files import mark

LASTS_S = 1800.0
SIGHT = "aim-{camera}.json"
"""Where sense leaves a `Sight` of each camera."""
OUTCOMES = frozenset({"opened", "closed", "tried", "accepted", "not-accepted", "night-open"})
"""What audit records may say of a commissioning."""


class CommissioningSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How commissioning opens at the node itself: `button` is the id of a sensor, held for `hold_s`."""

    button: str = ""
    hold_s: Annotated[float, Meta(ge=2.0, le=60.0)] = 5.0


class Answer(msgspec.Struct, frozen=True):
    """What became of the test event: when it was told, and the verdict that came back."""

    asked_at: float
    answered_at: float = 0.0
    verdict: str = ""


class Sight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the lens shows now.

    `focus` is without unit and only good for comparison with itself; `light` is the mean brightness, 0 to 1, `sky` a
    share of the picture, `roll_deg` how far walls and kerbs lean, clockwise, None where there are too few; `width` and
    `height` are of a frame, in pixels.
    """

    at: float
    focus: float
    width: int
    height: int
    light: float
    sky: float = 0.0
    roll_deg: float | None = None


@dataclass(frozen=True, slots=True)
class Commissioning:
    """The marker `commissioning` in `folder`; its time of change is when it was opened."""

    folder: Path

    @property
    def marker(self) -> Path:
        return self.folder / "commissioning"

    @property
    def proposal(self) -> Path:
        """The document as it was drawn: tried while commissioning is open, put in place when it ends."""
        return self.folder / "node.yaml"

    @property
    def trial(self) -> Path:
        """While this file lies there, somebody wants a test event."""
        return self.folder / "test-event"

    @property
    def answer(self) -> Path:
        """What became of the test event, for the page."""
        return self.folder / "answer.json"

    @property
    def told(self) -> Path:
        """That it was opened stands in the chain."""
        return self.folder / "commissioning-told"

    def open(self) -> None:
        """Begin, or begin anew; only for who stands in front of the node."""
        mark(self.marker)

    def is_open(self, at: float) -> bool:
        """Open for half an hour from the moment of the marker; `at` is an instant."""
        try:
            since = self.marker.stat().st_mtime
        except OSError:
            return False
        return 0.0 <= at - since + 1.0 <= LASTS_S

    def close(self) -> None:
        """End it; what was drawn and not put in place is gone."""
        for file in (self.marker, self.proposal, self.trial, self.answer):
            file.unlink(missing_ok=True)

    def answered(self) -> Answer | None:
        """What became of the newest test event; None where none was asked for."""
        try:
            return msgspec.json.decode(self.answer.read_bytes(), type=Answer)
        except (OSError, msgspec.DecodeError):
            return None
