"""What a receiver needs: verify, order, find gaps, store and give receipts.

    from agent.subscriber import connect, listen

give verified news from a broker, one by one; `Reader` does the same for messages that come from
elsewhere, and `InOrder` puts them into the order in which their node made them.
"""

from __future__ import annotations

from agent.subscriber.listening import connect, listen
from agent.subscriber.order import InOrder
from agent.subscriber.reader import Mark, News, Reader

__all__ = ["InOrder", "Mark", "News", "Reader", "connect", "listen"]
