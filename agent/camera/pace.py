"""When a frame is due, and which frames are left out.

Pure: seconds in, seconds or yes/no out.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Thinner:
    """Lets through at most `fps` frames a second, all of them where `fps` is None.

    A frame counts as due a tenth of a period early, so that 25 frames a second thin to an even 5
    in spite of rounded timestamps.
    """

    fps: float | None
    _due: float | None = None

    def keeps(self, t: float) -> bool:
        """Whether the frame at `t` seconds is one of those; `t` never goes back."""
        if self.fps is None:
            return True
        period = 1.0 / self.fps
        if self._due is not None and t < self._due - period / 10:
            return False
        on_time = self._due is not None and t < self._due + period
        due = self._due if on_time and self._due is not None else t
        self._due = max(due + period, t + 0.6 * period)  # after a late frame the next one does not follow at once
        return True


@dataclass(slots=True)
class Metronome:
    """Plays media time at the speed of a clock, and gives up frames that come too late.

    `wait_s` says how long to sleep before the frame at media time `t`, or None when it is more than
    `late_s` late. One frame in `starved_s` of media time is let through however late, so a machine
    that is too slow still sees something.
    """

    late_s: float = 0.3
    starved_s: float = 1.0
    _offset: float | None = None
    _given: float = 0.0

    def wait_s(self, t: float, *, now: float) -> float | None:
        """The sleep before this frame; `now` is the clock's, `t` the frame's place in the video."""
        if self._offset is None:
            self._offset = now - t
            self._given = t
        wait = t + self._offset - now
        if wait < -self.late_s and t - self._given < self.starved_s:
            return None
        self._given = t
        return max(0.0, wait)


def backoff_s(chance: random.Random, *, first_s: float = 1.0, most_s: float = 60.0) -> Iterator[float]:
    """Pauses between attempts: doubling from `first_s` to `most_s`, each spread over its upper half."""
    pause = first_s
    while True:
        yield pause * chance.uniform(0.5, 1.0)
        pause = min(most_s, pause * 2)
