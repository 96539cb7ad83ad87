"""What counts as one look: a view that stays open and draws itself anew is one, and is signed for at every hour.

No I/O and no clock. The invariant: whatever a page says of itself, no question is answered for longer than an hour
without a record of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LOOK_S = 3600.0


@dataclass(slots=True)
class Looks:
    """When each question was signed for last."""

    _signed: dict[str, float] = field(default_factory=dict)

    def is_new(self, question: str, *, at: float, again: bool) -> bool:
        """Whether a question has to be signed for; not one that a page asks `again` by itself while it is open."""
        if again and 0.0 <= at - self._signed.get(question, float("-inf")) < LOOK_S:
            return False
        self._signed = {known: since for known, since in self._signed.items() if at - since < LOOK_S}
        self._signed[question] = at
        return True
