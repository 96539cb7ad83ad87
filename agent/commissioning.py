"""Whether a technician is at work here: a marker in the run folder, put there by physical presence.

The run folder is in memory, so a reboot closes commissioning; so does time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LASTS_S = 1800.0


@dataclass(frozen=True, slots=True)
class Commissioning:
    """The marker `commissioning` in `folder`; its time of change is when it was opened."""

    folder: Path

    @property
    def marker(self) -> Path:
        return self.folder / "commissioning"

    def open(self) -> None:
        """Begin, or begin anew; only for who stands in front of the node."""
        self.marker.touch()

    def is_open(self, at: float) -> bool:
        """Open for half an hour from the moment of the marker; `at` is an instant."""
        try:
            since = self.marker.stat().st_mtime
        except OSError:
            return False
        return 0.0 <= at - since + 1.0 <= LASTS_S

    def close(self) -> None:
        self.marker.unlink(missing_ok=True)
