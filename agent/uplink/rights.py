"""Does the broker refuse what this node must not say? Tried over the session that stands, when a technician asks.

Only link has the identity that is to be tried. Whoever opens commissioning leaves a file in the inbox; link publishes an
empty message to each topic that is forbidden to it and leaves what became of them in another. MQTT 5 answers each
with a reason; before it a broker stays silent, and then a message that comes back by our own subscription was let through.

The invariant: what is tried holds nothing, is never retained, and is tried once for each time that it was asked.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from agent.clock import Clock
from agent.contract.topics import Class, NodeName, Topic
from agent.files import mark, read_plain, replace_if_room
from agent.transport import NOBODY_SUBSCRIBES, Acknowledged, Message, Transport

ASK, FILE = ".rights-asked", ".rights.json"
MAX_BYTES = 4096
TRIAL = "trial"
NOBODY = "nobody"
"""The name of a node that no union has, in whose name nothing may be said."""
LOOK_S = 1.0
ECHO_S = 10.0
"""How long a message may take to come back."""
_REASONS = 5
"""The MQTT version from which a broker says why."""

Word = Literal["refused", "allowed", "unknown"]


class Rights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of each topic, by its class, at an instant."""

    at: float
    found: dict[str, Word]

    @property
    def refused(self) -> int:
        return sum(word == "refused" for word in self.found.values())

    @property
    def allowed(self) -> tuple[str, ...]:
        return tuple(klass for klass, word in self.found.items() if word == "allowed")


def ask(inbox: Path) -> None:
    """Have link try at its next look; where link has put something in the way, it is not asked."""
    with suppress(OSError):
        mark(inbox / ASK)


def read(inbox: Path) -> Rights | None:
    """What link found last; None where it never tried."""
    content = read_plain(inbox / FILE, most=MAX_BYTES)
    try:
        return msgspec.json.decode(content, type=Rights) if content else None
    except (ValueError, RecursionError):  # link may write anything there; msgspec's own errors are ValueErrors
        return None


def forbidden(name: NodeName) -> dict[Class, Topic]:
    """A receipt and a command to ourselves, which we would hear, and an event of another node."""
    other = NodeName(name.union, name.comune, NOBODY)
    return {
        Class.RCPT: Topic(name, Class.RCPT, TRIAL),
        Class.CMD: Topic(name, Class.CMD, TRIAL),
        Class.EVT: Topic(other, Class.EVT, TRIAL),
    }


@dataclass(slots=True)
class RightsTrial:
    """Link's part; `inbox` is the folder that it may write to."""

    name: NodeName
    transport: Transport
    inbox: Path
    clock: Clock
    _waiting: dict[int, Class] = field(default_factory=dict)
    _found: dict[Class, Word] = field(default_factory=dict)
    _protocol: int = 0
    _ends: float = 0.0
    _looked_at: float = 0.0

    def begin_session(self, protocol: int) -> None:
        """A new session answers nothing that an earlier one was asked."""
        self._protocol = protocol
        self._waiting.clear()
        self._found.clear()

    def look(self) -> None:
        """Try when somebody asked; write down what became of it when all is known or time is up."""
        at = self.clock.monotonic()
        if self._found:
            self._conclude(at)
        elif at - self._looked_at >= LOOK_S:
            self._looked_at = at
            if (self.inbox / ASK).exists():
                self._try(at)

    def acknowledged(self, answer: Acknowledged) -> bool:
        """Whether it was an answer to a trial."""
        klass = self._waiting.pop(answer.mid, None)
        if klass is None:
            return False
        if answer.reason > NOBODY_SUBSCRIBES:
            self._found[klass] = "refused"
        elif self._protocol >= _REASONS:
            self._found[klass] = "allowed"
        return True

    def heard(self, message: Message) -> bool:
        """Whether it was a trial that came back: the broker let it through."""
        for klass, topic in forbidden(self.name).items():
            if klass in self._found and message.topic == str(topic):
                self._found[klass] = "allowed"
                return True
        return False

    def _try(self, at: float) -> None:
        self._ends = at + ECHO_S
        for klass, topic in forbidden(self.name).items():
            self._found[klass] = "unknown"
            self._waiting[self.transport.publish(str(topic), b"")] = klass

    def _conclude(self, at: float) -> None:
        """With reasons an answer is enough; without them only the silence of those that we would have heard."""
        known = self._protocol >= _REASONS and not self._waiting
        if not known and at < self._ends:
            return
        if self._protocol < _REASONS and not self._waiting:
            silent = [klass for klass in (Class.RCPT, Class.CMD) if self._found[klass] == "unknown"]
            self._found.update(dict.fromkeys(silent, "refused"))
        told = Rights(self.clock.now(), {str(klass): word for klass, word in self._found.items()})
        self._found.clear()
        self._waiting.clear()
        self._leave(told)

    def _leave(self, told: Rights) -> None:
        replace_if_room(self.inbox / FILE, msgspec.json.encode(told), mode=0o640)
        (self.inbox / ASK).unlink(missing_ok=True)
