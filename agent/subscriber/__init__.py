"""What a receiver needs: verify, order, find gaps, store and give receipts.

    from agent.subscriber import Kit, connect

give verified news from a broker, in order and each once, with gaps filled and receipts where the role allows it. `listen` gives them as they
come, `Reader` does it for messages that come from elsewhere, and `InOrder` puts them into the order in which their node made them.
"""

from __future__ import annotations

from agent.subscriber.kit import Kit
from agent.subscriber.listening import connect, listen
from agent.subscriber.order import InOrder
from agent.subscriber.reader import Mark, News, Reader

__all__ = ["InOrder", "Kit", "Mark", "News", "Reader", "connect", "listen"]
