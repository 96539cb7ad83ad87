"""What a node says of itself beside its chain: birth, will, going down, the head, all retained, and answers to commands.

The invariant: what stands retained on the broker is never more hopeful than the truth. A session that
ends without a good-bye, or a sense that died without one, leaves `lost` there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.contract.chain import Range
from agent.contract.topics import EXPIRES_S, ITSELF, RETAINED, Class, NodeName, Topic
from agent.transport import Transport, Will
from agent.uplink import unverified
from agent.uplink.database import RESEND
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
        self._resent: int | None = None
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
            if statement.topic in (WILL, RESEND) or self._said.get(statement.topic) == statement.version:
                continue
            klass = Topic.parse(statement.topic).klass
            if klass not in classes:
                continue
            if klass is Class.STATE:
                self.down = unverified.goes_down(statement.token)
            if self._publish(klass, statement.topic, statement.token):
                self._said[statement.topic] = statement.version

    def asked_again(self, statements: Sequence[Statement]) -> Range | None:
        """A range that sense wants handed over once more, told once; what was asked before this link began is past."""
        asked = next((one for one in statements if one.topic == RESEND), Statement(RESEND, "0 0", 0))
        before, self._resent = self._resent, asked.version
        first, _, last = asked.token.partition(" ")
        return None if before in (None, asked.version) else (int(first), int(last))

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
        if not self._ledger.take(klass, topic, payload):
            return False
        retain, expires_s = klass in RETAINED, EXPIRES_S.get(klass)
        return self._transport.publish(topic, payload, retain=retain, expires_s=expires_s) != 0
