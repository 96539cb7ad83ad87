"""What has left: the hour's bytes held to the budget, and a few counts that sense reports in health.

The invariant: a link that is killed again and again sends no more in an hour than one that is not. So bytes
are noted before they leave, a little ahead of what was spent, and their age is counted by the machine's
monotonic clock, which nobody can set; only a restart of the machine begins a new hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent.clock import Clock
from agent.contract.topics import Class
from agent.files import if_there_is_room
from agent.uplink import numbers
from agent.uplink.budget import Budget, size_of
from agent.uplink.settings import BudgetSettings

TELL_S = 60.0
NOTE_S = 900.0
"""How long bytes that were noted and not spent stay noted: letting go of them costs a write to the card."""
AHEAD = 256
"""Share of a limit by which bytes are noted before they are spent."""

SPENT = ".spent.json"


class _Spent(msgspec.Struct, frozen=True):
    """What was spent, as it is kept: bytes of each class by the time at which they left."""

    mono: float
    left: dict[Class, list[tuple[float, int]]]


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
        self._spent, self._fresh = folder / SPENT, folder / f"{SPENT}.new"
        self._clock = clock
        self._limits = {klass: getattr(settings, f"{klass}_kb") * 1024 for klass in numbers.BUDGETED}
        self._budget = Budget(self._limits)
        self._noted: dict[Class, int] = {}
        self._tell_at = self._note_at = 0.0
        self._restore()

    def take(self, klass: Class, topic: str, payload: bytes) -> bool:
        """Whether a message may leave now; if so, its bytes are spent."""
        at = self._clock.monotonic()
        if not self._budget.take(klass, size_of(topic, payload), at=at):
            return False
        spent = self._budget.spent(klass, at=at)
        if spent > self._noted.get(klass, 0):
            self._noted[klass] = min(spent + self._limits[klass] // AHEAD, self._limits[klass])
            self._note(at)
        return True

    def tell(self, *, connected: bool, now: bool = False) -> None:
        """Leave the numbers where sense finds them, every minute or `now`."""
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
        if at >= self._note_at:
            self._note_at = at + NOTE_S
            self._noted = {klass: self._budget.spent(klass, at=at) for klass in numbers.BUDGETED}
            self._note(at)

    def _note(self, at: float) -> None:
        """Leave what was spent, or soon will be, for a run after this one."""
        ahead = {klass: noted - self._budget.spent(klass, at=at) for klass, noted in self._noted.items()}
        left = {klass: [*self._budget.slots(klass), (at, ahead.get(klass, 0))] for klass in numbers.BUDGETED}
        with if_there_is_room(self._fresh):
            self._fresh.write_bytes(msgspec.json.encode(_Spent(at, left)))
            self._fresh.replace(self._spent)

    def _restore(self) -> None:
        """Spend again what the last run noted; that of another boot, as if it had ended when this one began."""
        try:
            told = msgspec.json.decode(self._spent.read_bytes(), type=_Spent)
        except (OSError, ValueError):  # msgspec's errors are such
            return
        shift = 0.0 if told.mono <= self._clock.monotonic() else -told.mono
        for klass, slots in told.left.items():
            for at, size in slots:
                self._budget.add(klass, max(0, min(size, self._limits.get(klass, 0))), at=at + shift)
