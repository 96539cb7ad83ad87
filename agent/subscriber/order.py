"""News in the order in which each node made them.

A broker may repeat and a cut may reorder; `seq` tells the true order. The invariant: what was given
out has rising numbers per node, except what comes so late that waiting for it has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.subscriber.reader import News

MOST = 1000
"""News of one node that may wait for a missing one."""


@dataclass(slots=True)
class _Queue:
    """What waits of one node, by number; the number that is due; since when it has been waited for."""

    waiting: dict[int, News] = field(default_factory=dict)
    due: int = 0
    since: float = 0.0


@dataclass(slots=True)
class InOrder:
    """Holds news back until the ones before have come, or for `hold_s` at the most.

    Duplicates are left out. News outside a chain, and unverified ones, pass at once.
    """

    hold_s: float = 5.0
    _queues: dict[str, _Queue] = field(default_factory=dict)

    def add(self, news: News, *, at: float) -> list[News]:
        """What may be given out now that `news` has come."""
        if news.envelope is None or not news.envelope.seq:
            return [news]
        if not news.first_time:
            return []
        queue = self._queues.setdefault(news.node, _Queue(due=news.envelope.seq))
        if news.envelope.seq < queue.due:
            return [news]
        if not queue.waiting:
            queue.since = at
        queue.waiting[news.envelope.seq] = news
        return list(self._ready(queue, at))

    def advance(self, at: float) -> list[News]:
        """What has waited long enough, in order."""
        return [news for queue in self._queues.values() for news in self._overdue(queue, at)]

    def _ready(self, queue: _Queue, at: float) -> Iterator[News]:
        """What follows without a gap."""
        while queue.due in queue.waiting:
            yield queue.waiting.pop(queue.due)
            queue.due += 1
            queue.since = at
        if len(queue.waiting) > MOST:
            yield from self._overdue(queue, at + self.hold_s)

    def _overdue(self, queue: _Queue, at: float) -> Iterator[News]:
        if queue.waiting and at - queue.since >= self.hold_s:
            queue.due = min(queue.waiting)
            yield from self._ready(queue, at)
