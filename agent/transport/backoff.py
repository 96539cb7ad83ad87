"""How long to wait before the next try: exponential, jittered, bounded.

The jitter is what keeps six hundred nodes from coming back in the same second.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Delays of `first_s`, doubling up to `most_s`, each shortened by up to half at random."""

    randomness: random.Random
    first_s: float = 0.5
    most_s: float = 30.0
    _tries: int = 0

    def next_s(self, *, at_least_s: float = 0.0) -> float:
        """Seconds to wait now; the following wait is longer."""
        delay = min(self.most_s, self.first_s * 2.0 ** min(self._tries, 32))
        self._tries += 1
        return max(at_least_s, delay) * self.randomness.uniform(0.5, 1.0)

    def reset(self) -> None:
        """What was tried has worked."""
        self._tries = 0
