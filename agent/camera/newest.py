"""A slot for one thing: the reader of a live camera puts, whoever works takes the newest.

Older things are overwritten, so a slow consumer costs frames and never memory.
"""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """One slot between two threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._failure: BaseException | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def put(self, item: T) -> None:
        """Make `item` the one to be taken next."""
        with self._changed:
            self._item = item
            self._changed.notify_all()

    def fail(self, failure: BaseException) -> None:
        """Let the taker raise `failure` as soon as it asks."""
        with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def close(self) -> None:
        """End all waiting, for good."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self, *, timeout_s: float) -> T | None:
        """The newest thing, once; None when nothing new came in time or the slot is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._failure or self._closed, timeout_s)
            if self._failure:
                raise self._failure
            item, self._item = self._item, None
            return None if self._closed else item

    def pause(self, seconds: float) -> None:
        """Wait without taking, until the time is over or the slot is closed: between two attempts."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)
