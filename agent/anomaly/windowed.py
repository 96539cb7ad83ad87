"""Readings into samples: what every rule that judges one sample a window has in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from agent.anomaly.verdict import Verdict
from agent.records import Reason


@dataclass(slots=True)
class Window:
    """The readings of one sample: from `since` to `until`, which is a whole multiple of its length."""

    since: float
    until: float
    total: float = 0.0
    most: float = -math.inf
    count: int = 0

    @classmethod
    def at(cls, at: float, every_s: float) -> Window:
        return cls(at, (math.floor(at / every_s) + 1) * every_s)

    def add(self, value: float) -> None:
        self.total += value
        self.most = max(self.most, value)
        self.count += 1


class Sampled(Protocol):
    """The settings of a rule that takes a sample every so often."""

    @property
    def every_s(self) -> float: ...


R = TypeVar("R", bound=Sampled)


@dataclass(slots=True)
class Windowed(ABC, Generic[R]):
    """Holds while the last sample gave a reason; who inherits judges a window that has ended in `_end`."""

    rule: R
    _window: Window | None = field(default=None, init=False)
    _reason: Reason | None = field(default=None, init=False)
    """Why the latest sample is told; None where it is not."""

    def observe(self, value: float, at: float) -> Verdict:
        self._at(at).add(value)
        return self._verdict()

    def wait(self, at: float) -> Verdict:
        self._at(at)
        return self._verdict()

    def restart(self, at: float) -> None:
        """The past does not depend on the hours in which the rule tells of it."""

    def forget(self, _at: float) -> None:
        self._window, self._reason = None, None

    def _at(self, at: float) -> Window:
        """The window that `at` is in, after the one before it was judged."""
        if self._window is None:
            self._window = Window.at(at, self.rule.every_s)
        if at >= self._window.until:
            self._end(self._window)
            self._window = Window.at(self._window.until, self.rule.every_s)
        return self._window

    @abstractmethod
    def _end(self, window: Window) -> None:
        """Judge the sample of a window that has ended, and set the reason or take it back."""

    def _verdict(self) -> Verdict:
        due = math.inf if self._window is None else self._window.until
        return Verdict(holds=self._reason is not None, reason=self._reason, due=due)
