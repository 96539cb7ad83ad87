"""States of a sensor (`fault`, `chatter`, `stuck`, ...) as observations: told first, then on change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.records import Observation


@dataclass(slots=True)
class States:
    """Remembers what was told of one source, so that a state is a change and not a stream."""

    source: str
    _told: dict[str, bool] = field(default_factory=dict)

    def tell(self, name: str, at: float, *, on: bool) -> Iterator[Observation]:
        if self._told.get(name) != on:
            self._told[name] = on
            yield Observation(self.source, name, float(on), at)
