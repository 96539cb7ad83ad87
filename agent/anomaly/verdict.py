"""What a judge says of the readings it was given, and what every judge can be asked.

A judge is one rule applied to one quantity of one source. It never reads a clock: it is handed every
reading with its instant, and is woken at the instant it asked for.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol, runtime_checkable

from agent.records import Reason

NEVER = math.inf


class Verdict(NamedTuple):
    """Whether what the rule describes is the case, why, and when that may change by itself.

    `since` is when it began, where that was before now. A verdict that does not hold may carry a
    reason too: the last word with which an open event closes. A dwell counts from `held`, where it may
    have begun with something short of it. One that does not say `opens` keeps an event open and opens none.
    """

    holds: bool
    reason: Reason | None = None
    due: float = NEVER
    since: float | None = None
    held: float | None = None
    opens: bool = True


class Judge(Protocol):
    """One rule on one quantity of one source."""

    @property
    def stales(self) -> bool:
        """Whether nothing is known any more when the source falls silent."""
        ...

    def observe(self, value: float, at: float, /) -> Verdict:
        """What a new reading makes of it."""
        ...

    def wait(self, at: float, /) -> Verdict:
        """What the passing of time makes of it; called at `due`, and once at the beginning."""
        ...

    def restart(self, at: float, /) -> None:
        """Count no time before `at`: the hours of the rule begin."""
        ...

    def forget(self, at: float, /) -> None:
        """Nothing of before is known to be so any more: the source was silent until `at`."""
        ...


@runtime_checkable
class Tunable(Protocol):
    """A judge whose rule says how unusual something must be."""

    def tune(self, rule: Any, /) -> None:
        """Judge by a rule that differs in that alone."""
        ...
