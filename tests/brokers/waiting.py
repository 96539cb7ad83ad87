"""Polling a transport until something has happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from agent.transport import Connected, Happening, Message, Subscribed, Transport

T = TypeVar("T", bound=Happening)
TURNS = 2400
TURN_S = 0.05


def until(transport: Transport, enough: Callable[[list[Happening]], bool]) -> list[Happening]:
    """All that happens until it is `enough`; the test fails when that takes more than two minutes."""
    seen: list[Happening] = []
    for _ in range(TURNS):
        seen += transport.poll(TURN_S)
        if enough(seen):
            return seen
    raise AssertionError(f"only this happened: {seen}")


def first(transport: Transport, kind: type[T]) -> T:
    """The next happening of a kind."""
    seen = until(transport, lambda news: any(isinstance(item, kind) for item in news))
    return next(item for item in seen if isinstance(item, kind))


def messages(transport: Transport, count: int) -> list[Message]:
    """The next messages, at least `count`."""

    def enough(news: list[Happening]) -> bool:
        return sum(isinstance(item, Message) for item in news) >= count

    return [item for item in until(transport, enough) if isinstance(item, Message)]


def quiet(transport: Transport) -> list[Message]:
    """Messages that come although none should: a second of listening."""
    seen = [item for _ in range(10) for item in transport.poll(TURN_S)]
    return [item for item in seen if isinstance(item, Message)]


def opened(transport: Transport, *patterns: str) -> Connected:
    """Open a transport and wait until its session and its subscriptions stand."""
    for pattern in patterns:
        transport.subscribe(pattern)
    transport.open()

    def enough(news: list[Happening]) -> bool:
        taken = sum(isinstance(item, Subscribed) for item in news)
        return taken >= len(patterns) and any(isinstance(item, Connected) for item in news)

    return next(item for item in until(transport, enough) if isinstance(item, Connected))
