"""A client of a broker that shares its work with others by a consumer group of NATS JetStream.

MQTT 5 has shared subscriptions for it; the gateway of NATS speaks 3.1.1. Here `$share/GROUP/FILTER` is
taken part in as a consumer group, and everything else, also all that is published, goes over MQTT. The
invariant: messages of both ways are acknowledged in the order in which they were given.
"""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager

from agent.transport import Exchange, Happening, Message, Transport, Will
from agent.transport.jetstream import Group

SHARED = "$share/"
LOOK_S = 0.1
"""MQTT is looked at so often while the group is waited for."""

_BY_MQTT = ""


class GroupedTransport:
    """Both ways as one; it stands when MQTT does."""

    def __init__(self, mqtt: Transport, group: Group) -> None:
        self._mqtt = mqtt
        self._group = group
        self._given: deque[str] = deque()
        """How each message that was given is acknowledged, the oldest first."""

    def open(self) -> None:
        self._mqtt.open()

    def set_will(self, will: Will) -> None:
        self._mqtt.set_will(will)

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        expires_s: int | None = None,
        exchange: Exchange | None = None,
    ) -> int:
        return self._mqtt.publish(topic, payload, retain=retain, expires_s=expires_s, exchange=exchange)

    def together(self) -> AbstractContextManager[None]:
        return self._mqtt.together()

    def subscribe(self, pattern: str) -> None:
        if not pattern.startswith(SHARED):
            self._mqtt.subscribe(pattern)
            return
        group, _, topics = pattern.removeprefix(SHARED).partition("/")
        self._group.join(group, topics)

    def unsubscribe(self, pattern: str) -> None:
        """Of MQTT's own subscriptions; a group is left as a whole, with `close`."""
        self._mqtt.unsubscribe(pattern)

    def poll(self, timeout_s: float, *, owing: int = 0) -> list[Happening]:
        self._acknowledge(owing)
        news: list[Happening] = []
        left_s = timeout_s
        while True:
            news += self._mqtt.poll(0.0, owing=self._given.count(_BY_MQTT))
            self._given.extend(_BY_MQTT for one in news if isinstance(one, Message))
            for message, reply in self._group.poll(0.0 if news else min(left_s, LOOK_S)):
                news.append(message)
                self._given.append(reply)
            left_s -= LOOK_S
            if news or left_s <= 0:
                return news

    def close(self, *, lost: bool = False) -> None:
        if lost:
            self._group.close()
        else:
            self._group.leave([reply for reply in self._given if reply != _BY_MQTT])
        self._given.clear()
        self._mqtt.close(lost=lost)

    def _acknowledge(self, owing: int) -> None:
        done = [self._given.popleft() for _ in range(max(0, len(self._given) - owing))]
        self._group.acknowledge([reply for reply in done if reply != _BY_MQTT])
