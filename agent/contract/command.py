"""Which commands and verdicts a node acts on: each once, by somebody who may, in its time.

Pure: envelopes and instants in, a refusal or nothing out. The invariant: what was admitted once is never
admitted again, whatever the clock of the node does and however often it is started anew, as long as
its memory (`encode`) is kept with what was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from agent.contract.envelope import Envelope
from agent.contract.jws import Key
from agent.contract.times import seconds
from agent.contract.topics import EXPIRES_S, ITSELF, Class
from agent.contract.types import AckData, CommandData
from agent.errors import Refused

LONGEST_S = 3600.0
"""A deadline farther away than this is refused, so that what must be remembered is bounded."""

ID_DIGITS = 16
"""A shorter id could not be named in an answer."""

MOST_NUMBERS = 1000
"""Numbers that one `resend` may ask for."""

MOST = 4096
"""Commands and verdicts that are remembered at a time; more of them are refused."""

RIGHTS: Mapping[str, frozenset[str]] = {
    "report": frozenset({"maintainer", "operator"}),
    "resend": frozenset({"maintainer", "operator"}),
    "mode": frozenset({"maintainer", "operator"}),
    "relearn": frozenset({"maintainer"}),
    "restart": frozenset({"maintainer"}),
    "commission": frozenset({"maintainer"}),
}
"""Roles whose keys may give each command."""

MODES = ("watch", "pause")
"""What `mode` may ask for: to watch as ever, or to tell of no events for a while."""


class NotAllowed(Refused):
    """A command that was understood, in time and not heard before, of somebody who may not ask for it, or not so: tell them.

    It is remembered like one that was admitted, so whoever plays it back gets no second answer.
    """


class _Kept(msgspec.Struct, frozen=True):
    """The memory as it is kept."""

    until: dict[str, float]
    floor: float = 0.0


@dataclass(slots=True)
class Memory:
    """Ids of what was admitted, each until it could not be admitted any more.

    What has been forgotten cannot come back when the clock is set back: nothing that ends before
    `floor`, the latest end of anything forgotten, is admitted.
    """

    _until: dict[str, float] = field(default_factory=dict)
    _floor: float = 0.0

    def admit(self, envelope: Envelope, *, at: float, retained: bool, is_sure: bool = True) -> None:
        """Take note of a verified command or verdict that is to be acted on now; `is_sure` whether `at` may be believed.

        NotAllowed: `ended` (the agreement of its key), `clock` (it has an end, and nobody knows what time it is; a
        verdict is Refused so), `role`, `data` (no such mode or range). Refused: `retained`, `topic` (it is for somebody else),
        `data` (an id that no answer could name), `expired`, `deadline` (too far away), `replayed`, `rate` (too many at a time).
        """
        if retained:
            raise Refused("retained", "a command is never retained")
        until = _ends(envelope)
        if until < at or until <= self._floor:
            raise Refused("expired", "the deadline has passed")
        self._forget(at)
        known = f"{envelope.key.kid[:16]} {envelope.payload.id}"
        if known in self._until:
            raise Refused("replayed", "this was taken before")
        _check(envelope, at)
        if isinstance(envelope.data, AckData):
            _check_end(envelope.key, at, is_sure, Refused)
        if len(self._until) >= MOST:
            raise Refused("rate", "more than can be remembered")
        self._until[known] = until
        if isinstance(envelope.data, CommandData):
            _check_end(envelope.key, at, is_sure, NotAllowed)
            _check_command(envelope.data, envelope.key.role)

    def encode(self) -> str:
        """The memory as text."""
        return msgspec.json.encode(_Kept(self._until, self._floor)).decode()

    @classmethod
    def decode(cls, text: str) -> Memory:
        """The inverse; an empty text is an empty memory, Refused('data') for what is none."""
        try:
            kept = msgspec.json.decode(text or '{"until":{}}', type=_Kept)
        except msgspec.MsgspecError as error:
            raise Refused("data", "no memory of commands") from error
        return cls(dict(kept.until), kept.floor)

    def _forget(self, at: float) -> None:
        gone = {known: until for known, until in self._until.items() if until < at}
        self._floor = max([self._floor, *gone.values()])
        self._until = {known: until for known, until in self._until.items() if until >= at}


def is_for_node(envelope: Envelope) -> bool:
    """Whether a command is for the node itself and not for a store that answers in its place."""
    return envelope.klass is not Class.CMD or envelope.topic.type == ITSELF


def _ends(envelope: Envelope) -> float:
    """When it cannot be acted on any more."""
    if isinstance(envelope.data, CommandData):
        return seconds(envelope.data.deadline)
    return envelope.recorded_at + EXPIRES_S[Class.ACK]


def _check(envelope: Envelope, at: float) -> None:
    if len(envelope.payload.id) != ID_DIGITS:
        raise Refused("data", f"an id of {ID_DIGITS} digits is needed to answer it")
    match envelope.data:
        case CommandData():
            ahead = seconds(envelope.data.deadline) - at > LONGEST_S
        case AckData():
            ahead = envelope.recorded_at - at > LONGEST_S
        case _:
            raise Refused("class", f"no command is '{envelope.klass}'")
    if ahead:
        raise Refused("deadline", "farther ahead than a command may wait")


def _check_end(key: Key, at: float, is_sure: bool, kind: type[Refused]) -> None:  # noqa: FBT001 -- as `admit` was told
    """A key with an end counts only while it is known not to have come; one without is no agreement's."""
    if key.ended(at):
        raise kind("ended", "the agreement of this key has ended")
    if key.until is not None and not is_sure:
        raise kind("clock", "this key has an end, and it is not known what time it is")


def _check_command(command: CommandData, role: str) -> None:
    if role not in RIGHTS[command.command]:
        raise NotAllowed("role", f"a {role} may not ask for '{command.command}'")
    if command.command == "mode" and command.target not in MODES:
        raise NotAllowed("data", "no such mode")
    if command.command == "resend" and not (command.first and command.last and command.first <= command.last):
        raise NotAllowed("data", "no range of numbers")
