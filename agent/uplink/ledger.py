"""What has left: the hour's bytes held to the budget, and a few counts that sense reports in health.

The invariant: a link that is killed again and again sends as much in an hour as one that is not, and no more. So
the bytes of each message are noted before it leaves, in a place of the file that is written over, which the kernel
keeps whatever becomes of the process; and their age is counted by the machine's monotonic clock, which nobody can set.
Only a restart of the machine begins a new hour.
"""

from __future__ import annotations

import os
import struct
import weakref
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from agent.clock import Clock
from agent.contract.topics import Class
from agent.files import if_there_is_room
from agent.uplink import numbers
from agent.uplink.budget import SLOT_S, Budget, size_of
from agent.uplink.settings import BudgetSettings

TELL_S = 60.0
SPENT = ".spent"
_PLACES = 64
"""For each class, one for each minute of an hour and some more."""
_SPENT = struct.Struct("<dq")
"""When, to the minute before, and how many bytes."""


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
        self._descriptor: int | None = None
        self._tell_at = 0.0
        self._restore()
        self._note_all()

    def take(self, klass: Class, topic: str, payload: bytes) -> bool:
        """Whether a message may leave now; if so, its bytes are spent."""
        at = self._clock.monotonic()
        if not self._budget.take(klass, size_of(topic, payload), at=at):
            return False
        self._note(klass)
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

    def _note(self, klass: Class) -> None:
        """Leave what this class spent in the last minute for a run after this one."""
        at, size = self._budget.newest(klass)
        if self._descriptor is None:  # there was no room for the file
            self._note_all()
        else:
            os.pwrite(self._descriptor, _SPENT.pack(at, size), _place(klass, at))

    def _note_all(self) -> None:
        whole = bytearray(_SPENT.size * _PLACES * len(numbers.BUDGETED))
        for klass in numbers.BUDGETED:
            for at, size in self._budget.slots(klass):
                _SPENT.pack_into(whole, _place(klass, at), at, size)
        with if_there_is_room(self._fresh):
            self._fresh.write_bytes(whole)
            self._fresh.replace(self._spent)
            self._descriptor = os.open(self._spent, os.O_WRONLY | os.O_CLOEXEC)
            weakref.finalize(self, os.close, self._descriptor)

    def _restore(self) -> None:
        """Spend again what the last run noted; that of another boot, as if it had ended when this one began."""
        try:
            whole = self._spent.read_bytes()
        except OSError:
            return
        places = range(min(len(whole) // _SPENT.size, _PLACES * len(numbers.BUDGETED)))
        noted = [(*_SPENT.unpack_from(whole, place * _SPENT.size), place // _PLACES) for place in places]
        spent = sorted(one for one in noted if one[1] > 0 and isfinite(one[0]))
        newest = max((at for at, *_ in spent), default=0.0)
        shift = 0.0 if newest <= self._clock.monotonic() else -newest - SLOT_S
        for at, size, number in spent:
            klass = numbers.BUDGETED[number]
            self._budget.add(klass, min(size, self._limits[klass]), at=at + shift)


def _place(klass: Class, at: float) -> int:
    """Where in the file a minute of a class stands."""
    return _SPENT.size * (numbers.BUDGETED.index(klass) * _PLACES + int(at // SLOT_S) % _PLACES)
