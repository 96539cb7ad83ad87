"""True times for what a node told while its clock was wrong, found by its monotonic clock.

Every envelope says how long its boot has lasted (`mono`). As soon as one envelope of a boot was made by a
clock that a time server vouched for, the beginning of that boot is known, and with it the time of everything
else of it. No clock and no I/O. The invariant: what was told under a good clock is given back as it was told.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from agent.contract.envelope import Envelope
from agent.records import ClockQuality

BOOTS = 4096
"""Boots whose beginning is remembered."""


@dataclass(slots=True)
class Restamp:
    """The beginnings of boots, learned from what comes."""

    _began: OrderedDict[tuple[str, str], float] = field(default_factory=OrderedDict)

    def see(self, envelope: Envelope) -> None:
        """Learn from an envelope, of any class, when its boot began; the latest word of a good clock counts."""
        if envelope.payload.clock is ClockQuality.NTP:
            key = _boot(envelope)
            self._began[key] = envelope.recorded_at - envelope.payload.mono
            self._began.move_to_end(key)
            while len(self._began) > BOOTS:
                self._began.popitem(last=False)

    def error_s(self, envelope: Envelope) -> float | None:
        """How far the node's clock was ahead when it made this; None while nothing of its boot vouches for it."""
        if envelope.payload.clock is ClockQuality.NTP:
            return 0.0
        began = self._began.get(_boot(envelope))
        return None if began is None else envelope.recorded_at - envelope.payload.mono - began

    def at(self, envelope: Envelope) -> float | None:
        """When it truly happened, in seconds since 1970; None while that is not known."""
        error_s = self.error_s(envelope)
        return None if error_s is None else envelope.at - error_s


def _boot(envelope: Envelope) -> tuple[str, str]:
    return str(envelope.maker), envelope.payload.boot
