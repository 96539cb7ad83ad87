"""Readings that belong together: how far a row of them is from all rows before, given how they usually go along.

The squared Mahalanobis distance of the mean of the latest ten rows, by a covariance that a tenth of each variance keeps
from being singular, against three times what one in a hundred ordinary rows reaches. Pure arithmetic, bounded memory: what
was strange is not learned, and the oldest ordinary rows are forgotten.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agent.errors import Refused

OVER = 10
"""Rows whose mean is judged."""
RIDGE = 0.1
SHARE = 0.99
TIMES = 3.0
"""A row is strange from this many times the distance that `SHARE` of the ordinary rows keep."""
_TINY = 1e-9

Row = list[float]


class Fit(NamedTuple):
    """What is usual of rows."""

    means: Row
    spreads: Row
    inverse: list[Row]
    limit: float

    def parts(self, row: Sequence[float]) -> Row:
        """Each member's part in the squared distance."""
        off = [(value - mean) / spread for value, mean, spread in zip(row, self.means, self.spreads, strict=True)]
        return [
            one * math.fsum(w * other for w, other in zip(line, off, strict=True))
            for one, line in zip(off, self.inverse, strict=True)
        ]


class Oddity(NamedTuple):
    """A row that does not go together: its numbers, the members by their part in it, how far beyond the limit it is."""

    row: Row
    order: list[int]
    strength: float


@dataclass(slots=True)
class Together:
    """The past of a set; `fit` is None until `warm_up` rows were learned."""

    size: int
    warm_up: int = 400
    strictness: float = 1.0
    fit: Fit | None = None
    _latest: deque[Row] = field(default_factory=lambda: deque(maxlen=OVER))
    _rows: deque[Row] = field(init=False)
    _new: int = 0
    """Rows learned since the last fit."""

    def __post_init__(self) -> None:
        self._rows = deque(maxlen=self.warm_up)

    @property
    def rows(self) -> int:
        """How many rows the expectation rests on."""
        return len(self._rows)

    def update(self, row: Sequence[float]) -> Oddity | None:
        """Judge one row and learn it where it is ordinary."""
        self._latest.append(list(row))
        if len(self._latest) < OVER:
            return None
        mean = [math.fsum(column) / OVER for column in zip(*self._latest, strict=True)]
        odd = self._judged(mean)
        if odd is None:
            self._learn(mean)
        return odd

    def pause(self) -> None:
        """Rows were missed: the next ones begin a new mean."""
        self._latest.clear()

    def _judged(self, row: Row) -> Oddity | None:
        if self.fit is None:
            return None
        parts = self.fit.parts(row)
        strength = math.fsum(parts) / (self.fit.limit * self.strictness)
        if strength <= 1.0:
            return None
        return Oddity(row, sorted(range(self.size), key=lambda number: -parts[number]), strength)

    def _learn(self, row: Row) -> None:
        self._rows.append(row)
        self._new += 1
        if self._new >= self.warm_up:
            self.fit, self._new = fitted(list(self._rows)), 0

    def state(self) -> dict[str, Any]:
        """What was learned, as plain values that JSON can hold."""
        return {"together": self.size, "rows": [list(row) for row in self._rows], "new": self._new}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up where `state()` was taken; Refused('bad-state') where it is none of ours, or of another set."""
        try:
            rows = [[_number(value) for value in row] for row in state["rows"]]
            size, new = int(state["together"]), int(state["new"])
        except (KeyError, TypeError, ValueError) as error:
            raise Refused("bad-state", f"not a set: {error!r}", hint="remove the file and learn anew") from error
        if any(len(row) != size for row in rows):
            raise Refused("bad-state", "rows of another length", hint="remove the file and learn anew")
        if size != self.size:
            return  # the set was changed in the configuration: it is learned anew
        self._rows, self._new = deque(rows, maxlen=self.warm_up), min(new, self.warm_up)
        if len(self._rows) == self.warm_up:
            self.fit = fitted(rows[-self.warm_up :])


def fitted(rows: Sequence[Row]) -> Fit:
    """Means, spreads, the inverse of the kept-off correlation, and the limit that follows."""
    count, columns = len(rows), [list(column) for column in zip(*rows, strict=True)]
    means = [math.fsum(column) / count for column in columns]
    spreads = [
        math.sqrt(math.fsum((value - mean) ** 2 for value in column) / count) + _TINY * (abs(mean) + _TINY)
        for column, mean in zip(columns, means, strict=True)
    ]
    scaled = [
        [(value - mean) / spread for value in column]
        for column, mean, spread in zip(columns, means, spreads, strict=True)
    ]
    matrix = [[math.fsum(a * b for a, b in zip(one, other, strict=True)) / count for other in scaled] for one in scaled]
    for number, line in enumerate(matrix):
        line[number] += RIDGE
    rough = Fit(means, spreads, inverse(matrix), 1.0)
    distances = sorted(math.fsum(rough.parts(row)) for row in rows)
    return rough._replace(limit=TIMES * max(_TINY, distances[min(count - 1, int(SHARE * count))]))


def inverse(matrix: Sequence[Row]) -> list[Row]:
    """Of a symmetric, positive definite matrix, by Gauss and Jordan; the ridge keeps its pivots from zero."""
    size = len(matrix)
    work = [[*line, *(1.0 if number == other else 0.0 for other in range(size))] for number, line in enumerate(matrix)]
    for number in range(size):
        pivot = work[number][number]
        work[number] = [value / pivot for value in work[number]]
        for other in range(size):
            if other != number and (factor := work[other][number]):
                work[other] = [a - factor * b for a, b in zip(work[other], work[number], strict=True)]
    return [line[size:] for line in work]


def _number(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number")
    return float(value)
