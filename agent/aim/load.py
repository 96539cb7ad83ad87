"""A real load on every core for some seconds, and what supply and heat were meanwhile.

Hashing lets go of the interpreter, so a thread a core keeps all of them busy; what watches the cameras runs on beside
it, as it will on a hot day.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.clock import Clock

LASTS_S = 20.0
EVERY_S = 1.0
_BLOCK = bytes(1 << 20)

Read = Callable[[], Mapping[str, float]]


@dataclass(slots=True)
class Loaded:
    """What was read before, during and at the end; `samples` hold quantities of the host."""

    cores: int
    lasted_s: float = 0.0
    before: Mapping[str, float] = field(default_factory=dict)
    samples: list[Mapping[str, float]] = field(default_factory=list)

    def most(self, quantity: str) -> float | None:
        """The greatest value under load; None where this board does not tell."""
        return max((sample[quantity] for sample in self.samples if quantity in sample), default=None)


def loaded(read: Read, clock: Clock, *, cores: int, lasts_s: float = LASTS_S) -> Loaded:
    """Make the load and look every second; returns when it is over."""
    stop, made = threading.Event(), Loaded(cores, before=read())
    threads = [threading.Thread(target=_burn, args=(stop,), daemon=True) for _ in range(cores)]
    began = clock.monotonic()
    for thread in threads:
        thread.start()
    while clock.monotonic() - began < lasts_s:
        clock.sleep(EVERY_S)
        made.samples.append(read())
    stop.set()
    for thread in threads:
        thread.join()
    made.lasted_s = clock.monotonic() - began
    return made


def _burn(stop: threading.Event) -> None:
    digest = hashlib.sha256()
    while not stop.is_set():
        digest.update(_BLOCK)
