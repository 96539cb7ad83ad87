"""What has left: the hour's bytes held to the budget, and a few counts that sense reports in health.

The invariant: a link that restarts again and again sends no more in an hour than one that does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock
from agent.contract.topics import Class
from agent.uplink import numbers
from agent.uplink.budget import HOUR_S, Budget, size_of
from agent.uplink.settings import BudgetSettings

TELL_S = 30.0


@dataclass(slots=True)
class Counts:
    """What link tells of itself."""

    sessions: int = 0
    resent: int = 0
    refused: int = 0


class Ledger:
    """Takes up the hour where the last run left it, and leaves its numbers in a folder for sense."""

    def __init__(self, folder: Path, settings: BudgetSettings, *, clock: Clock) -> None:
        self.counts = Counts()
        self._folder = folder
        self._clock = clock
        self._budget = Budget({klass: getattr(settings, f"{klass}_kb") * 1024 for klass in numbers.BUDGETED})
        self._tell_at = 0.0
        self._restore()

    def take(self, klass: Class, topic: str, payload: bytes) -> bool:
        """Whether a message may leave now; if so, its bytes are spent."""
        return self._budget.take(klass, size_of(topic, payload), at=self._clock.monotonic())

    def tell(self, *, connected: bool, now: bool = False) -> None:
        """Leave the numbers where sense finds them, every half minute or `now`."""
        at = self._clock.monotonic()
        if at < self._tell_at and not now:
            return
        self._tell_at = at + TELL_S
        counted = {
            "link_connected": float(connected),
            "link_sessions": self.counts.sessions,
            "link_resent": self.counts.resent,
            "link_refused": self.counts.refused,
        }
        spent = {f"link_{klass}_kb_h": self._budget.spent(klass, at=at) / 1024 for klass in numbers.BUDGETED}
        numbers.write(self._folder, {**counted, **spent}, at=self._clock.now())

    def _restore(self) -> None:
        """Spend again what the last run spent, as if all of it had left when it last told."""
        told = numbers.read(self._folder)
        age_s = min(max(self._clock.now() - told.get(numbers.AT, 0.0), 0.0), 2 * HOUR_S)
        for klass in numbers.BUDGETED:
            spent = round(told.get(f"link_{klass}_kb_h", 0.0) * 1024)
            self._budget.add(klass, spent, at=self._clock.monotonic() - age_s)
