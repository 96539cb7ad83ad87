"""What a node says of itself beside its chain: birth, will, going down, the head; all retained.

The invariant: what stands retained on the broker is never more hopeful than the truth. A session that
ends without a good-bye, or a sense that died without one, leaves `lost` there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.contract.topics import ITSELF, Class, NodeName, Topic
from agent.transport import Transport, Will
from agent.uplink import unverified
from agent.uplink.ledger import Ledger
from agent.uplink.outbox import WILL, Statement


class Statements:
    """Publishes each statement once a session, and again when sense has made a new one."""

    def __init__(self, name: NodeName, transport: Transport, ledger: Ledger, *, alive: Callable[[], bool]) -> None:
        """`alive` tells whether sense runs."""
        self._state_topic = str(Topic(name, Class.STATE, ITSELF))
        self._transport = transport
        self._ledger = ledger
        self._alive = alive
        self._said: dict[str, int] = {}
        self._lost = False
        self.down = False
        """Sense has said good-bye."""

    def begin_session(self) -> None:
        """The broker may have forgotten everything, or have published the will."""
        self._said.clear()
        self._lost = False

    def see_will(self, statements: Sequence[Statement]) -> None:
        """Give the broker the last words that it is to say for us."""
        for statement in statements:
            if statement.topic == WILL:
                self._transport.set_will(Will(self._state_topic, statement.token.encode()))

    def say(self, statements: Sequence[Statement], *classes: Class) -> None:
        """Publish statements of these classes that are new."""
        for statement in statements:
            if statement.topic == WILL or self._said.get(statement.topic) == statement.version:
                continue
            klass = Topic.parse(statement.topic).klass
            if klass not in classes:
                continue
            if klass is Class.STATE:
                self.down = unverified.goes_down(statement.token)
            if self._publish(klass, statement.topic, statement.token):
                self._said[statement.topic] = statement.version

    def say_lost(self, statements: Sequence[Statement]) -> None:
        """Where sense is gone without a word, publish what it signed for that; its next birth takes it back."""
        if self._alive():
            if self._lost:
                self._said.pop(self._state_topic, None)
            self._lost = False
        elif not (self._lost or self.down):
            for statement in statements:
                if statement.topic == WILL and self._state_topic in self._said:
                    self._lost = self._publish(Class.STATE, self._state_topic, statement.token)

    def _publish(self, klass: Class, topic: str, token: str) -> bool:
        payload = token.encode()
        return self._ledger.take(klass, topic, payload) and self._transport.publish(topic, payload, retain=True) != 0
